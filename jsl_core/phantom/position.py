"""Where a knee lies on a canvas: between its own millimetres and the canvas's pixels."""

from dataclasses import dataclass

import numpy as np

from jsl_core.phantom.raster import Image
from jsl_core.phantom.shapes import Points

__all__ = ["KneePosition", "Window"]

Window = tuple[slice, slice]  # rows, columns


@dataclass(frozen=True)
class KneePosition:
    """Position of a knee on the canvas: joint centre in mm, clockwise tilt in degrees, canvas mm per pixel.

    A right knee's lateral side is on the image's left, so its x runs the other way.
    """

    side: int
    centre: tuple[float, float]
    tilt: float
    spacing: float

    def to_pixels(self, points: Points) -> Points:
        """Convert points N×2 (x, y) from knee mm to canvas pixels, whose centres are at whole numbers."""
        x = points[:, 0] * (-1 if self.side == 1 else 1)
        cos, sin = np.cos(np.radians(self.tilt)), np.sin(np.radians(self.tilt))
        turned = np.stack([cos * x - sin * points[:, 1], sin * x + cos * points[:, 1]], axis=1)
        return (turned + np.array(self.centre)) / self.spacing - 0.5

    def to_knee(self, window: Window) -> tuple[Image, Image]:
        """Knee coordinates x, y (mm) of every pixel of a window (rows, columns), each H×W."""
        rows, columns = (
            ((np.arange(part.start, part.stop) + 0.5) * self.spacing - middle).astype(np.float32)
            for part, middle in zip(window, self.centre[::-1], strict=True)
        )
        x, y = columns, rows[:, None]
        cos, sin = (np.float32(f(np.radians(self.tilt))) for f in (np.cos, np.sin))
        sign = -1 if self.side == 1 else 1
        return sign * (cos * x + sin * y), cos * y - sin * x

    def limb_window(self, half: float, shape: tuple[int, int]) -> Window:
        """The part of a canvas of this shape that a limb's bones may fill."""
        reach = 1.45 * half + abs(np.sin(np.radians(self.tilt))) * shape[0] * self.spacing
        return slice(0, shape[0]), self._span(self.centre[0], reach, shape[1])

    def joint_window(self, half: float, shape: tuple[int, int]) -> Window:
        """The part of a canvas of this shape round the joint: what has fine detail."""
        rows = self._span(self.centre[1], 1.9 * half, shape[0])
        return rows, self._span(self.centre[0], 1.55 * half, shape[1])

    def _span(self, middle: float, reach: float, size: int) -> slice:
        first, last = (round((middle + sign * reach) / self.spacing) for sign in (-1, 1))
        return slice(max(first, 0), max(min(last, size), max(first, 0) + 1))
