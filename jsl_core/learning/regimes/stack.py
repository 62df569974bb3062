"""What a network that takes risk factors begins as: image and regression of the factors, each weighed.

From a hundred participants' labels alone a head does not find the factors' weights beside a hundred features
of the image. A regression of the factors by themselves does; what is left to find is how much either source
is worth beside the other, two numbers, on validation knees that neither has fitted.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from jsl_core.cohort.columns import PROGRESSION
from jsl_core.learning.model.bundle import ModelBundle
from jsl_core.learning.model.networks import KneeNetwork
from jsl_core.learning.model.tensors import DeviceData
from jsl_core.learning.regimes.prediction import predict_logits

__all__ = ["begin_with_stack", "fit_factors", "weigh_sources"]

# A weak ridge: with the cohorts of this field, a dozen inputs on a hundred knees, it steadies the odds.
_INVERSE_PENALTY = 0.3
# Log odds of independent sources add up, each with weight 1: from there weights move as far as the knees say.
_PRIOR_WEIGHT, _PRIOR_SPREAD = 1.0, 0.5
_INTERCEPT_SPREAD = 3.0
_ROUNDS = 5  # of the nested validation, by participant
_STEPS = 50

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Weights:
    """Of the image's log odds, of the factors', and what is added."""

    image: float
    factors: float
    intercept: float


def fit_factors(inputs: Floats, progressed: Floats) -> LogisticRegression:
    """The regression of encoded risk factors, N×F: the baseline, and what joint networks begin with."""
    return LogisticRegression(C=_INVERSE_PENALTY, max_iter=5000).fit(inputs, progressed)


def weigh_sources(
    log_odds: Floats, progressed: Floats, participant: NDArray[np.str_]
) -> tuple[Floats, Floats]:
    """Weigh sources of log odds against one another, and predict each knee by weights that never saw it.

    Args:
        log_odds: N×K, of K sources, calibrated each by itself.
        progressed: N outcomes, 0 or 1.
        participant: N names.

    Returns:
        K weights and the intercept, K + 1; and N log odds, each of weights fitted without its participant.
    """
    inputs = np.column_stack([log_odds, np.ones(len(log_odds))])
    rounds = np.unique(participant, return_inverse=True)[1] % _ROUNDS
    nested = np.zeros(len(inputs))
    for number in range(_ROUNDS):
        own = rounds == number
        nested[own] = inputs[own] @ _fit_weights(inputs[~own], progressed[~own])
    return _fit_weights(inputs, progressed), nested


def _fit_weights(inputs: Floats, progressed: Floats) -> Floats:
    """The likeliest weights under their prior, by Newton's method."""
    sources = inputs.shape[1] - 1
    centre = np.append(np.full(sources, _PRIOR_WEIGHT), 0.0)
    precision = np.append(np.full(sources, _PRIOR_SPREAD), _INTERCEPT_SPREAD) ** -2
    weights = centre.copy()
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(inputs @ weights, -30, 30)))
        gradient = inputs.T @ (chance - progressed) + precision * (weights - centre)
        curvature = (inputs * (chance * (1 - chance))[:, None]).T @ inputs + np.diag(precision)
        step = np.linalg.solve(curvature, gradient)
        weights = weights - step
        if np.abs(step).max() < 1e-8:
            break
    return weights


def begin_with_stack(
    network: KneeNetwork,
    data: DeviceData,
    table: pd.DataFrame,
    rows: tuple[NDArray[np.intp], NDArray[np.intp]],
    parent: ModelBundle,
    prior: float,
    features: torch.Tensor | None = None,
) -> dict[str, torch.Tensor] | None:
    """Give a network that starts from its parent's heads the factors' regression, weighed beside the image.

    Args:
        network: As `start_from` left it: its log odds are the parent's.
        data: All N knees, with encoded risk factors.
        table: The same, with participant and outcome.
        rows: Of the training and of the validation knees.
        parent: Calibrates the image's log odds.
        prior: By how much training's log odds of progression are above the true ones.
        features: N×D of all knees, in place of the backbone.

    Returns:
        The logits of the validation knees by head, of weights that were fitted without each one's
        participant; None where the network has no room for the factors, and stays as it is.
    """
    train, val = (part[table[PROGRESSION].notna().to_numpy()[part]] for part in rows)
    if data.factors is None or not network.has_room_for_stack:
        return None
    inputs = data.factors.cpu().numpy().astype(np.float64)
    progressed = table[PROGRESSION].to_numpy(float)
    model = fit_factors(inputs[train], progressed[train])
    device = data.images.device
    outputs = predict_logits(network, data, torch.from_numpy(rows[1]).to(device), features)
    position = np.flatnonzero(np.isin(rows[1], val))
    divisor, shift = parent.temperature["jsl"], parent.prior_shift
    image = (outputs["jsl"].cpu().numpy()[position, 0].astype(np.float64) + shift) / divisor
    log_odds = np.column_stack([image, model.decision_function(inputs[val])])
    participant = table["participant"].to_numpy(str)[val]
    fitted, nested = weigh_sources(log_odds, progressed[val], participant)
    weights = _Weights(*fitted.tolist())
    network.set_stack(
        image_scale=weights.image / divisor,
        factor_weight=weights.factors,
        coefficients=torch.from_numpy(model.coef_[0]).float(),
        intercept=weights.image * shift / divisor
        + weights.factors * float(model.intercept_[0])
        + weights.intercept
        + prior,
    )
    honest = outputs["jsl"].clone()
    honest[torch.from_numpy(position), 0] = torch.from_numpy(nested + prior).to(honest)
    return outputs | {"jsl": honest}
