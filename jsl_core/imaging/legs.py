"""Where the legs are on a film: from brightness alone, without anything learned."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["Legs", "find_legs"]

_WIDTH = 256  # columns of the working copy


@dataclass(frozen=True)
class Legs:
    """The column between two legs in the film's pixels, or None if there is no such valley; how many legs."""

    valley: float | None
    count: int


def find_legs(image: npt.NDArray) -> Legs:
    """Legs of an HxW film, bone bright."""
    height, width = image.shape
    scale = _WIDTH / width
    small = cv2.resize(image[::3, ::3], (_WIDTH, max(int(height * scale), 16)), interpolation=cv2.INTER_AREA)
    rows = small[small.shape[0] // 5 : small.shape[0] - small.shape[0] // 5].astype(np.float32)
    profile = np.median(rows, axis=0)
    profile = cv2.GaussianBlur(profile[None], (0, 0), _WIDTH / 40)[0]
    middle = slice(int(_WIDTH * 0.3), int(_WIDTH * 0.7))
    at = middle.start + int(np.argmin(profile[middle]))
    left, right = profile[:at].max(initial=0), profile[at + 1 :].max(initial=0)
    depth = min(left, right) - profile[at]
    if depth < 0.08 * max(profile.max(), 1):
        return Legs(None, 2 if width > 0.9 * height else 1)
    return Legs((at + 0.5) / scale, 2)
