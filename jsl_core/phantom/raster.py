"""The two image operations that all rendering rests on, for float32 pictures."""

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Image", "blurred", "resized"]

Image = NDArray[np.float32]


def blurred(image: Image, sigma_x: float, sigma_y: float = 0.0) -> Image:
    """A Gaussian blur, sigmas in pixels; `sigma_y` 0 means the same as `sigma_x`."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigmaX=sigma_x, sigmaY=sigma_y), np.float32)


def resized(image: Image, shape: tuple[int, ...], interpolation: int = cv2.INTER_LINEAR) -> Image:
    """The picture stretched to another shape (height, width)."""
    return np.asarray(cv2.resize(image, (shape[1], shape[0]), interpolation=interpolation), np.float32)
