"""Saliency: where a network looks, by four methods, and two checks of their soundness."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, cast, get_args

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import nn

from jsl_core.cohort.columns import RISK
from jsl_core.errors import BadSettings
from jsl_core.learning.model.bundle import ModelBundle
from jsl_core.learning.model.calibration import called_grades
from jsl_core.learning.model.networks import KneeNetwork

__all__ = [
    "JOINT_SPACE_AREA",
    "METHODS",
    "SaliencyMethod",
    "compute_saliency_maps",
    "joint_space_share",
    "randomise_weights",
    "rank_correlation",
]

SaliencyMethod = Literal["gradient", "smoothgrad", "gradcam", "integrated"]
METHODS: tuple[SaliencyMethod, ...] = get_args(SaliencyMethod)

Maps = NDArray[np.float32]
Forward = Callable[..., torch.Tensor]

_SMOOTHGRAD_DRAWS, _SMOOTHGRAD_NOISE = 16, 0.1  # Smilkov et al. 2017 find 10–20 % of the range best
_INTEGRATED_STEPS = 24
_BATCH = 8

# Where the joint space lies in a crop: the joint line is 54 % of the way down a box of 1.45 plateau widths.
# The band is 12 % of the side high: a normal medial space of 5 mm, and as much again for the curved condyles.
_BAND_ROWS = (0.48, 0.60)
_BAND_COLUMNS = (0.5 - 0.5 / 1.45, 0.5 + 0.5 / 1.45)
JOINT_SPACE_AREA = (_BAND_ROWS[1] - _BAND_ROWS[0]) * (_BAND_COLUMNS[1] - _BAND_COLUMNS[0])


def compute_saliency_maps(
    bundle: ModelBundle, images: NDArray[np.uint8], table: pd.DataFrame, method: SaliencyMethod, seed: int = 0
) -> Maps:
    """Compute how much each pixel contributes to the class that the model predicts.

    That class is the called KL grade, or, where the model has a progression head, progression at and above
    its operating point and stability below.

    Args:
        bundle: The model.
        images: uint8 N×S×S, as on the film.
        table: N rows with `side`, and the risk factors where the model has them.
        method: `gradient` (Simonyan 2014), `smoothgrad` (Smilkov 2017) and `integrated` (Sundararajan 2017,
            from black) are absolute values by pixel; `gradcam` (Selvaraju 2017) is positive evidence in the
            last feature maps, enlarged: gradient times activation, place by place, which is the same where
            features are means over places and holds where they are not (HiResCAM, Draelos and Carin 2020).
        seed: Of the noise of `smoothgrad`.

    Returns:
        float32 N×S×S ≥ 0, oriented as `images`.

    Raises:
        BadSettings: Where a network has no feature maps for `gradcam`.
    """
    left = torch.from_numpy((table["side"].to_numpy() == 2) & bundle.mirror_left)
    pixels = torch.from_numpy(np.ascontiguousarray(images)).unsqueeze(1).float() / 255
    pixels = torch.where(left[:, None, None, None], pixels.flip(-1), pixels)
    factors = torch.from_numpy(bundle.factors.transform(table)) if bundle.factors else None
    classes = _predict_classes(bundle, images, table)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        parts = [
            _attribute(
                bundle.network,
                pixels[rows],
                factors[rows] if factors is not None else None,
                classes[rows],
                method,
            )
            for rows in torch.split(torch.arange(len(pixels)), _BATCH)
        ]
    maps = torch.cat(parts)
    maps = torch.where(left[:, None, None], maps.flip(-1), maps)
    return maps.numpy().astype(np.float32)


def joint_space_share(maps: Maps) -> NDArray[np.float64]:
    """The share of each map inside the joint space, for crops of joint boxes as this project makes them.

    Args:
        maps: float32 N×S×S ≥ 0.

    Returns:
        float N; `JOINT_SPACE_AREA` is what chance gives, and what a map without saliency counts as.
    """
    size = maps.shape[1]
    rows, columns = (slice(*(round(edge * size) for edge in band)) for band in (_BAND_ROWS, _BAND_COLUMNS))
    inside = maps[:, rows, columns].sum((1, 2), dtype=np.float64)
    total = maps.sum((1, 2), dtype=np.float64)
    return np.where(total > 0, inside / np.where(total > 0, total, 1), JOINT_SPACE_AREA)


def randomise_weights(bundle: ModelBundle, seed: int = 0) -> ModelBundle:
    """The bundle with random weights, whose maps should differ (Adebayo et al., NeurIPS 2018)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = KneeNetwork(bundle.network.spec)
    return replace(bundle, network=network.eval())


def rank_correlation(maps: Maps, others: Maps) -> float:
    """Mean rank correlation of the maps of two networks; near 0 for random weights if the method is sound.

    Args:
        maps: float32 N×S×S.
        others: float32 N×S×S, of the same knees.
    """
    ranks, other_ranks = (rankdata(array.reshape(len(array), -1), axis=1) for array in (maps, others))
    pairs = zip(ranks, other_ranks, strict=True)
    return float(np.mean([np.corrcoef(a, b)[0, 1] if np.ptp(a) and np.ptp(b) else 0.0 for a, b in pairs]))


def _predict_classes(bundle: ModelBundle, images: NDArray[np.uint8], table: pd.DataFrame) -> torch.Tensor:
    """Long N: the KL grade, or 1 for progression and 0 for stability."""
    predicted = bundle.predict(images, table)
    if RISK in predicted:
        return torch.from_numpy((predicted[RISK].to_numpy() >= bundle.thresholds["jsl"]).astype(int))
    return torch.from_numpy(called_grades(predicted.to_numpy()))


def _attribute(
    network: KneeNetwork,
    pixels: torch.Tensor,
    factors: torch.Tensor | None,
    classes: torch.Tensor,
    method: SaliencyMethod,
) -> torch.Tensor:
    """Float B×S×S of one batch of B×1×S×S."""
    from captum import attr

    def forward(
        images: torch.Tensor, classes: torch.Tensor, factors: torch.Tensor | None = None
    ) -> torch.Tensor:
        outputs = network(images, factors)
        if "jsl" in outputs:
            odds = outputs["jsl"].logsumexp(dim=1)  # of the label, or of any of the intervals of time
            return torch.where(classes == 1, odds, -odds)
        return outputs["kl"].gather(1, classes[:, None])[:, 0]

    extra = (classes,) if factors is None else (classes, factors)
    if method == "gradcam":
        layer = _last_spatial_layer(network, pixels[:1], None if factors is None else factors[:1])
        evidence = attr.LayerGradientXActivation(forward, layer).attribute(
            pixels, additional_forward_args=extra
        )
        coarse = cast(torch.Tensor, evidence).sum(1, keepdim=True).relu()
        return _onto_crops(coarse, network, pixels)[:, 0].detach()
    if method == "integrated":
        maps = attr.IntegratedGradients(forward).attribute(
            pixels, additional_forward_args=extra, n_steps=_INTEGRATED_STEPS, internal_batch_size=4 * _BATCH
        )
    elif method == "smoothgrad":
        maps = attr.NoiseTunnel(attr.Saliency(forward)).attribute(
            pixels,
            nt_type="smoothgrad",
            nt_samples=_SMOOTHGRAD_DRAWS,
            nt_samples_batch_size=4,
            stdevs=_SMOOTHGRAD_NOISE,
            additional_forward_args=extra,
        )
    else:
        maps = attr.Saliency(forward).attribute(pixels, additional_forward_args=extra)
    return cast(torch.Tensor, maps)[:, 0].abs().detach()


def _onto_crops(coarse: torch.Tensor, network: KneeNetwork, pixels: torch.Tensor) -> torch.Tensor:
    """Enlarge maps B×1×h×w of what a network sees to crops B×1×S×S; 0 in rows it does not see."""
    maps = torch.zeros_like(pixels)
    rows = network.view(maps)  # a part of `maps`, not a copy
    rows.copy_(nn.functional.interpolate(coarse, rows.shape[-2:], mode="bilinear", align_corners=False))
    return maps


def _last_spatial_layer(
    network: KneeNetwork, pixels: torch.Tensor, factors: torch.Tensor | None
) -> nn.Module:
    """The last layer of the backbone whose output still has rows and columns."""
    layers: list[nn.Module] = []

    def collect(module: nn.Module, _: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor) and output.ndim == 4 and min(output.shape[2:]) > 1:
            layers.append(module)

    hooks = [module.register_forward_hook(collect) for module in network.backbone.modules()]
    with torch.no_grad():
        network(pixels, factors)
    for hook in hooks:
        hook.remove()
    if not layers:
        raise BadSettings(f"{network.spec.backbone} has no feature maps for gradcam; choose another saliency")
    return layers[-1]
