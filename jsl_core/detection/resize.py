"""Fitting an image into the network's input, and boxes back out of it."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["PAD", "Fit", "Resize", "eight_bits", "fit"]

Resize = Literal["letterbox", "stretch"]
PAD = 127  # Darknet's letterbox grey


@dataclass(frozen=True)
class Fit:
    """Scale and offset (x, y) from an image's pixels to the network's: `x' = x · scale + offset`."""

    scale: tuple[float, float]
    offset: tuple[float, float]

    @classmethod
    def of(cls, width: int, height: int, size: tuple[int, int], how: Resize) -> "Fit":
        """How an image of `width` × `height` comes to an input of `size` (width, height)."""
        ratio = size[0] / width, size[1] / height
        if how == "stretch":
            return cls(ratio, (0.0, 0.0))
        scale = min(ratio)
        inner = max(1, round(width * scale)), max(1, round(height * scale))
        offset = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
        return cls((inner[0] / width, inner[1] / height), (float(offset[0]), float(offset[1])))

    def back(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes N×4 in the network's pixels as boxes in the image's pixels."""
        return (
            (boxes - np.array(self.offset * 2, np.float32)) / np.array(self.scale * 2, np.float32)
        ).astype(np.float32)

    def forth(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes N×4 in the image's pixels as boxes in the network's pixels."""
        return (boxes * np.array(self.scale * 2, np.float32) + np.array(self.offset * 2, np.float32)).astype(
            np.float32
        )


def fit(image: NDArray[np.uint8], size: tuple[int, int], how: Resize) -> tuple[NDArray[np.uint8], Fit]:
    """A grey image H×W resized to the network's input `size` (width, height), and how to come back.

    Stretching interpolates linearly, as Darknet does; letterboxing averages, which keeps thin joint spaces.
    """
    if how == "stretch":
        found = Fit.of(image.shape[1], image.shape[0], size, how)
        return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), found
    image, small = _halved(image, size)
    height, width = image.shape
    found = Fit.of(width, height, size, how)
    inner = round(width * found.scale[0]), round(height * found.scale[1])
    averaging = inner[0] < width and small is image  # what was halved needs no more of it
    small = cv2.resize(small, inner, interpolation=cv2.INTER_AREA if averaging else cv2.INTER_LINEAR)
    canvas = np.full((size[1], size[0]), PAD, np.uint8)
    x, y = int(found.offset[0]), int(found.offset[1])
    canvas[y : y + inner[1], x : x + inner[0]] = small
    return canvas, found


def _halved(image: NDArray[np.uint8], size: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """What is used of an image, and that halved as often as leaves it no smaller than `size` (width, height).

    OpenCV averages by halves forty times as fast as by other factors. What does not divide is left out, right
    and below.
    """
    height, width = image.shape
    factor = 1
    while factor * 2 <= max(width / size[0], height / size[1]):
        factor *= 2
    if factor > min(width, height):
        return image, image  # a strip
    used = small = image[: height // factor * factor, : width // factor * factor]
    for _ in range(factor.bit_length() - 1):
        small = cv2.resize(small, (small.shape[1] // 2, small.shape[0] // 2), interpolation=cv2.INTER_AREA)
    return used, small


def eight_bits(image: NDArray[np.unsignedinteger]) -> NDArray[np.uint8]:
    """A grey image in 8 bits: of 16 bits the upper ones that are used, since 12-bit films come in 16."""
    if image.dtype == np.uint8:
        return image.astype(np.uint8, copy=False)
    used = int(image.max(initial=0)).bit_length()
    return (image >> max(0, used - 8)).astype(np.uint8)
