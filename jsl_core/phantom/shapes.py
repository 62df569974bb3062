"""Outlines of the bones of a right-way-up knee, in mm; coordinates and control points as in surfaces.py."""

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from jsl_core.phantom.anatomy import KneeAnatomy
from jsl_core.phantom.surfaces import femoral_surface, tibial_surface
from jsl_core.phantom.variation import Pose, Variation

__all__ = ["LIMB", "Points", "bend_shafts", "condyle", "femur", "fibula", "patella", "smooth_curve", "tibia"]

Points = NDArray[np.float64]

LIMB = 12.0  # how far the shafts reach from the joint, in half plateau widths: beyond any film

# Flanks, from the joint up or down the lateral side, and back along the medial one.
_FEMUR_LATERAL = [
    (0.985, -0.45), (0.955, -0.6), (0.97, -0.75), (0.985, -0.9), (0.93, -1.08), (0.8, -1.28), (0.66, -1.52),
    (0.55, -1.85), (0.48, -2.4), (0.43, -3.2),
]  # fmt: skip
_FEMUR_MEDIAL = [
    (-0.42, -3.2), (-0.46, -2.4), (-0.54, -1.85), (-0.66, -1.5), (-0.83, -1.22), (-1.0, -1.02),
    (-1.06, -0.84), (-1.035, -0.66), (-1.0, -0.45),
]  # fmt: skip
_TIBIA_LATERAL = [
    (1.0, 0.22), (0.975, 0.38), (0.89, 0.6), (0.72, 0.82), (0.58, 1.05), (0.47, 1.4), (0.4, 1.9), (0.36, 2.7),
]  # fmt: skip
_TIBIA_MEDIAL = [
    (-0.35, 2.7), (-0.41, 1.9), (-0.52, 1.4), (-0.66, 1.04), (-0.79, 0.76), (-0.9, 0.5), (-0.965, 0.32),
    (-1.0, 0.19),
]  # fmt: skip


def femur(knee: KneeAnatomy, variation: Variation) -> Points:
    """The femur's outline, N×2."""
    half, v = knee.plateau / 2, variation
    u = v.condyle_width * np.linspace(-1.0, 0.99, 160)
    lower = np.stack([half * u, femoral_surface(knee, v, u)], axis=1)
    lift = (lower[0, 1] + lower[-1, 1]) / 2 + 0.34 * half
    lateral = _flank(_FEMUR_LATERAL, half, v, lift, v.epicondyles[1], 0.85)
    medial = _flank(_FEMUR_MEDIAL, half, v, lift, v.epicondyles[0], 0.85)
    outline = _close_outline(lower, lateral, medial, 0.42 * half * v.shaft, -4.2 * half, -LIMB * half)
    osteophytes = (
        (knee.osteophytes[0], (lower[4] / half).tolist(), (-1.0, 0.3)),
        (knee.osteophytes[1], (lower[-5] / half).tolist(), (1.0, 0.3)),
    )
    return _grow_osteophytes(outline, osteophytes, half)


def tibia(knee: KneeAnatomy, variation: Variation) -> Points:
    """The tibia's outline, N×2."""
    half, v = knee.plateau / 2, variation
    u = np.linspace(-1.0, 1.0, 161)
    upper = np.stack([half * u, tibial_surface(knee, v, u)], axis=1)
    lateral = _flank(_TIBIA_LATERAL, half, v, 0.0, v.flank[1], 0.75)
    medial = _flank(_TIBIA_MEDIAL, half, v, 0.0, v.flank[0], 0.75)
    outline = _close_outline(upper, lateral, medial, 0.36 * half * v.shaft, 3.6 * half, LIMB * half)
    osteophytes = (
        (knee.osteophytes[2], (upper[2] / half).tolist(), (-1.0, -0.15)),
        (knee.osteophytes[3], (upper[-3] / half).tolist(), (1.0, -0.15)),
    )
    return _grow_osteophytes(outline, osteophytes, half)


def condyle(knee: KneeAnatomy, variation: Variation, pose: Pose, side: int) -> Points:
    """The back of one condyle (-1 medial, 1 lateral) as it shows through the femur, N×2."""
    half = knee.plateau / 2
    middle = side * 0.64 * variation.condyle_width
    bottom = float(femoral_surface(knee, variation, np.array([middle]))[0]) - 0.035 * half
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    width, height = 0.32 * half * variation.notch_width**-0.5, half * (0.46 + 0.004 * pose.flexion)
    # Squarer than an ellipse, wider at its top.
    squared = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** 0.7
    shift = -0.4 * np.sin(np.radians(pose.rotation)) * side
    x = half * (middle + shift) + width * squared * (1 - 0.06 * np.sin(angle))
    y = bottom - height + height * np.sin(angle)
    return np.stack([x, y], axis=1)


def patella(knee: KneeAnatomy, variation: Variation, pose: Pose) -> Points:
    """The kneecap's outline, N×2: a rounded triangle, its point down."""
    half = knee.plateau / 2
    x, y, radius = variation.patella
    x, y = x + 1.1 * np.sin(np.radians(pose.rotation)), y - 0.012 * pose.flexion
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    reach = radius * (1 + 0.06 * np.cos(3 * angle - 1.5 * np.pi) + 0.04 * np.cos(2 * angle))
    return half * np.stack([x + reach * np.cos(angle), y + 0.92 * reach * np.sin(angle)], axis=1)


def fibula(knee: KneeAnatomy, variation: Variation, pose: Pose) -> Points:
    """The fibula's outline, N×2: head below and beside the lateral plateau, then a thin shaft."""
    half = knee.plateau / 2
    x, top, size = variation.fibula
    x = x - 0.6 * np.sin(np.radians(pose.rotation))
    neck, head = 0.14 * size, 0.25 * size
    right = [
        (0.03, 0.0),
        (0.16 * size, 0.07),
        (head, 0.24),
        (head * 0.95, 0.45),
        (neck * 1.25, 0.9),
        (neck, 1.6),
    ]
    left = [(-neck, 1.6), (-neck * 1.15, 0.9), (-head * 0.9, 0.45), (-head * 0.75, 0.2), (0.03, 0.0)]
    down = [(neck, LIMB), (-neck, LIMB)]
    lean = np.array([(-0.07, 0.0)])
    points = np.concatenate([smooth_curve(np.array(right)), np.array(down), smooth_curve(np.array(left))])
    points = points + lean * np.clip(points[:, 1:], 0, 2.5)
    return half * (points + np.array([(x, top)]))


def bend_shafts(points: Points, knee: KneeAnatomy) -> Points:
    """Bend the shafts of points N×2 to the femorotibial angle; the joint itself stays as it is."""
    half = knee.plateau / 2
    # The OAI's sign: negative is valgus, the shafts' common healthy state; two thirds of it lie in the femur.
    femoral, tibial = (np.tan(np.radians(part * knee.alignment)) for part in (0.65, 0.35))
    up, down = np.maximum(-points[:, 1] - 1.0 * half, 0), np.maximum(points[:, 1] - 0.8 * half, 0)
    return points + np.stack([-femoral * up - tibial * down, np.zeros(len(points))], axis=1)


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


def _flank(
    points: list[tuple[float, float]],
    half: float,
    variation: Variation,
    lift: float,
    bulge: float,
    level: float,
) -> Points:
    """One flank; `bulge` scales its width round `level` half plateau widths from the joint."""
    u, y = np.array(points).T
    far = np.clip((np.abs(y) - 0.9) / 1.5, 0, 1)
    width = 1 + far * (variation.shaft - 1) + 4 * far * (1 - far) * (variation.flare - 1)
    width *= 1 + (bulge - 1) * np.exp(-(((np.abs(y) - level) / 0.3) ** 2))
    return np.stack([half * u * width, half * y + lift * (1 - far)], axis=1)


def _grow_osteophytes(
    outline: Points,
    osteophytes: tuple[tuple[float, list[float], tuple[float, float]], ...],
    half: float,
) -> Points:
    """Osteophytes: the margin drawn out by their size (mm) along a direction, beak-shaped."""
    grown = outline.copy()
    for size, position, direction in osteophytes:
        away = np.hypot(*(outline - half * np.array(position)).T)
        pull = np.exp(-((away / (1.4 + 0.5 * size)) ** 2.2))
        unit = np.array(direction) / np.hypot(*direction)
        grown += size * pull[:, None] * unit
    return grown
