"""Radiographs and saliency as pictures that lie inside the page."""

import io

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image as Pillow

from jsl_core.evaluation.report.data_uri import data_uri

__all__ = ["jpeg_uri", "overlay"]

_OPACITY = 0.72


def jpeg_uri(image: NDArray[np.uint8], longest: int) -> str:
    """An image, uint8 H×W or H×W×3, no side longer than `longest` pixels, as the `src` of an `img`."""
    picture = Pillow.fromarray(image)
    picture.thumbnail((longest, longest), Pillow.Resampling.LANCZOS)
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=86, optimize=True)
    return data_uri(data.getvalue(), "image/jpeg")


def overlay(image: NDArray[np.uint8], saliency: NDArray[np.float32]) -> NDArray[np.uint8]:
    """`saliency` (S×S ≥ 0) as colour over `image` (uint8 S×S), uint8 S×S×3: the more, the less see-through.

    The scale runs from the median, below which the image stays as it is, to the 99.5th percentile, so that a
    single pixel cannot hide the rest.
    """
    low, top = np.percentile(saliency, [50, 99.5])
    strength = np.clip((saliency - low) / (top - low), 0, 1) if top > low else np.zeros_like(saliency)
    colour = colormaps["inferno"](0.35 + 0.55 * strength)[..., :3] * 255
    alpha = _OPACITY * np.sqrt(strength)[..., None]
    return np.rint((1 - alpha) * image[..., None] + alpha * colour).astype(np.uint8)
