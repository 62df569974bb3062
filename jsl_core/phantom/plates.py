"""Compact bone seen edge-on: subchondral plates, the plateaus' two rims, sclerosis, notch walls and scars."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from jsl_core.phantom.anatomy import KneeAnatomy
from jsl_core.phantom.raster import Image, blur
from jsl_core.phantom.shapes import Points, condyle, smooth_curve
from jsl_core.phantom.surfaces import femoral_surface, tibial_surface
from jsl_core.phantom.texture import smooth_noise
from jsl_core.phantom.variation import Pose, Variation

__all__ = ["RIM_ABOVE", "rim_offsets", "strands", "subchondral_bone"]

RIM_ABOVE = 1.4  # mm: how far above its floor a plateau's rim may show at most
_DEPTH = 20.0  # mm from the plateau's middle to its front and back rims
_GRID = np.linspace(-1.0, 1.0, 257)


def rim_offsets(knee: KneeAnatomy, variation: Variation, pose: Pose, side: int) -> tuple[float, float]:
    """How far (mm) the nearer and the farther rim of a plateau (-1 medial, 1 lateral) show below its floor.

    A tilt of the beam against the plateau moves the two apart. A negative offset stands above the floor, by
    less than half of what joint space there is.
    """
    height = variation.rims[0 if side < 0 else 1]
    tilt = _DEPTH * np.tan(np.radians(pose.beam + variation.slope))
    mjsw = knee.mjsw_medial if side < 0 else knee.mjsw_lateral
    highest = -min(RIM_ABOVE, 0.45 * mjsw)
    near, far = (float(max(sign * tilt - height, highest)) for sign in (-1, 1))
    return near, far


def subchondral_bone(
    knee: KneeAnatomy,
    variation: Variation,
    pose: Pose,
    x: Image,
    y: Image,
    spacing: float,
    rng: np.random.Generator,
) -> Image:
    """Compact bone (mm along the beam) of both joint surfaces, at knee coordinates x, y (mm), each H×W."""
    half = knee.plateau / 2
    u = x / np.float32(half)
    below = y - _at(u, tibial_surface(knee, variation, _GRID))
    above = _at(u, femoral_surface(knee, variation, _GRID)) - y
    edge = np.float32(max(0.5 * spacing, 0.12))
    within = np.clip((1.0 - np.abs(u)) / 0.06, 0, 1)
    in_tibia, in_femur = (within / (1 + np.exp(-np.clip(d / edge, -20, 20))) for d in (below, above))
    total = np.zeros_like(x)
    (noise,) = rng.spawn(1)  # its draws depend on the picture's size
    patchy = np.clip(1 + 0.3 * smooth_noise(noise, x.shape, spacing, 6.0), 0.3, 1.7)
    for side, hardness in ((-1, knee.sclerosis_medial), (1, knee.sclerosis_lateral)):
        mine = np.clip(0.5 + side * u / 0.3, 0, 1)
        load = mine * np.exp(-(((np.abs(u) - (0.6 if side < 0 else 0.52)) / 0.3) ** 2))
        # The plate: a bright band, thick where the plateau bears most.
        plate = (12.0 if side < 0 else 9.0) * rng.uniform(0.6, 1.5) * (0.25 + load) + 10.0 * hardness * load
        thick = np.float32(rng.uniform(0.9, 1.7) + 1.2 * hardness) * (0.5 + 0.6 * load)
        total += in_tibia * mine * plate * np.exp(-((np.maximum(below, 0) / thick) ** 2))
        total += (
            in_femur * mine * (2.0 + 6.0 * hardness * load) * np.exp(-((np.maximum(above, 0) / 0.9) ** 2))
        )
        # Sclerosis reaches deeper into the tibia than into the femur.
        for depth, bone, reach in ((below, in_tibia, 5.0), (above, in_femur, 3.2)):
            total += (0.1 + hardness) * 7.0 * load * bone * patchy * np.exp(-np.maximum(depth, 0) / reach)
        total += mine * within * _rims(rim_offsets(knee, variation, pose, side), below, u, rng)
    return total.astype(np.float32)


def _rims(offsets: tuple[float, float], below: Image, u: Image, rng: np.random.Generator) -> Image:
    """Both rims of one plateau: thin lines, and a faint haze before the floor where one stands above it."""
    bow = np.clip(1.25 - ((np.abs(u) - 0.62) / 0.38) ** 2, 0, 1)  # they meet the floor at margin and spine
    total = np.zeros_like(below)
    for offset in offsets:
        line = np.exp(-(((below - offset * bow) / 0.4) ** 2))
        total += np.float32(rng.uniform(2.0, 7.0)) * line * np.clip(1.3 * bow, 0, 1)
        if offset < 0:
            haze = np.clip((below - offset * bow) / 0.25, 0, 1) * np.clip(-below / 0.25, 0, 1)
            total += np.float32(rng.uniform(1.0, 4.0)) * haze
    return total


def strands(
    knee: KneeAnatomy,
    variation: Variation,
    pose: Pose,
    to_pixels: Callable[[Points], NDArray[np.float64]],
    shape: tuple[int, int],
    spacing: float,
    rng: np.random.Generator,
) -> Image:
    """Compact bone (mm along the beam) of walls and strands seen edge-on, H×W.

    They are the walls of the notch and its roof, growth-plate scars, the spines' roots, and random strands.

    Args:
        knee: Whose bones.
        variation: Of their shape.
        pose: Of the knee before the film.
        to_pixels: Converts points N×2 (x, y) from knee mm to pixels of the picture.
        shape: Its height and width.
        spacing: Its mm per pixel.
        rng: Decides places and strengths.
    """
    canvas = np.zeros(shape, np.uint8)
    lines = _draw_lines(knee, variation, pose, rng)
    for points, thickness, width in sorted(lines, key=lambda line: line[1]):
        pixels = np.round(to_pixels(points) * 16).astype(np.int32)
        wide = max(1, round(width / spacing))
        cv2.polylines(canvas, [pixels], False, round(12 * thickness), wide, cv2.LINE_AA, shift=4)
    fine = blur((canvas / np.float32(5)).astype(np.float32), max(0.3 / spacing, 0.5))
    fine = 0.6 * fine + 0.4 * blur(fine, 0.9 / spacing)
    return fine * np.clip(0.7 + 0.45 * smooth_noise(rng, shape, spacing, 7.0), 0.05, 1.5)


def _draw_lines(
    knee: KneeAnatomy, variation: Variation, pose: Pose, rng: np.random.Generator
) -> list[tuple[Points, float, float]]:
    """Open lines N×2 in knee mm, each with its thickness along the beam and its width, in mm."""
    half = knee.plateau / 2

    def wave(start: tuple[float, float], end: tuple[float, float], bow: float) -> Points:
        t = np.linspace(0, 1, 9)[:, None]
        line = np.array(start) * (1 - t) + np.array(end) * t
        across = np.array([start[1] - end[1], end[0] - start[0]])
        return half * smooth_curve(
            line + across * (bow * 4 * t * (1 - t) + 0.012 * rng.standard_normal((9, 1)))
        )

    def surface(at: float) -> float:
        return float(femoral_surface(knee, variation, np.array([at]))[0]) / half

    turn = 0.35 * float(np.sin(np.radians(pose.rotation)))
    lines = []
    for side in (-1, 1):
        # The back of the condyle: its wall in the notch, the arc over it, sometimes its outer side.
        back = condyle(knee, variation, pose, side)
        turned = back if side < 0 else np.stack([-back[:, 0], back[:, 1]], axis=1)[::-1]
        first, last = rng.integers(-6, 10), rng.integers(-42, -12)
        arc = turned[np.arange(first, last, -1)]
        lines.append((arc if side < 0 else arc * [-1, 1], rng.uniform(1.0, 3.5), 0.6))
        # A second line of the wall, of its front.
        foot, head = side * 0.37 * variation.notch_width + turn, side * (0.31 + rng.normal(0, 0.05)) + turn
        start = (foot, surface(foot) - 0.06)
        lines.append(
            (wave(start, (head, rng.uniform(-0.95, -0.65)), rng.normal(0, 0.06)), rng.uniform(0.8, 3.5), 0.7)
        )
        away = side * rng.uniform(0.03, 0.1)
        lines.append(
            (wave((foot + away, start[1] - 0.1), (head + away, -0.7), rng.normal(0, 0.06)), 1.2, 1.5)
        )
    roof = np.linspace(-0.27, 0.27, 16)
    lift = rng.uniform(0.06, 0.2) + 0.004 * pose.flexion
    arch = half * np.stack([roof + turn, np.array([surface(at) for at in roof]) - lift], axis=1)
    lines.append((arch, rng.uniform(0.8, 3.0), 0.6))
    for (left, right), level, tilt in (((-0.95, -0.3), -0.86, 0.05), ((0.3, 0.93), -0.88, -0.03)):
        for _ in range(2):  # the femur's scar shows in front and behind
            high, slant = level + rng.normal(0, 0.05), tilt + rng.normal(0, 0.06)
            scar = wave((left, high - slant), (right, high + slant), rng.normal(-0.08, 0.06))
            lines.append((scar, variation.scars * rng.uniform(0.8, 2.6), 0.7))
    for left, right in ((-0.85, -0.05), (0.0, 0.85)):
        high = 0.47 + rng.normal(0, 0.05)
        scar = wave((left, high + 0.03), (right, high + rng.normal(0, 0.04)), rng.normal(-0.06, 0.05))
        lines.append((scar, variation.scars * rng.uniform(0.8, 3.0), 0.8))
    spine = tibial_surface(knee, variation, np.array([-0.16, 0.15])) / half
    for at, top in zip((-0.16, 0.15), spine, strict=True):  # the spines' far flanks and roots
        for _ in range(2):
            foot_x = at + rng.normal(0, 0.13)
            lines.append((wave((at, top + 0.03), (foot_x, top + rng.uniform(0.18, 0.4)), rng.normal(0, 0.15)),
                          rng.uniform(0.8, 3.0), 0.8))  # fmt: skip
    ridge = wave((-0.3, 0.06 + spine[0] + 0.2), (0.3, 0.06 + spine[1] + 0.2), rng.normal(0, 0.12))
    lines.append((ridge, rng.uniform(0.6, 2.4), 0.8))
    for _ in range(14):
        x, y = rng.uniform(-0.8, 0.8), rng.choice([rng.uniform(-1.2, -0.35), rng.uniform(0.15, 0.8)])
        dx, dy = rng.uniform(-0.35, 0.35), rng.uniform(-0.25, 0.25)
        strand = wave((x - dx, y - dy), (x + dx, y + dy), rng.normal(0, 0.12))
        lines.append((strand, rng.uniform(0.3, 1.6), rng.uniform(0.5, 1.2)))
    return lines


def _at(u: Image, heights: NDArray[np.float64]) -> Image:
    return np.interp(u, _GRID, heights).astype(np.float32)
