"""Outlines of the bones of a right-way-up knee, in mm: x lateral, y towards the foot, origin mid joint line.

Control points are in half plateau widths, read off posterior-anterior fixed-flexion films; a shape-preserving
spline joins them. Between femur and tibia the joint space is exactly as wide as the knee says.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline, PchipInterpolator

from jsl_core.phantom.anatomy import Knee

__all__ = [
    "LIMB",
    "WEIGHT_BEARING",
    "Variation",
    "bend",
    "condyle",
    "femur",
    "fibula",
    "patella",
    "scar",
    "tibia",
    "tibial_surface",
]

Points = NDArray[np.float64]
Array = NDArray[np.float64]

WEIGHT_BEARING = (0.38, 0.85)  # of half a plateau, each side: where mJSW is measured
LIMB = 12.0  # how far the shafts reach from the joint, in half plateau widths: beyond any film

_FEMUR_SURFACE = PchipInterpolator(
    [-0.96, -0.86, -0.72, -0.58, -0.43, -0.29, -0.16, 0.0, 0.15, 0.28, 0.42, 0.58, 0.74, 0.87, 0.97],
    [-0.30, -0.11, -0.02, 0.0, -0.045, -0.19, -0.40, -0.50, -0.41, -0.21, -0.055, 0.0, -0.02, -0.12, -0.34],
)
_TIBIA_SURFACE = PchipInterpolator(
    [-1.0, -0.95, -0.8, -0.58, -0.40, -0.27, -0.17, -0.13, 0.0, 0.1, 0.15, 0.25, 0.42, 0.6, 0.8, 0.95, 1.0],
    [
        0.07,
        0.0,
        0.005,
        0.03,
        0.01,
        -0.06,
        -0.19,
        -0.21,
        -0.10,
        -0.15,
        -0.155,
        -0.06,
        0.01,
        0.0,
        0.01,
        0.02,
        0.09,
    ],
)
_FEMUR_LATERAL = [
    (1.0, -0.6),
    (0.96, -0.85),
    (0.98, -1.12),
    (0.88, -1.5),
    (0.68, -1.95),
    (0.52, -2.45),
    (0.43, -3.2),
]
_FEMUR_MEDIAL = [
    (-0.42, -3.2), (-0.52, -2.5), (-0.72, -2.0), (-0.93, -1.55), (-1.03, -1.2), (-0.95, -0.88), (-1.0, -0.6)
]  # fmt: skip
_TIBIA_LATERAL = [(1.02, 0.2), (0.98, 0.42), (0.84, 0.75), (0.62, 1.2), (0.47, 1.8), (0.4, 2.6)]
_TIBIA_MEDIAL = [(-0.33, 2.6), (-0.4, 1.8), (-0.56, 1.2), (-0.8, 0.72), (-0.95, 0.4), (-1.01, 0.2)]


@dataclass(frozen=True)
class Variation:
    """How one person's bones depart from the mean shape: multiples and offsets near 1 and 0."""

    notch_width: float
    notch_depth: float
    condyle_width: float
    flare: float
    shaft: float
    patella: tuple[float, float, float]
    fibula: tuple[float, float, float]
    rim_tilt: float

    @classmethod
    def draw(cls, rng: np.random.Generator, wide: float) -> "Variation":
        """`wide` scales every spread: 1 for a cohort, more for a detector's training films."""

        def near(centre: float, spread: float) -> float:
            return float(centre + wide * spread * np.clip(rng.standard_normal(), -2.2, 2.2))

        return cls(
            notch_width=near(1.0, 0.08),
            notch_depth=near(1.0, 0.12),
            condyle_width=near(0.97, 0.025),
            flare=near(1.0, 0.07),
            shaft=near(1.0, 0.07),
            patella=(near(0.08, 0.08), near(-1.25, 0.16), near(0.56, 0.04)),
            fibula=(near(0.92, 0.05), near(0.5, 0.06), near(1.0, 0.08)),
            rim_tilt=near(2.2, 0.9),
        )


def tibial_surface(knee: Knee, u: Array) -> Array:
    """Height y (mm) of the tibial plateau at u half plateau widths from the middle."""
    half = knee.plateau / 2
    spine = np.exp(-((u / 0.27) ** 4))
    base = _TIBIA_SURFACE(np.clip(u, -1, 1)) * (1 + spine * (knee.spines - 1))
    return half * base + _level(knee)


def femoral_surface(knee: Knee, variation: Variation, u: Array) -> Array:
    """Height y (mm) of the femur's lower surface; each compartment's smallest gap is the knee's mJSW."""
    drop = []
    for side, mjsw in ((-1, knee.mjsw_medial), (1, knee.mjsw_lateral)):
        weight_bearing = side * np.linspace(*WEIGHT_BEARING, 95)
        gap = tibial_surface(knee, weight_bearing) - _femoral_shape(knee, variation, weight_bearing)
        drop.append(float(gap.min()) - mjsw)
    across = np.clip((u + 0.3) / 0.6, 0, 1)
    across = across * across * (3 - 2 * across)
    return _femoral_shape(knee, variation, u) + drop[0] * (1 - across) + drop[1] * across


def femur(knee: Knee, variation: Variation) -> Points:
    """The femur's outline, N×2."""
    half, v = knee.plateau / 2, variation
    u = v.condyle_width * np.linspace(-0.95, 0.96, 120)
    lower = np.stack([half * u, femoral_surface(knee, v, u)], axis=1)
    lift = (lower[0, 1] + lower[-1, 1]) / 2 + 0.3 * half
    lateral, medial = (_side(points, half, v, lift) for points in (_FEMUR_LATERAL, _FEMUR_MEDIAL))
    outline = _closed(lower, lateral, medial, 0.41 * half * v.shaft, -4.2 * half, -LIMB * half)
    beaks = (
        (knee.osteophytes[0], (-1.0, -0.32), (-1.0, 0.25)),
        (knee.osteophytes[1], (1.0, -0.34), (1.0, 0.25)),
    )
    return _with_beaks(outline, beaks, half)


def tibia(knee: Knee, variation: Variation) -> Points:
    """The tibia's outline, N×2."""
    half, v = knee.plateau / 2, variation
    u = np.linspace(-1.0, 1.0, 121)
    upper = np.stack([half * u, tibial_surface(knee, u)], axis=1)
    lateral, medial = (_side(points, half, v, 0.0) for points in (_TIBIA_LATERAL, _TIBIA_MEDIAL))
    outline = _closed(upper, lateral, medial, 0.36 * half * v.shaft, 3.6 * half, LIMB * half)
    beaks = (
        (knee.osteophytes[2], (-1.0, 0.08), (-1.0, -0.3)),
        (knee.osteophytes[3], (1.0, 0.1), (1.0, -0.3)),
    )
    return _with_beaks(outline, beaks, half)


def condyle(knee: Knee, variation: Variation, side: int) -> Points:
    """The back of one condyle (-1 medial, 1 lateral) as it shows through the femur, N×2."""
    half = knee.plateau / 2
    u = np.array([side * 0.58])
    bottom = float(femoral_surface(knee, variation, u)[0])
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    width, height = (0.36 if side < 0 else 0.35) * half, 0.58 * half
    squared = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** 0.75
    x = half * variation.condyle_width * side * 0.585 + width * squared
    y = bottom - height + height * np.sin(angle) - 0.6
    return np.stack([x, y], axis=1)


def patella(knee: Knee, variation: Variation) -> Points:
    """The kneecap's outline, N×2: a rounded triangle."""
    half = knee.plateau / 2
    x, y, radius = variation.patella
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    reach = radius * (1 + 0.05 * np.cos(3 * angle - np.pi / 2) + 0.03 * np.cos(2 * angle))
    return half * np.stack([x + reach * np.cos(angle), y + 0.95 * reach * np.sin(angle)], axis=1)


def fibula(knee: Knee, variation: Variation) -> Points:
    """The fibula's outline, N×2: head below and beside the lateral plateau, then a thin shaft."""
    half = knee.plateau / 2
    x, top, size = variation.fibula
    neck, head = 0.13 * size, 0.23 * size
    right = [(0.06, 0.0), (head, 0.2), (head * 0.95, 0.42), (neck * 1.2, 0.85), (neck, 1.5)]
    left = [(-neck, 1.5), (-neck * 1.15, 0.85), (-head * 0.9, 0.42), (-head * 0.8, 0.2), (0.06, 0.0)]
    down = [(neck, LIMB), (-neck, LIMB)]
    lean = np.array([(-0.06, 0.0)])
    points = np.concatenate([_smooth(np.array(right)), np.array(down), _smooth(np.array(left))])
    points = points + lean * np.clip(points[:, 1:], 0, 2.5)
    return half * (points + np.array([(x, top)]))


def scar(knee: Knee, rng: np.random.Generator, bone: str) -> Points:
    """The line where growth ended, N×2, open."""
    half = knee.plateau / 2
    level, reach = (-1.22, 0.8) if bone == "femur" else (0.42, 0.72)
    u = np.linspace(-reach, reach, 9)
    bow = (-0.10 if bone == "femur" else 0.05) * (u / reach) ** 2
    y = level + bow + 0.025 * rng.standard_normal(u.size)
    return half * _smooth(np.stack([u, y], axis=1))


def bend(points: Points, knee: Knee) -> Points:
    """Shafts set to the femorotibial angle; the joint itself stays where it is."""
    half = knee.plateau / 2
    # The OAI's sign: negative is valgus, the shafts' common healthy state; two thirds of it lie in the femur.
    femoral, tibial = (np.tan(np.radians(part * knee.alignment)) for part in (0.65, 0.35))
    up, down = np.maximum(-points[:, 1] - 1.1 * half, 0), np.maximum(points[:, 1] - 0.8 * half, 0)
    return points + np.stack([-femoral * up - tibial * down, np.zeros(len(points))], axis=1)


def _level(knee: Knee) -> float:
    """y (mm) of the plateau: the joint line runs midway between it and the condyles."""
    return (knee.mjsw_medial + knee.mjsw_lateral) / 4


def _femoral_shape(knee: Knee, variation: Variation, u: Array) -> Array:
    u = u / variation.condyle_width
    notch = np.interp(np.abs(u), [0.4, 0.6], [variation.notch_width, 1.0])
    deep = np.interp(np.abs(u), [0.3, 0.5], [variation.notch_depth, 1.0])
    return knee.plateau / 2 * deep * _FEMUR_SURFACE(np.clip(u / notch, -0.96, 0.97))


def _closed(joint: Points, lateral: Points, medial: Points, shaft: float, begin: float, end: float) -> Points:
    """A joint surface, both flanks, and a straight shaft of half-width `shaft` from y `begin` to `end`."""
    corners = np.array([[shaft, begin], [shaft, end], [-shaft, end], [-shaft, begin]])
    down = _smooth(np.concatenate([joint[-2:], lateral, corners[:1]]))
    back = _smooth(np.concatenate([corners[3:], medial, joint[:2]]))
    return np.concatenate([joint, down, corners[1:3], back])


def _side(points: list[tuple[float, float]], half: float, variation: Variation, lift: float) -> Points:
    u, y = np.array(points).T
    far = np.clip((np.abs(y) - 0.9) / 1.5, 0, 1)
    width = 1 + far * (variation.shaft - 1) + 4 * far * (1 - far) * (variation.flare - 1)
    return np.stack([half * u * width, half * y + lift * (1 - far)], axis=1)


def _smooth(points: Points, per_span: int = 8) -> Points:
    """A cubic spline through the points, by chord length."""
    steps = np.sqrt(np.hypot(*np.diff(points, axis=0).T))  # centripetal: no loops at uneven spacing
    knots = np.concatenate([[0], np.cumsum(np.maximum(steps, 1e-6))])
    return CubicSpline(knots, points)(np.linspace(0, knots[-1], per_span * (len(points) - 1) + 1))


def _with_beaks(
    outline: Points, beaks: tuple[tuple[float, tuple[float, float], tuple[float, float]], ...], half: float
) -> Points:
    """Osteophytes: the margin drawn out by their size (mm) along a direction, beak-shaped."""
    grown = outline.copy()
    for size, place, direction in beaks:
        away = np.hypot(*(outline - half * np.array(place)).T)
        pull = np.exp(-0.5 * (away / (2.2 + 0.35 * size)) ** 2)
        unit = np.array(direction) / np.hypot(*direction)
        grown += size * pull[:, None] * unit
    return grown
