"""The reference frame of a knee, and the joint space width in it.

The x axis is tangent to the distal edges of both femoral condyles; 0 and 1 lie at their medial and lateral
peripheral tangents, as in the readings of the Osteoarthritis Initiative (Duryea et al., Osteoarthritis
Cartilage 2010, 18:1402, and Neumann et al. 2009, 17:761).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from jsl_core.width.margins import Compartment, Margins

__all__ = ["LATERAL_PLACES", "MEDIAL_PLACES", "Frame", "Widths", "fit_frame", "measure_widths"]

Array = NDArray[np.float64]

MEDIAL_PLACES = (0.150, 0.175, 0.200, 0.225, 0.250, 0.275, 0.300)
LATERAL_PLACES = (0.700, 0.725, 0.750, 0.775, 0.800, 0.825, 0.850, 0.875, 0.900)
_MEDIAL_RANGE, _LATERAL_RANGE = (0.08, 0.31), (0.69, 0.92)  # where the least width is looked for
_FINE = 231  # places in such a range
_EVEN = 0.02  # of x, over which a width is evened out, so that noise of single columns is no least width
_STEPS = 5  # after two the tangent no longer moves


@dataclass(frozen=True)
class Frame:
    """A knee's frame in a picture's pixels.

    Attributes:
        origin: The point (x, y) of x = 0, on the tangent.
        along: From x = 0 to x = 1, (x, y).
    """

    origin: tuple[float, float]
    along: tuple[float, float]

    def place(self, points: Array) -> Array:
        """The x of points N×2 (x, y) in the frame, N."""
        along = np.array(self.along)
        return (points - np.array(self.origin)) @ along / (along @ along)

    def height(self, points: Array) -> Array:
        """The distance of points N×2 (x, y) from the x axis in pixels, towards the tibia, N."""
        return (points - np.array(self.origin)) @ self._across

    def to_picture(self, x: float, height: float) -> Array:
        """The point (x, y) of the picture at a place of the frame."""
        return np.asarray(np.array(self.origin) + x * np.array(self.along) + height * self._across)

    @property
    def _across(self) -> Array:
        """Unit vector square to the x axis, down the picture."""
        x, y = self.along
        across = np.array([-y, x]) / np.hypot(x, y)
        return across if across[1] > 0 else -across


@dataclass(frozen=True)
class Widths:
    """Widths of a joint space in pixels of its picture.

    Attributes:
        medial: The least medial width.
        lateral: The least lateral width.
        at: JSW(x) by x; NaN where a margin does not reach so far.
        places: The points (x, y) of the least widths on femur and tibia, medial then lateral: 2×2×2.
        frame: In which they are measured.
    """

    medial: float
    lateral: float
    at: dict[float, float]
    places: Array
    frame: Frame


def fit_frame(margins: Margins) -> Frame:
    """Lay the x axis along the distal edges of both condyles, and 0 and 1 at their peripheral tangents."""
    medial, lateral = (_femoral(part) for part in (margins.medial, margins.lateral))
    turn = 0.0
    for _ in range(_STEPS):
        normal = np.array([-np.sin(turn), np.cos(turn)])
        low_medial, low_lateral = (points[np.argmax(points @ normal)] for points in (medial, lateral))
        step = low_lateral - low_medial
        turn = float(np.arctan(step[1] / step[0]))
    slope = np.tan(turn)

    def on_tangent(x: float) -> Array:
        return np.array([x, low_medial[1] + slope * (x - low_medial[0])])

    origin, end = (on_tangent(x) for x in margins.peripheral)
    along = end - origin
    return Frame((float(origin[0]), float(origin[1])), (float(along[0]), float(along[1])))


def measure_widths(margins: Margins) -> Widths:
    """Measure the least width of each compartment, and the width at the fixed places.

    A width at x runs square to the x axis; the least one is the smallest over the part of the compartment
    that bears weight.
    """
    frame = fit_frame(margins)
    medial, medial_place = _least(margins.medial, frame, _MEDIAL_RANGE)
    lateral, lateral_place = _least(margins.lateral, frame, _LATERAL_RANGE)
    at: dict[float, float] = {}
    for part, places in ((margins.medial, MEDIAL_PLACES), (margins.lateral, LATERAL_PLACES)):
        femoral, tibial = _heights(part, frame, np.array(places))
        at |= dict(zip(places, (tibial - femoral).tolist(), strict=True))
    return Widths(medial, lateral, at, np.stack([medial_place, lateral_place]), frame)


def _femoral(part: Compartment) -> Array:
    return np.stack([part.x, part.femoral], axis=1)


def _tibial(part: Compartment) -> Array:
    return np.stack([part.x, part.tibial], axis=1)


def _least(part: Compartment, frame: Frame, limits: tuple[float, float]) -> tuple[float, Array]:
    """The least width within limits of x, and its ends (x, y) in the picture, femoral first, 2×2."""
    places = np.linspace(*limits, _FINE)
    femoral, tibial = _heights(part, frame, places)
    within = np.isfinite(tibial - femoral)
    if not within.any():
        return float("nan"), np.full((2, 2), np.nan)
    spread = _EVEN * (_FINE - 1) / (limits[1] - limits[0])
    femoral, tibial = (_even_out(heights[within], spread) for heights in (femoral, tibial))
    gap = tibial - femoral
    at = int(gap.argmin())
    place = float(places[within][at])
    ends = [frame.to_picture(place, float(heights[at])) for heights in (femoral, tibial)]
    return float(gap[at]), np.stack(ends)


def _even_out(heights: Array, spread: float) -> Array:
    """Heights without the noise of single places; a parabola stays as it is, so that no summit is cut."""
    once, twice = (
        cv2.GaussianBlur(heights[:, None], (0, 0), wide, borderType=cv2.BORDER_REFLECT_101)[:, 0]
        for wide in (spread, np.sqrt(2) * spread)
    )
    return np.asarray(2 * once - twice)


def _heights(part: Compartment, frame: Frame, places: Array) -> tuple[Array, Array]:
    """Heights above the x axis, towards the tibia, of the femoral and the tibial margin at places of x."""
    heights = []
    for points in (_femoral(part), _tibial(part)):
        x, y = frame.place(points), frame.height(points)
        order = np.argsort(x)
        heights.append(np.interp(places, x[order], y[order], left=np.nan, right=np.nan))
    return heights[0], heights[1]
