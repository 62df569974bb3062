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
INTERCEPT = -1.07
# Log odds per unit of each term. Published, as odds ratios: medial progression in varus against neutral legs
# 3.6 and 4.1 (Sharma et al., Ann Rheum Dis 2010, 69:1940; JAMA 2001, 286:188); osteophytes 1.4 per spread
# (Felson et al., Rheumatology 2005, 44:100); subchondral bone texture 2.1 per spread, for the same outcome as
# here (MacKay et al., Eur Radiol 2018, 28:4687), AUC 0.75 by the film's (Kraus et al., Arthritis Rheum 2009,
# 60:3711); age, varus and radiographic severity strong, weight over years (Chapple et al., Arthritis Care Res
# 2011, 63:1115). Here each holds beside all the others, so it is less than published, and so chosen that the
# AUCs come out as published: about 0.66 from factors, 0.76-0.80 from films, 0.80-0.84 from both.
COEFFICIENTS = {
    "narrowing_medial": 0.35,
    "asymmetry": 1.0,
    "osteophytes_medial": 0.05,
    "sclerosis_medial": 0.05,
    "alignment": 0.1,
    "texture": 0.5,
    "density_ratio": 0.25,
    "bmi": 0.3,
    "age": 0.15,
    "injury": 0.4,
    "sex": 0.2,
}


def covariates(knees: Anatomy) -> dict[str, Array]:
    """The model's terms, centred and scaled to about one unit of spread, each n×2."""
    return {
        # Bone on bone has less to lose.
        "narrowing_medial": np.clip((4.3 - knees.mjsw_medial) / 0.9, -2.5, 1.5),
        "asymmetry": (knees.mjsw_lateral - knees.mjsw_medial - 1.2) / 1.3,
        "osteophytes_medial": (knees.osteophytes[..., [0, 2]].mean(-1) - 1.4) / 1.2,
        "sclerosis_medial": (knees.sclerosis_medial - 0.14) / 0.15,
        "alignment": (knees.alignment + 4.5) / 2.0,
        "texture": knees.texture,
        "density_ratio": (knees.density_ratio - 1.0) / 0.16,
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
def attainable_auc(participants: int = 20_000) -> dict[str, float]:
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
    names = (
        "kl",
        "mjsw_medial",
        "mjsw_lateral",
        "sclerosis_medial",
        "sclerosis_lateral",
        "density_ratio",
        "texture",
    )
    features = [getattr(knees, name) for name in (*names, "spines", "alignment", "plateau")]
    return np.concatenate([np.stack(features, axis=-1), knees.osteophytes], axis=-1)


def _rows_at_risk(knees: Anatomy, values: Array) -> Array:
    return values[at_risk(knees)]


def _weighted_auc(risk: Array, score: Array) -> float:
    truth = np.repeat([1, 0], len(risk))
    return float(roc_auc_score(truth, np.tile(score, 2), sample_weight=np.concatenate([risk, 1 - risk])))
