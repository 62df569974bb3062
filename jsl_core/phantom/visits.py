"""The same knees later: how each wears from the first film to later ones, in months."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from jsl_core.phantom.anatomy import Anatomy, KneeAnatomy, make_generator
from jsl_core.phantom.reading import grade_later
from jsl_core.phantom.risk import LOSS_MM, at_risk, progression_risk

__all__ = ["HORIZON", "draw_progression", "wear_knees"]

Array = NDArray[np.float64]

HORIZON = 48  # months over which progression is defined
_REPEAT_MM = (
    0.09  # spread of the width between films of an unchanged knee: positioning (repeat films, DOMAIN)
)


def draw_progression(anatomy: Anatomy, seed: int, index: int) -> NDArray[np.bool_]:
    """Draw whether a participant's right and left knee lose 0.7 mm in 48 months.

    Args:
        anatomy: Of that participant alone.
        seed: Of the cohort.
        index: Of the participant, from 0.
    """
    rng = make_generator(seed, index, "outcome")
    return (rng.random(2) < progression_risk(anatomy)[0]) & at_risk(anatomy)[0]


def wear_knees(anatomy: Anatomy, seed: int, index: int, month: int) -> tuple[KneeAnatomy, KneeAnatomy]:
    """Both knees, right first, as they are `month` months after the first film; 0: as the anatomy has them.

    Knees that progress lose at least 0.7 mm of the narrowest medial width by month 48, others less; between
    two films every width also changes by what positioning alone does. Osteophytes and sclerosis grow with it,
    and the KL grade follows.
    """
    knees = (anatomy.knee(0, 1), anatomy.knee(0, 2))
    if month == 0:
        return knees
    rng = make_generator(seed, index, "visit")
    progressed = draw_progression(anatomy, seed, index)
    medial = np.where(progressed, LOSS_MM + 0.02 + rng.gamma(1.4, 0.45, 2), _small_loss(rng))
    lateral = np.where(
        anatomy.sclerosis_lateral[0] > anatomy.sclerosis_medial[0] + 0.1, 0.6, 0.1
    ) * rng.gamma(1.0, 1.0, 2)
    growth = np.where(progressed, 0.25, 0.07) * rng.gamma(2.0, 0.5, 2)
    pace = rng.uniform(0.8, 1.25, 2)  # some wear early, others late
    wobble = _REPEAT_MM * make_generator(seed, index, "visit", month).standard_normal((2, 2))
    if month == HORIZON:
        wobble[0] = 0  # the change to the horizon is drawn as a whole: it defines the label
    share = (month / HORIZON) ** pace
    worn = []
    for knee, i in zip(knees, (0, 1), strict=True):
        medial_left = knee.mjsw_medial - share[i] * min(medial[i], knee.mjsw_medial) + wobble[0, i]
        lateral_left = knee.mjsw_lateral - share[i] * lateral[i] + wobble[1, i]
        grown = 1 + growth[i] * share[i]
        later = replace(
            knee,
            mjsw_medial=max(medial_left, 0.0),
            mjsw_lateral=max(lateral_left, 0.1),
            osteophytes=tuple(
                min(size * grown + 0.4 * growth[i] * share[i], 7.0) for size in knee.osteophytes
            ),
            sclerosis_medial=min(knee.sclerosis_medial + 0.5 * growth[i] * share[i], 1.0),
        )
        worn.append(replace(later, kl=grade_later(knee, later)))
    return worn[0], worn[1]


def _small_loss(rng: np.random.Generator) -> Array:
    """Change of the medial width (mm) of knees that do not progress: a little wear, and positioning."""
    return np.clip(
        0.12 + 0.12 * rng.gamma(1.0, 1.0, 2) + 1.4 * _REPEAT_MM * rng.standard_normal(2), -0.3, 0.68
    )
