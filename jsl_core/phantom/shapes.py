"""Outlines of the bones of a right-way-up knee, in mm: x lateral, y towards the foot, origin mid joint line.

Control points are in half plateau widths, read off posterior-anterior fixed-flexion films; a shape-preserving
spline joins them. Between femur and tibia the joint space is exactly as wide as the knee says.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline, PchipInterpolator

from jsl_core.phantom.anatomy import KneeAnatomy
from jsl_core.phantom.variation import Variation

__all__ = [
    "LIMB",
    "WEIGHT_BEARING",
    "Points",
    "bend_shafts",
    "condyle",
    "edge_on_plates",
    "femur",
    "fibula",
    "interpolate",
    "patella",
    "tibia",
    "tibial_surface",
]

Array = NDArray[np.float64]
Points = NDArray[np.float64]

WEIGHT_BEARING = (0.4, 0.85)  # of half a plateau, each side: where mJSW is measured
LIMB = 12.0  # how far the shafts reach from the joint, in half plateau widths: beyond any film

# Joint surfaces, (x, y) from the medial to the lateral margin.
_FEMUR_SURFACE = (
    (-1.0, -0.29), (-0.98, -0.17), (-0.94, -0.08), (-0.87, -0.025), (-0.7, 0.0), (-0.57, -0.02),
    (-0.45, -0.065), (-0.33, -0.15), (-0.21, -0.26), (-0.1, -0.355), (0.0, -0.385), (0.1, -0.365),
    (0.21, -0.285), (0.33, -0.175), (0.45, -0.08), (0.58, -0.02), (0.72, 0.0), (0.86, -0.04), (0.94, -0.12),
    (0.99, -0.3),
)  # fmt: skip
_TIBIA_SURFACE = (
    (-1.0, 0.07), (-0.97, 0.01), (-0.9, 0.0), (-0.75, 0.02), (-0.55, 0.035), (-0.42, 0.01), (-0.3, -0.055),
    (-0.2, -0.13), (-0.13, -0.205), (-0.08, -0.195), (0.0, -0.15), (0.08, -0.165), (0.13, -0.175),
    (0.2, -0.125), (0.3, -0.05), (0.43, 0.005), (0.6, 0.0), (0.8, 0.01), (0.93, 0.03), (1.0, 0.1),
)  # fmt: skip
# Flanks, from the joint up or down the lateral side, and back along the medial one.
_FEMUR_LATERAL = [
    (1.02, -0.5), (1.05, -0.78), (1.04, -1.0), (0.95, -1.35), (0.77, -1.8), (0.58, -2.3), (0.45, -3.1)
]  # fmt: skip
_FEMUR_MEDIAL = [
    (-0.44, -3.1), (-0.57, -2.3), (-0.78, -1.8), (-0.98, -1.38), (-1.07, -1.02), (-1.05, -0.78), (-1.03, -0.5)
]  # fmt: skip
_TIBIA_LATERAL = [(1.02, 0.2), (1.0, 0.42), (0.92, 0.75), (0.72, 1.2), (0.52, 1.8), (0.4, 2.7)]
_TIBIA_MEDIAL = [(-0.34, 2.7), (-0.43, 1.8), (-0.63, 1.2), (-0.87, 0.72), (-0.97, 0.4), (-1.01, 0.2)]


def tibial_surface(knee: KneeAnatomy, u: Array) -> Array:
    """Height y (mm) of the tibial plateau at u half plateau widths from the middle (lateral positive)."""
    half = knee.plateau / 2
    spine = np.exp(-((u / 0.27) ** 4))
    base = interpolate(_TIBIA_SURFACE, np.clip(u, -1, 1)) * (1 + spine * (knee.spines - 1))
    return half * base + _plateau_y(knee)


def femoral_surface(knee: KneeAnatomy, variation: Variation, u: Array) -> Array:
    """Height y (mm) of the femur's lower surface at u, as above; each compartment's least gap is its mJSW."""
    drop = []
    for side, mjsw in ((-1, knee.mjsw_medial), (1, knee.mjsw_lateral)):
        weight_bearing = side * np.linspace(*WEIGHT_BEARING, 95)
        gap = tibial_surface(knee, weight_bearing) - _femoral_shape(knee, variation, weight_bearing)
        drop.append(float(gap.min()) - mjsw)
    across = np.clip((u + 0.3) / 0.6, 0, 1)
    across = across * across * (3 - 2 * across)
    return _femoral_shape(knee, variation, u) + drop[0] * (1 - across) + drop[1] * across


def femur(knee: KneeAnatomy, variation: Variation) -> Points:
    """The femur's outline, N×2."""
    half, v = knee.plateau / 2, variation
    u = v.condyle_width * np.linspace(-1.0, 0.99, 120)
    lower = np.stack([half * u, femoral_surface(knee, v, u)], axis=1)
    lift = (lower[0, 1] + lower[-1, 1]) / 2 + 0.3 * half
    lateral, medial = (_flank(points, half, v, lift) for points in (_FEMUR_LATERAL, _FEMUR_MEDIAL))
    outline = _close_outline(lower, lateral, medial, 0.41 * half * v.shaft, -4.2 * half, -LIMB * half)
    osteophytes = (
        (knee.osteophytes[0], (-1.0, -0.25), (-1.0, 0.3)),
        (knee.osteophytes[1], (1.0, -0.26), (1.0, 0.3)),
    )
    return _grow_osteophytes(outline, osteophytes, half)


def tibia(knee: KneeAnatomy, variation: Variation) -> Points:
    """The tibia's outline, N×2."""
    half, v = knee.plateau / 2, variation
    u = np.linspace(-1.0, 1.0, 121)
    upper = np.stack([half * u, tibial_surface(knee, u)], axis=1)
    lateral, medial = (_flank(points, half, v, 0.0) for points in (_TIBIA_LATERAL, _TIBIA_MEDIAL))
    outline = _close_outline(upper, lateral, medial, 0.36 * half * v.shaft, 3.6 * half, LIMB * half)
    osteophytes = (
        (knee.osteophytes[2], (-1.0, 0.08), (-1.0, -0.3)),
        (knee.osteophytes[3], (1.0, 0.1), (1.0, -0.3)),
    )
    return _grow_osteophytes(outline, osteophytes, half)


def condyle(knee: KneeAnatomy, variation: Variation, side: int) -> Points:
    """The back of one condyle (-1 medial, 1 lateral) as it shows through the femur, N×2."""
    half = knee.plateau / 2
    u = np.array([side * 0.58])
    bottom = float(femoral_surface(knee, variation, u)[0])
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    width, height = 0.36 * half, 0.75 * half
    # Squarer than an ellipse, its lower edge inside the femur's own.
    squared = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** 0.75
    x = half * variation.condyle_width * side * 0.6 + width * squared
    y = bottom - height + height * np.sin(angle) - 1.2
    return np.stack([x, y], axis=1)


def patella(knee: KneeAnatomy, variation: Variation) -> Points:
    """The kneecap's outline, N×2: a rounded triangle."""
    half = knee.plateau / 2
    x, y, radius = variation.patella
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    reach = radius * (1 + 0.05 * np.cos(3 * angle - np.pi / 2) + 0.03 * np.cos(2 * angle))
    return half * np.stack([x + reach * np.cos(angle), y + 0.95 * reach * np.sin(angle)], axis=1)


def fibula(knee: KneeAnatomy, variation: Variation) -> Points:
    """The fibula's outline, N×2: head below and beside the lateral plateau, then a thin shaft."""
    half = knee.plateau / 2
    x, top, size = variation.fibula
    neck, head = 0.13 * size, 0.23 * size
    right = [(0.06, 0.0), (head, 0.2), (head * 0.95, 0.42), (neck * 1.2, 0.85), (neck, 1.5)]
    left = [(-neck, 1.5), (-neck * 1.15, 0.85), (-head * 0.9, 0.42), (-head * 0.8, 0.2), (0.06, 0.0)]
    down = [(neck, LIMB), (-neck, LIMB)]
    lean = np.array([(-0.06, 0.0)])
    points = np.concatenate([smooth_curve(np.array(right)), np.array(down), smooth_curve(np.array(left))])
    points = points + lean * np.clip(points[:, 1:], 0, 2.5)
    return half * (points + np.array([(x, top)]))


def edge_on_plates(
    knee: KneeAnatomy, variation: Variation, rng: np.random.Generator
) -> list[tuple[Points, float]]:
    """Draw plates of compact bone seen edge-on: open lines N×2 and their thickness along the beam, in mm.

    They are growth-plate scars, the farther rims of the plateaus, the walls of the notch, and random
    trabecular strands.
    """
    half = knee.plateau / 2

    def wave(start: tuple[float, float], end: tuple[float, float], bow: float) -> Points:
        t = np.linspace(0, 1, 9)[:, None]
        line = np.array(start) * (1 - t) + np.array(end) * t
        across = np.array([start[1] - end[1], end[0] - start[0]])
        return half * smooth_curve(
            line + across * (bow * 4 * t * (1 - t) + 0.012 * rng.standard_normal((9, 1)))
        )

    lines = [
        (wave((-0.88, -1.12), (0.85, -1.1), rng.normal(-0.05, 0.02)), 4.0),
        (wave((-0.78, 0.47), (0.76, 0.45), rng.normal(-0.03, 0.02)), 4.0),
    ]
    for low, high in ((-0.93, -0.25), (0.25, 0.93)):
        u = np.linspace(low, high, 24)
        sag = variation.rim_tilt * (1 + 0.15 * rng.standard_normal()) * np.sin(np.pi * (u - low) / 0.68)
        lines.append((np.stack([half * u, tibial_surface(knee, u) + sag], axis=1), 4.0))
    for side in (-1, 1):
        foot, head = 0.27 + rng.normal(0, 0.03), 0.3 + rng.normal(0, 0.06)
        lines.append((wave((side * foot, -0.32), (side * head, -1.0), rng.normal(0, 0.08)), 4.5))
    for _ in range(10):
        x, y = rng.uniform(-0.75, 0.75), rng.choice([rng.uniform(-1.1, -0.4), rng.uniform(0.15, 0.7)])
        dx, dy = rng.uniform(-0.45, 0.45), rng.uniform(-0.2, 0.2)
        lines.append((wave((x - dx, y - dy), (x + dx, y + dy), rng.normal(0, 0.12)), rng.uniform(0.8, 3.0)))
    return lines


def bend_shafts(points: Points, knee: KneeAnatomy) -> Points:
    """Bend the shafts of points N×2 to the femorotibial angle; the joint itself stays as it is."""
    half = knee.plateau / 2
    # The OAI's sign: negative is valgus, the shafts' common healthy state; two thirds of it lie in the femur.
    femoral, tibial = (np.tan(np.radians(part * knee.alignment)) for part in (0.65, 0.35))
    up, down = np.maximum(-points[:, 1] - 1.1 * half, 0), np.maximum(points[:, 1] - 0.8 * half, 0)
    return points + np.stack([-femoral * up - tibial * down, np.zeros(len(points))], axis=1)


def interpolate(points: Sequence[tuple[float, float]], x: Array) -> Array:
    """Interpolate y at x on a curve through (x, y) points that never overshoots them; x of any shape."""
    return PchipInterpolator(*zip(*points, strict=True))(x)


def _plateau_y(knee: KneeAnatomy) -> float:
    """The plateau's y in mm: the joint line runs midway between it and the condyles."""
    return (knee.mjsw_medial + knee.mjsw_lateral) / 4


def _femoral_shape(knee: KneeAnatomy, variation: Variation, u: Array) -> Array:
    u = u / variation.condyle_width
    notch = np.interp(np.abs(u), [0.3, 0.65], [variation.notch_width, 1.0])
    deep = np.interp(np.abs(u), [0.3, 0.5], [variation.notch_depth, 1.0])
    return knee.plateau / 2 * deep * interpolate(_FEMUR_SURFACE, np.clip(u / notch, -1.0, 0.99))


def smooth_curve(points: Points, per_span: int = 8) -> Points:
    """Draw a cubic spline through points N×2, `per_span` points between two."""
    steps = np.sqrt(np.hypot(*np.diff(points, axis=0).T))  # centripetal: no loops at uneven spacing
    knots = np.concatenate([[0], np.cumsum(np.maximum(steps, 1e-6))])
    return CubicSpline(knots, points)(np.linspace(0, knots[-1], per_span * (len(points) - 1) + 1))


def _close_outline(
    joint: Points, lateral: Points, medial: Points, shaft: float, begin: float, end: float
) -> Points:
    """A joint surface, both flanks, and a straight shaft of half-width `shaft` from y `begin` to `end`."""
    corners = np.array([[shaft, begin], [shaft, end], [-shaft, end], [-shaft, begin]])
    down = smooth_curve(np.concatenate([joint[-2:], lateral, corners[:1]]))
    back = smooth_curve(np.concatenate([corners[3:], medial, joint[:2]]))
    return np.concatenate([joint, down, corners[1:3], back])


def _flank(points: list[tuple[float, float]], half: float, variation: Variation, lift: float) -> Points:
    u, y = np.array(points).T
    far = np.clip((np.abs(y) - 0.9) / 1.5, 0, 1)
    width = 1 + far * (variation.shaft - 1) + 4 * far * (1 - far) * (variation.flare - 1)
    return np.stack([half * u * width, half * y + lift * (1 - far)], axis=1)


def _grow_osteophytes(
    outline: Points,
    osteophytes: tuple[tuple[float, tuple[float, float], tuple[float, float]], ...],
    half: float,
) -> Points:
    """Osteophytes: the margin drawn out by their size (mm) along a direction, beak-shaped."""
    grown = outline.copy()
    for size, position, direction in osteophytes:
        away = np.hypot(*(outline - half * np.array(position)).T)
        pull = np.exp(-0.5 * (away / (2.2 + 0.35 * size)) ** 2)
        unit = np.array(direction) / np.hypot(*direction)
        grown += size * pull[:, None] * unit
    return grown
