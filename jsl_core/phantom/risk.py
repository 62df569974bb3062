"""The true risk of progression: a logistic model of the anatomy and of the clinical factors.

Progression is a loss of at least 0.7 mm of medial joint space over 48 months. A knee with less than that at
baseline cannot progress; it has no label.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from jsl_core.phantom.anatomy import Anatomy, draw_anatomy

__all__ = ["COEFFICIENTS", "INTERCEPT", "at_risk", "attainable_auc", "covariates", "progression_risk"]

Array = NDArray[np.float64]

LOSS_MM = 0.7  # of medial joint space, which counts as progression
INTERCEPT = -1.15
COEFFICIENTS = {
    "density_ratio": 1.65,
    "osteophytes_medial": 0.2,
    "sclerosis_medial": 0.1,
    "mjsw_medial": -0.1,
    "alignment": 0.1,
    "bmi": 0.8,
    "age": 0.45,
    "injury": 0.75,
    "sex": 0.2,
}


def covariates(knees: Anatomy) -> dict[str, Array]:
    """The model's terms, centred and scaled to about one unit of spread, each n×2."""
    return {
        "density_ratio": (knees.density_ratio - 1.0) / 0.16,
        "osteophytes_medial": (knees.osteophytes[..., [0, 2]].mean(-1) - 1.5) / 1.5,
        "sclerosis_medial": (knees.sclerosis_medial - 0.2) / 0.2,
        "mjsw_medial": (knees.mjsw_medial - 4.0) / 1.0,
        "alignment": (knees.alignment + 4.5) / 2.0,
        "bmi": (knees.bmi - 28.8) / 4.8,
        "age": (knees.age - 61) / 9.0,
        "injury": knees.injury - 0.28,
        "sex": knees.sex - 1.58,
    }


def progression_risk(knees: Anatomy) -> Array:
    """True probability of progression of each knee, n×2; 0 where there is no joint space left to lose."""
    terms = covariates(knees)
    logit = INTERCEPT + sum((weight * terms[name] for name, weight in COEFFICIENTS.items()), np.zeros(1))
    return np.where(at_risk(knees), 1 / (1 + np.exp(-logit)), 0.0)


def at_risk(knees: Anatomy) -> NDArray[np.bool_]:
    """Whether a knee has 0.7 mm of medial joint space to lose, n×2."""
    return knees.mjsw_medial >= LOSS_MM


@cache
def attainable_auc(participants: int = 50_000) -> dict[str, float]:
    """The AUC that a perfect model would reach from each set of inputs.

    E[risk | inputs] is fitted by gradient boosting to the true risks of one large draw of participants,
    and scored on another. True risks stand in for labels in both (each knee counts as a positive with weight
    risk and as a negative with weight 1 − risk), so that only the draw of the participants is left to chance.
    `risk-factors` are the 14 inputs of the seed (age, sex, BMI, injury, alignment, race and the expert KL
    grade); `image` is all that the film shows of the joint, alignment and grade included; `image+factors` is
    everything, so the true risk itself.
    """
    fitted, scored = (draw_anatomy(np.random.default_rng([20_240, half]), participants) for half in (0, 1))
    scores = {"image+factors": _rows_at_risk(scored, progression_risk(scored)[..., None])[:, 0]}
    for name, view in {"risk-factors": _risk_factors, "image": _film_features}.items():
        model = HistGradientBoostingRegressor(
            learning_rate=0.15, max_iter=120, max_leaf_nodes=15, random_state=0
        )
        with threadpool_limits(1):  # threads wait for each other where others use the machine, for minutes
            model.fit(
                _rows_at_risk(fitted, view(fitted)),
                _rows_at_risk(fitted, progression_risk(fitted)[..., None])[:, 0],
            )
        scores[name] = model.predict(_rows_at_risk(scored, view(scored)))
    risk = _rows_at_risk(scored, progression_risk(scored)[..., None])[:, 0]
    return {name: _weighted_auc(risk, scores[name]) for name in ("risk-factors", "image", "image+factors")}


def _risk_factors(knees: Anatomy) -> Array:
    names = ("age", "sex", "bmi", "injury", "alignment", "race", "kl")
    return np.stack([getattr(knees, name) for name in names], axis=-1)


def _film_features(knees: Anatomy) -> Array:
    names = ("kl", "mjsw_medial", "mjsw_lateral", "sclerosis_medial", "sclerosis_lateral", "density_ratio")
    features = [getattr(knees, name) for name in (*names, "spines", "alignment", "plateau")]
    return np.concatenate([np.stack(features, axis=-1), knees.osteophytes], axis=-1)


def _rows_at_risk(knees: Anatomy, values: Array) -> Array:
    return values[at_risk(knees)]


def _weighted_auc(risk: Array, score: Array) -> float:
    truth = np.repeat([1, 0], len(risk))
    return float(roc_auc_score(truth, np.tile(score, 2), sample_weight=np.concatenate([risk, 1 - risk])))
