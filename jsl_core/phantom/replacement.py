"""When phantom knees are replaced: a hazard of the anatomy and the factors, beside death and drop-out."""

import numpy as np
from numpy.typing import NDArray

from jsl_core.phantom.anatomy import Anatomy, make_generator
from jsl_core.phantom.risk import covariates

__all__ = ["HORIZON", "draw_replacement", "replacement_risk"]

Array = NDArray[np.float64]

HORIZON = 96  # months
_LAST_VISIT = 108  # months of those who stay to the end
# Log hazard per unit of each term of the risk: what decides on a knee's replacement is how far it has come
# (narrowing, osteophytes, sclerosis), and age and weight. Chosen so that one knee in eight is replaced, about
# twice as many as in a cohort of volunteers, for events enough in small phantoms.
_LOG_HAZARDS = {
    "narrowing_medial": 0.8,
    "osteophytes_medial": 0.3,
    "sclerosis_medial": 0.3,
    "alignment": 0.1,
    "texture": 0.2,
    "bmi": 0.25,
    "age": 0.3,
}
_RATE = 0.001  # replacements a month of a knee whose terms are all 0
_DEATHS, _DEATHS_BY_AGE = 0.0008, 0.9  # a month at 61 years, and log per unit of the term, nine years
_DROPOUT = 0.05  # a year


def replacement_risk(knees: Anatomy, months: float = HORIZON) -> Array:
    """The true chance, n×2, that each knee is replaced by so many months, and before its owner dies."""
    rate, death = _rates(knees)
    together = rate + death
    return rate / together * -np.expm1(-together * months)


def draw_replacement(anatomy: Anatomy, seed: int, index: int) -> tuple[Array, NDArray[np.int_]]:
    """Draw when both knees of a participant end, and how.

    Args:
        anatomy: Of that participant alone.
        seed: Of the cohort.
        index: Of the participant, from 0.

    Returns:
        Months of the right and left knee to replacement, death or the last yearly visit; and 1, 2 or 0.
    """
    rng = make_generator(seed, index, "replacement")
    rate, death = (part[0] for part in _rates(anatomy))
    stays = int(rng.geometric(_DROPOUT)) * 12
    last = float(min(stays, _LAST_VISIT))
    ends = np.stack(
        [np.full(2, last), rng.exponential(1 / rate), np.full(2, rng.exponential(1 / float(death[0])))]
    )
    return ends.min(axis=0).round(2), ends.argmin(axis=0)


def _rates(knees: Anatomy) -> tuple[Array, Array]:
    """Replacements and deaths a month, n×2 each."""
    terms = covariates(knees)
    log_rate = sum((weight * terms[name] for name, weight in _LOG_HAZARDS.items()), np.zeros(1))
    return _RATE * np.exp(log_rate), _DEATHS * np.exp(_DEATHS_BY_AGE * terms["age"]) * np.ones_like(log_rate)
