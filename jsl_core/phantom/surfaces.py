"""The joint surfaces of a right-way-up knee, in mm: x lateral, y towards the foot, origin mid joint line.

Between the femur's lower surface and the tibia's plateau the joint space is exactly as wide as the knee says.
Control points are in half plateau widths, read off posterior-anterior fixed-flexion films; a shape-preserving
spline joins them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from jsl_core.phantom.anatomy import KneeAnatomy
from jsl_core.phantom.variation import WAVES, Variation

__all__ = ["WEIGHT_BEARING", "femoral_surface", "interpolate", "tibial_surface"]

Array = NDArray[np.float64]

WEIGHT_BEARING = (0.36, 0.85)  # of half a plateau, each side: where mJSW is measured

# (x, y) from the medial to the lateral margin: broad condyles round a notch, steep on the medial side.
_FEMUR = (
    (-1.0, -0.34), (-0.985, -0.2), (-0.95, -0.09), (-0.88, -0.045), (-0.76, -0.012), (-0.62, 0.0),
    (-0.5, -0.032), (-0.38, -0.11), (-0.26, -0.225), (-0.16, -0.32), (-0.07, -0.375), (0.02, -0.38),
    (0.1, -0.345), (0.2, -0.245), (0.32, -0.135), (0.45, -0.06), (0.56, -0.018), (0.67, 0.0), (0.8, -0.015),
    (0.925, -0.08), (0.975, -0.19), (0.99, -0.34),
)  # fmt: skip
# Two spines between a hollow medial and a domed lateral plateau.
_TIBIA = (
    (-1.0, 0.09), (-0.975, 0.035), (-0.9, 0.02), (-0.75, 0.02), (-0.6, 0.015), (-0.48, 0.018), (-0.39, 0.005),
    (-0.29, -0.075), (-0.215, -0.175), (-0.155, -0.235), (-0.11, -0.222), (-0.04, -0.175), (0.04, -0.16),
    (0.1, -0.19), (0.15, -0.205), (0.2, -0.18), (0.28, -0.115), (0.38, -0.042), (0.48, -0.008), (0.62, 0.005),
    (0.75, 0.0), (0.86, 0.015), (0.935, 0.035), (0.98, 0.065), (1.0, 0.12),
)  # fmt: skip
_HOLLOW = (
    (-1.0, 0.0),
    (-0.93, 0.004),
    (-0.78, 0.03),
    (-0.62, 0.042),
    (-0.48, 0.026),
    (-0.36, 0.0),
    (1.0, 0.0),
)


def tibial_surface(knee: KneeAnatomy, variation: Variation, u: Array) -> Array:
    """Height y (mm) of the plateaus' floor at u half plateau widths from the middle (lateral positive)."""
    half = knee.plateau / 2
    spine = np.exp(-((u / 0.27) ** 4))
    within = np.clip(u, -1, 1)
    base = interpolate(_TIBIA, within) * (1 + spine * (knee.spines - 1))
    base = (
        base + variation.concavity * interpolate(_HOLLOW, within) + _unevenness(variation.tibia_waves, within)
    )
    return half * base + _plateau_y(knee)


def femoral_surface(knee: KneeAnatomy, variation: Variation, u: Array) -> Array:
    """Height y (mm) of the femur's lower surface at u, as above; each compartment's least gap is its mJSW."""
    drop = []
    for side, mjsw in ((-1, knee.mjsw_medial), (1, knee.mjsw_lateral)):
        weight_bearing = side * np.linspace(*WEIGHT_BEARING, 95)
        gap = tibial_surface(knee, variation, weight_bearing) - _femoral_shape(
            knee, variation, weight_bearing
        )
        drop.append(float(gap.min()) - mjsw)
    across = np.clip((u + 0.35) / 0.7, 0, 1)
    across = across * across * (3 - 2 * across)
    return _femoral_shape(knee, variation, u) + drop[0] * (1 - across) + drop[1] * across


def interpolate(points: Sequence[tuple[float, float]], x: Array) -> Array:
    """Interpolate y at x on a curve through (x, y) points that never overshoots them; x of any shape."""
    return PchipInterpolator(*zip(*points, strict=True))(x)


def _plateau_y(knee: KneeAnatomy) -> float:
    """The plateau's y in mm: the joint line runs midway between it and the condyles."""
    return (knee.mjsw_medial + knee.mjsw_lateral) / 4


def _femoral_shape(knee: KneeAnatomy, variation: Variation, u: Array) -> Array:
    u = u / variation.condyle_width
    notch = np.interp(np.abs(u), [0.3, 0.65], [variation.notch_width, 1.0])
    lean = variation.notch_lean * np.exp(-((u / 0.4) ** 4))
    deep = np.interp(np.abs(u), [0.3, 0.55], [variation.notch_depth, 1.0])
    within = np.clip((u - lean) / notch, -1.0, 0.99)
    return (
        knee.plateau / 2 * (deep * interpolate(_FEMUR, within) + _unevenness(variation.femur_waves, within))
    )


def _unevenness(waves: tuple[float, ...], u: Array) -> Array:
    """A joint surface's own unevenness at u: 0 at the margins."""
    orders = np.arange(1, WAVES + 1)
    return np.sin(0.5 * np.pi * orders * (u[..., None] + 1)) @ np.array(waves)
