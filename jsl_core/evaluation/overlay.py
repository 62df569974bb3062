"""Saliency as colour over a picture, without the libraries that compute it, which take seconds to load."""

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["overlay_saliency"]

_OPACITY = 0.72  # where a map is highest


def overlay_saliency(image: NDArray[np.uint8], saliency: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Lay saliency as colour over an image, the more opaque the higher it is.

    The scale runs from the map's median, below which the image stays as it is, to its 99.5th percentile, so
    that a single pixel cannot hide the rest.

    Args:
        image: uint8 S×S.
        saliency: float32 S×S ≥ 0.

    Returns:
        uint8 S×S×3.
    """
    low, top = np.percentile(saliency, [50, 99.5])
    strength = np.clip((saliency - low) / (top - low), 0, 1) if top > low else np.zeros_like(saliency)
    shade = np.rint(255 * (0.35 + 0.55 * strength)).astype(np.uint8)
    colour = cv2.applyColorMap(shade, cv2.COLORMAP_INFERNO)[..., ::-1]
    alpha = _OPACITY * np.sqrt(strength)[..., None]
    return np.rint((1 - alpha) * image[..., None] + alpha * colour).astype(np.uint8)
