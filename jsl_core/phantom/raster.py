"""Blurs and resizes float32 pictures."""

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Image", "blur", "resize"]

Image = NDArray[np.float32]


def blur(image: Image, sigma_x: float, sigma_y: float = 0.0) -> Image:
    """Blur a picture H×W by a Gaussian, sigmas in pixels; `sigma_y` 0 means the same as `sigma_x`."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigmaX=sigma_x, sigmaY=sigma_y), np.float32)


def resize(image: Image, shape: tuple[int, ...], interpolation: int = cv2.INTER_LINEAR) -> Image:
    """Stretch a picture to another shape (height, width)."""
    return np.asarray(cv2.resize(image, (shape[1], shape[0]), interpolation=interpolation), np.float32)
