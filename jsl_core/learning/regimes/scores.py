"""The scores of learning curves and cards; reports have theirs from `jsl_core.evaluation`."""

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import cohen_kappa_score, roc_auc_score
from torch.nn import functional

from jsl_core.cohort.columns import GRADE, GRADE_PROBABILITIES, PROGRESSION, RISK
from jsl_core.learning.model.calibration import called_grades

__all__ = ["prediction_scores", "risk_score", "validation_scores"]


def validation_scores(
    outputs: dict[str, torch.Tensor], grades: torch.Tensor, progressed: torch.Tensor
) -> dict[str, float]:
    """Accuracy and quadratic kappa of the likeliest grade, AUC of progression, of knees with the label.

    Args:
        outputs: Logits by head, N×K.
        grades: KL grades, long N, -1 where missing.
        progressed: Outcomes 0 or 1, float N, -1 where missing.
    """
    scores: dict[str, float] = {}
    if "kl" in outputs:
        scores |= _kl_scores(grades.cpu().numpy(), outputs["kl"].argmax(1).cpu().numpy())
    if "jsl" in outputs:
        scores["auc"] = _auc(progressed.cpu().numpy(), risk_score(outputs["jsl"]).cpu().numpy())
    return scores


def risk_score(logits: torch.Tensor) -> torch.Tensor:
    """What ranks knees by their risk, float B: log odds B×1, or the log hazard of all K intervals, B×K."""
    if logits.shape[1] == 1:
        return logits[:, 0].float()
    return torch.log(functional.softplus(logits.float()).sum(dim=1))


def prediction_scores(predictions: pd.DataFrame) -> dict[str, float | None]:
    """Number of knees, accuracy and kappa of the called grades, AUC; None where a label or class is missing.

    Args:
        predictions: Rows of `predictions.csv`.
    """
    scores: dict[str, float] = {}
    if GRADE_PROBABILITIES[0] in predictions:
        grades = predictions[GRADE_PROBABILITIES].to_numpy()
        truth = predictions[GRADE].fillna(-1).to_numpy(int)
        scores |= _kl_scores(truth, called_grades(grades))
    if RISK in predictions:
        scores["auc"] = _auc(predictions[PROGRESSION].fillna(-1).to_numpy(), predictions[RISK].to_numpy())
    return {"knees": len(predictions)} | {
        name: None if np.isnan(value) else value for name, value in scores.items()
    }


def _kl_scores(grades: np.ndarray, called: np.ndarray) -> dict[str, float]:
    known = grades >= 0
    truth, predicted = grades[known], called[known]
    if len(set(truth)) < 2:
        return {"accuracy": float("nan"), "kappa": float("nan")}
    kappa = cohen_kappa_score(truth, predicted, weights="quadratic", labels=range(5))
    return {"accuracy": float(np.mean(truth == predicted)), "kappa": float(kappa)}


def _auc(progressed: np.ndarray, risk: np.ndarray) -> float:
    known = progressed >= 0
    if len(set(progressed[known])) < 2:
        return float("nan")
    return float(roc_auc_score(progressed[known], risk[known]))
