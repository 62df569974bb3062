"""Saliency of scored crops, as a picture over the joint and as an array."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from jsl_core.dataset import fit_crop
from jsl_core.evaluation.overlay import overlay_saliency
from jsl_core.learning.model.grader import Grader

if TYPE_CHECKING:
    from jsl_core.evaluation.saliency import SaliencyMethod
    from jsl_core.learning.model.bundle import ModelBundle

__all__ = ["encode_overlays"]


def encode_overlays(
    bundle: "ModelBundle | Grader",
    crops: Sequence[NDArray[np.uint8]],
    table: pd.DataFrame,
    method: "SaliencyMethod",
) -> list[tuple[bytes, bytes]]:
    """Compute the saliency of crops and encode it as files.

    Args:
        bundle: The model, with an input of S×S pixels; a grader shows its class activation map.
        crops: N joints, uint8 H×W of any size, as on the film.
        table: N rows with `side`, and the risk factors where the model has them.
        method: Of the saliency.

    Returns:
        For every crop a PNG with the saliency laid over it, and a `.npy` file of the saliency, float32 S×S
        ≥ 0, as on the film.
    """
    images = np.stack([fit_crop(crop, bundle.size) for crop in crops])
    if isinstance(bundle, Grader):
        maps = bundle.attention(images, table)
    else:  # of what a network of PyTorch's looked at
        from jsl_core.evaluation.saliency import compute_saliency_maps

        maps = compute_saliency_maps(bundle, images, table, method)
    return [
        (_encode_png(overlay_saliency(image, saliency)), _encode_npy(saliency))
        for image, saliency in zip(images, maps, strict=True)
    ]


def _encode_png(picture: NDArray[np.uint8]) -> bytes:
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "PNG")
    return data.getvalue()


def _encode_npy(saliency: NDArray[np.float32]) -> bytes:
    data = io.BytesIO()
    np.save(data, saliency, allow_pickle=False)
    return data.getvalue()
