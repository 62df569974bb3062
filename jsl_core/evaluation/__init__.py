"""How good the models are, and a report of it."""

from jsl_core.evaluation.comparisons import compare_grades, compare_models
from jsl_core.evaluation.delong import Difference, Interval, auc_difference, auc_interval
from jsl_core.evaluation.summary import evaluate_predictions

__all__ = [
    "Difference",
    "Interval",
    "auc_difference",
    "auc_interval",
    "compare_grades",
    "compare_models",
    "evaluate_predictions",
]
