"""Temperature scaling (Guo et al. 2017), the operating point, and the grade to call."""

import numpy as np

__all__ = ["TEMPERATURES", "best_threshold", "called_grades", "sigmoid", "softmax", "temperature"]

TEMPERATURES = np.geomspace(0.25, 8.0, 241)
_FAR = 1.0  # cost of a squared grade beside that of being wrong at all; chosen on validation (docs/kl.md)


def temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The divisor of the logits that minimises the log loss.

    Args:
        logits: N×K of classes 0…K-1, or N×1 log odds.
        labels: N classes; 0 and 1 for log odds.
    """
    losses = [_log_loss(logits / divisor, labels) for divisor in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))])


def best_threshold(risk: np.ndarray, progressed: np.ndarray) -> float:
    """The risk at and above which a knee is called progressing: highest Youden index, halfway to the next.

    Args:
        risk: Predicted risk, N.
        progressed: Outcome 0 or 1, N.
    """
    order = np.argsort(-risk, kind="stable")
    sorted_risk, truth = risk[order], progressed[order].astype(bool)
    youden = np.cumsum(truth) / truth.sum() - np.cumsum(~truth) / (~truth).sum()
    last_of_ties = np.append(np.diff(sorted_risk) < 0, True)
    best = int(np.argmax(np.where(last_of_ties, youden, -np.inf)))
    below = sorted_risk[best + 1] if best + 1 < len(sorted_risk) else 0.0
    return float((sorted_risk[best] + below) / 2)


def called_grades(probabilities: np.ndarray) -> np.ndarray:
    """The grades 0…4, int N, that knees of calibrated probabilities N×5 are called by.

    Not the likeliest, but that of the least expected cost, where being wrong costs 1 and the squared
    distance: quadratic kappa is lost by calling a knee that may well be a 2 a 0.
    """
    grades = np.arange(probabilities.shape[1])
    distance = grades[:, None] - grades
    costs: np.ndarray = probabilities @ ((distance != 0) + _FAR * distance**2)
    return costs.argmin(axis=1)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Logits N×K to the probabilities of K classes, row by row."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Log odds of any shape to probabilities."""
    return 1 / (1 + np.exp(-logits))


def _log_loss(logits: np.ndarray, labels: np.ndarray) -> float:
    if logits.shape[1] == 1:
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    peak = logits.max(axis=1, keepdims=True)
    normaliser = np.log(np.exp(logits - peak).sum(axis=1)) + peak[:, 0]
    return float(np.mean(normaliser - logits[np.arange(len(labels)), labels.astype(int)]))
