"""What a model looked at, as a picture over the joint and as the array itself."""

import io
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from jsl_core.dataset import fit_crop
from jsl_core.evaluation.report.pictures import overlay
from jsl_core.evaluation.saliency import SaliencyMethod, saliency_maps
from jsl_core.learning.model import ModelBundle

__all__ = ["overlays"]


def overlays(
    bundle: ModelBundle, crops: Sequence[NDArray[np.uint8]], table: pd.DataFrame, method: SaliencyMethod
) -> list[tuple[bytes, bytes]]:
    """A PNG and a `.npy` file (float32 S×S ≥ 0, as on the film) for every crop.

    The arguments are those of `saliency_maps`.
    """
    images = np.stack([fit_crop(crop, bundle.size) for crop in crops])
    return [
        (_png(overlay(image, saliency)), _npy(saliency))
        for image, saliency in zip(images, saliency_maps(bundle, images, table, method), strict=True)
    ]


def _png(picture: NDArray[np.uint8]) -> bytes:
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "PNG")
    return data.getvalue()


def _npy(saliency: NDArray[np.float32]) -> bytes:
    data = io.BytesIO()
    np.save(data, saliency, allow_pickle=False)
    return data.getvalue()
