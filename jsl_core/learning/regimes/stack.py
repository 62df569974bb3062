"""What a network that takes risk factors begins as: image and regression of the factors, each weighed.

From a hundred participants' labels alone a head does not find the factors' weights beside a hundred features
of the image. A regression of the factors by themselves does; what is left to find is how much either source
is worth beside the other, two numbers, on validation knees that neither has fitted.
"""

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
from jsl_core.learning.regimes.scores import risk_score
from jsl_core.learning.regimes.time_calibration import Times
from jsl_core.learning.regimes.time_regression import fit_cox

__all__ = ["FACTOR_PRECISION", "begin_with_stack", "fit_factors", "weigh_sources"]

# A weak ridge: with the cohorts of this field, a dozen inputs on a hundred knees, it steadies the odds.
_INVERSE_PENALTY = 0.3
FACTOR_PRECISION = 1 / _INVERSE_PENALTY
# Log odds of independent sources add up, each with weight 1 or, having been fitted, a little less. From there
# validation knees move the weights as far as they can tell, which eighteen participants hardly can.
_PRIOR_WEIGHT, _PRIOR_SPREAD = 0.85, 0.25
_INTERCEPT_SPREAD = 3.0
_STEPS = 50

Floats = NDArray[np.float64]


def fit_factors(inputs: Floats, progressed: Floats) -> LogisticRegression:
    """The regression of encoded risk factors, N×F: the baseline, and what joint networks begin with."""
    return LogisticRegression(C=_INVERSE_PENALTY, max_iter=5000).fit(inputs, progressed)


def weigh_sources(log_odds: Floats, progressed: Floats) -> Floats:
    """Weigh sources of log odds against one another: the likeliest weights under their prior.

    Args:
        log_odds: N×K, of K sources, calibrated each by itself.
        progressed: N outcomes, 0 or 1.

    Returns:
        K weights and the intercept, K + 1, by Newton's method.
    """
    inputs = np.column_stack([log_odds, np.ones(len(log_odds))])
    sources = log_odds.shape[1]
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
    times: Times | None = None,
    features: torch.Tensor | None = None,
) -> bool:
    """Give a network that starts from its parent's heads the factors' regression, weighed beside the image.

    Args:
        network: As `start_from` left it: its log odds are the parent's.
        data: All N knees, with encoded risk factors.
        table: The same, with participant and outcome.
        rows: Of the training and of the validation knees.
        parent: Calibrates the image's log odds.
        prior: By how much training's log odds of progression are above the true ones.
        times: Of all N knees, where the network predicts them: log hazards are weighed in place of log odds.
        features: N×D of all knees, in place of the backbone.

    Returns:
        Whether it was: a factor branch of one unit has no room for a ReLU's two sides.
    """
    train, val = (part[table[PROGRESSION].notna().to_numpy()[part]] for part in rows)
    if data.factors is None or not network.has_room_for_stack:
        return False
    inputs = data.factors.cpu().numpy().astype(np.float64)
    if times is not None:
        _begin_with_times(network, data, rows, parent, times, inputs, features)
        return True
    progressed = table[PROGRESSION].to_numpy(float)
    model = fit_factors(inputs[train], progressed[train])
    logits = predict_logits(network, data, torch.from_numpy(val).to(data.images.device), features)["jsl"]
    divisor, shift = parent.temperature["jsl"], parent.prior_shift
    image = (logits[:, 0].cpu().numpy().astype(np.float64) + shift) / divisor
    log_odds = np.column_stack([image, model.decision_function(inputs[val])])
    of_image, of_factors, intercept = weigh_sources(log_odds, progressed[val]).tolist()
    network.set_stack(
        image_scale=of_image / divisor,
        factor_weight=of_factors,
        coefficients=torch.from_numpy(model.coef_[0]).float(),
        intercept=of_image * shift / divisor + of_factors * float(model.intercept_[0]) + intercept + prior,
    )
    return True


def _begin_with_times(
    network: KneeNetwork,
    data: DeviceData,
    rows: tuple[NDArray[np.intp], NDArray[np.intp]],
    parent: ModelBundle,
    times: Times,
    inputs: Floats,
    features: torch.Tensor | None,
) -> None:
    """`begin_with_stack` of log hazards: Cox regressions of the factors and of the two sources."""
    train, val = (part[times.known[part]] for part in rows)
    coefficients = fit_cox(inputs[train], *times.at(train), precision=FACTOR_PRECISION)
    logits = predict_logits(network, data, torch.from_numpy(val).to(data.images.device), features)["jsl"]
    divisor = parent.temperature["jsl"]
    sources = np.column_stack(
        [risk_score(logits).cpu().numpy().astype(np.float64) / divisor, inputs[val] @ coefficients]
    )
    of_image, of_factors = fit_cox(
        sources, *times.at(val), precision=_PRIOR_SPREAD**-2, centre=_PRIOR_WEIGHT
    ).tolist()
    scale = of_image / divisor
    network.set_stack(
        image_scale=scale,
        factor_weight=of_factors,
        coefficients=torch.from_numpy(coefficients).float(),
        intercept=(1 - scale) * logits.mean(dim=0).cpu(),  # the mean knee's hazards stay what they were
    )
