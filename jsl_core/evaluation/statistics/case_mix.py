"""Case mix: how unlike the knees a model is judged on are those it was made on.

Debray et al., Journal of Clinical Epidemiology 68 (2015) 279: a model that tells the two samples apart, and
the spread of the linear predictor.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from jsl_core.evaluation.statistics.delong import auc_interval
from jsl_core.evaluation.statistics.interval import Interval
from jsl_core.evaluation.statistics.selection import weighted_auc

__all__ = ["expected_auc", "membership_auc", "standardised_difference"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

_FOLDS = 10


def membership_auc(inputs: Floats, validated: Bools, participant: NDArray[np.generic]) -> Interval:
    """The AUC by which the membership model tells knees of the validation from those of the development.

    A logistic regression (standardised, under a weak ridge) whose answers are those of a ten-fold
    cross-validation by participant: 0.5 where the two are alike, 1 where they share no kind of knee.

    Args:
        inputs: N×F, NaN where missing, which counts as the mean.
        validated: bool N, the knees of the validation.
        participant: N names, no participant of one sample named as one of the other.
    """
    filled = np.where(np.isnan(inputs), np.nanmean(inputs, axis=0), inputs)
    spread = filled.std(axis=0)
    standard = (filled - filled.mean(axis=0))[:, spread > 0] / spread[spread > 0]
    chance = np.full(len(validated), float(validated.mean()))
    if standard.shape[1]:
        fold = _assign_folds(validated, participant)
        for one in np.unique(fold):
            rest, own = fold != one, fold == one
            model = LogisticRegression(max_iter=1000).fit(standard[rest], validated[rest])
            chance[own] = model.predict_proba(standard[own])[:, 1]
    return auc_interval(validated, chance, participant)


def _assign_folds(validated: Bools, participant: NDArray[np.generic]) -> NDArray[np.int64]:
    """The fold of each knee; each has as many participants of either sample, as far as that goes."""
    fold = np.zeros(len(validated), np.int64)
    for sample in (validated, ~validated):
        names, place = np.unique(participant[sample], return_inverse=True)
        fold[sample] = np.random.default_rng(0).permutation(len(names))[place] % _FOLDS
    return fold


def expected_auc(risk: Floats) -> float:
    """The AUC that risks would have on these knees if each were right.

    What it differs from that of other knees is by the case mix alone; what the observed one falls short of it
    is by the model (van Klaveren et al., Statistics in Medicine 35 (2016) 4136).

    Args:
        risk: float N in [0, 1].
    """
    outcomes = np.repeat([True, False], len(risk))
    weights = np.clip(np.concatenate([risk, 1 - risk]), 1e-12, None)
    return weighted_auc(outcomes, np.tile(risk, 2), weights)


def standardised_difference(first: Floats, second: Floats) -> float:
    """The difference of two means over the root of the mean variance; NaN where neither varies."""
    spread = np.sqrt((first.var() + second.var()) / 2)
    return float((second.mean() - first.mean()) / spread) if spread else float("nan")
