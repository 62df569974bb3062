"""Resizes an image to the network's input, and maps boxes between the two."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["PAD", "InputTransform", "ResizeMethod", "resize_to_input", "to_eight_bits", "trim_padding"]

ResizeMethod = Literal["letterbox", "stretch"]
PAD = 127  # Darknet's letterbox grey


@dataclass(frozen=True)
class InputTransform:
    """Scale and offset (x, y) from an image's pixels to the network's: `x' = x · scale + offset`."""

    scale: tuple[float, float]
    offset: tuple[float, float]

    @classmethod
    def fit(cls, width: int, height: int, size: tuple[int, int], method: ResizeMethod) -> "InputTransform":
        """The transform from an image of `width` × `height` to an input of `size` (width, height)."""
        ratio = size[0] / width, size[1] / height
        if method == "stretch":
            return cls(ratio, (0.0, 0.0))
        scale = min(ratio)
        inner = max(1, round(width * scale)), max(1, round(height * scale))
        offset = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
        return cls((inner[0] / width, inner[1] / height), (float(offset[0]), float(offset[1])))

    def to_image(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes N×4 (x1, y1, x2, y2) from the network's pixels to the image's."""
        return (
            (boxes - np.array(self.offset * 2, np.float32)) / np.array(self.scale * 2, np.float32)
        ).astype(np.float32)

    def to_input(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes N×4 (x1, y1, x2, y2) from the image's pixels to the network's."""
        return (boxes * np.array(self.scale * 2, np.float32) + np.array(self.offset * 2, np.float32)).astype(
            np.float32
        )


def resize_to_input(
    image: NDArray[np.uint8], size: tuple[int, int], method: ResizeMethod
) -> tuple[NDArray[np.uint8], InputTransform]:
    """Resize a grey image to the network's input.

    Stretching interpolates linearly, as Darknet does; letterboxing averages, which keeps thin joint spaces.

    Args:
        image: uint8 H×W.
        size: Width and height of the input.
        method: Whether the aspect ratio is kept.

    Returns:
        The input, uint8 H×W, and the transform of the image's pixels to it.
    """
    if method == "stretch":
        transform = InputTransform.fit(image.shape[1], image.shape[0], size, method)
        return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), transform
    image, small = _halve(image, size)
    height, width = image.shape
    transform = InputTransform.fit(width, height, size, method)
    inner = round(width * transform.scale[0]), round(height * transform.scale[1])
    averaging = inner[0] < width and small is image  # what was halved needs no more of it
    small = cv2.resize(small, inner, interpolation=cv2.INTER_AREA if averaging else cv2.INTER_LINEAR)
    canvas = np.full((size[1], size[0]), PAD, np.uint8)
    x, y = int(transform.offset[0]), int(transform.offset[1])
    canvas[y : y + inner[1], x : x + inner[0]] = small
    return canvas, transform


def trim_padding(image_size: tuple[int, int], size: tuple[int, int], stride: int) -> tuple[int, int]:
    """The part of a letterboxed input that an image fills, up to the network's next grid line.

    What is left out is padding, so the image is seen at the same scale, in up to half of the time.

    Args:
        image_size: Width and height of the image.
        size: Width and height of the input, multiples of `stride`.
        stride: Pixels of the input a cell of the coarsest head.

    Returns:
        Width and height of the smaller input, one of them as in `size`.
    """
    scale = min(whole / length for whole, length in zip(size, image_size, strict=True))
    width, height = (
        min(-(-max(1, round(length * scale)) // stride) * stride, whole)
        for whole, length in zip(size, image_size, strict=True)
    )
    return width, height


def _halve(image: NDArray[np.uint8], size: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The part of an image that is used, and that halved as often as leaves it no smaller than `size` (w, h).

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


def to_eight_bits(image: NDArray[np.unsignedinteger]) -> NDArray[np.uint8]:
    """A grey image in 8 bits: of 16 bits the upper ones that are used, since 12-bit films come in 16."""
    if image.dtype == np.uint8:
        return image.astype(np.uint8, copy=False)
    used_bits = int(image.max(initial=0)).bit_length()
    return (image >> max(0, used_bits - 8)).astype(np.uint8)
