"""How good the models are, and a report of it."""

from jsl_core.evaluation.delong import Difference, Interval, auc_difference, auc_interval
from jsl_core.evaluation.summary import compare_models, evaluate_predictions

__all__ = [
    "Difference",
    "Interval",
    "auc_difference",
    "auc_interval",
    "compare_models",
    "evaluate_predictions",
]
