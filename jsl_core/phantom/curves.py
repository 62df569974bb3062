"""Curves through control points."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline, PchipInterpolator

__all__ = ["Array", "Points", "along", "smooth"]

Array = NDArray[np.float64]
Points = NDArray[np.float64]


def along(points: Sequence[tuple[float, float]], x: Array) -> Array:
    """y at x on the curve through (x, y) points that never overshoots them; x of any shape."""
    return PchipInterpolator(*zip(*points, strict=True))(x)


def smooth(points: Points, per_span: int = 8) -> Points:
    """A cubic spline through the points N×2, dense enough to draw."""
    steps = np.sqrt(np.hypot(*np.diff(points, axis=0).T))  # centripetal: no loops at uneven spacing
    knots = np.concatenate([[0], np.cumsum(np.maximum(steps, 1e-6))])
    return CubicSpline(knots, points)(np.linspace(0, knots[-1], per_span * (len(points) - 1) + 1))
