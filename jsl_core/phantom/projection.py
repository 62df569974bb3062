"""Projects bones and soft tissue to attenuation: a shell of compact bone round a core of trabecular bone.

A bone's thickness along the beam follows from the distance to its outline, as the chord of a rounded body
does; its shell is the outer chord less the chord of the same body shrunk by the cortex. So cortices show as
bright lines where the beam grazes them, subchondral plates too, with no line drawn.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from jsl_core.phantom import shapes
from jsl_core.phantom.anatomy import KneeAnatomy
from jsl_core.phantom.raster import Image, blur
from jsl_core.phantom.shapes import Points, interpolate
from jsl_core.phantom.texture import smooth_noise, trabecular_noise
from jsl_core.phantom.variation import Variation

__all__ = ["KneePosition", "project_bones", "project_flesh"]

# Linear attenuation at about 50 keV effective, per mm (ICRU 44 tissues); bone beyond the flesh it displaces.
COMPACT, TRABECULAR = 0.046, 0.0115
MUSCLE, FAT = 0.0225, 0.0195

# Along the limb (level, value): the muscle's half width, the fat's thickness; all in half plateau widths.
_MUSCLE_WIDTHS = ((-6, 1.8), (-3, 1.55), (-1.3, 1.28), (0, 1.2), (1.0, 1.14), (2.8, 1.4), (6, 1.05))
_FAT_WIDTHS = ((-6, 0.65), (-1.2, 0.5), (0, 0.42), (3, 0.35), (6, 0.3))


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

    def to_knee(self, window: tuple[slice, slice]) -> tuple[Image, Image]:
        """Knee coordinates x, y (mm) of every pixel of a window (rows, columns), each H×W."""
        rows, columns = window
        y = ((np.arange(rows.start, rows.stop) + 0.5) * self.spacing - self.centre[1]).astype(np.float32)[
            :, None
        ]
        x = ((np.arange(columns.start, columns.stop) + 0.5) * self.spacing - self.centre[0]).astype(
            np.float32
        )
        cos, sin = (np.float32(f(np.radians(self.tilt))) for f in (np.cos, np.sin))
        sign = -1 if self.side == 1 else 1
        return sign * (cos * x + sin * y), cos * y - sin * x


def project_bones(
    knee: KneeAnatomy,
    variation: Variation,
    position: KneePosition,
    shape: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[tuple[slice, slice], Image]:
    """Project one knee's bones to their attenuation.

    Args:
        knee: Whose bones.
        variation: Of their shape.
        position: Of the knee on the canvas.
        shape: Height and width of the canvas.
        rng: Decides the texture.

    Returns:
        The window (rows, columns) of the canvas that the bones fill, and the line integrals in it.
    """
    half = knee.plateau / 2
    window = _limb_window(position, half, shape)
    bones = _Bones(knee, variation, position, window)
    x, y = position.to_knee(window)
    size = x.shape
    # Along the limb's axis: half plateaus above and below the joint, one value a row.
    middle = y[:, [y.shape[1] // 2]] / half
    above, below = np.maximum(-middle, 0), np.maximum(middle, 0)

    core, shell = bones.project_body(
        shapes.femur(knee, variation),
        depth=half * np.interp(above, [0, 0.7, 1.6, 2.8], [1.25, 1.5, 1.0, 0.75]),
        radius=np.interp(above, [0, 1.0, 2.2], [8, 13, 13.5]),
        cortex=np.interp(above, [0, 1.2, 2.0, 3.2], [0.6, 0.7, 2.0, 4.0]),
        hollow=np.interp(above, [1.2, 2.6], [1.0, 0.25]),
    )
    fading = np.interp(above, [0.45, 1.2], [1, 0]).astype(np.float32)
    for side in (-1, 1):
        back, rim = bones.project_body(shapes.condyle(knee, variation, side), 0.5 * half, 12.0, 0.6)
        core += 0.4 * fading * back
        shell += fading * rim
    tibial_core, tibial_shell = bones.project_body(
        shapes.tibia(knee, variation),
        depth=half * np.interp(below, [0, 0.6, 1.6, 3.0], [1.15, 1.1, 0.85, 0.7]),
        radius=np.interp(below, [0, 0.25, 1.0, 2.2], [4, 9, 13, 12.5]),
        cortex=np.interp(below, [0, 0.3, 0.8, 1.6, 3.0], [0.9, 0.6, 0.7, 2.2, 4.0]),
        hollow=np.interp(below, [1.0, 2.4], [1.0, 0.25]),
    )
    fibular_core, fibular_shell = bones.project_body(shapes.fibula(knee, variation), 0.34 * half, 5.0, 0.9)
    kneecap_core, kneecap_shell = bones.project_body(shapes.patella(knee, variation), 0.42 * half, 14.0, 0.35)

    texture = trabecular_noise(rng, size, position.spacing, 0.75)
    lumps = smooth_noise(rng, size, position.spacing, 7.0)
    pattern = 1 + 0.085 * texture + 0.07 * lumps
    tibial_core *= _density_pattern(knee, x, y)
    core += tibial_core
    core += fibular_core + 0.9 * kneecap_core
    shell += tibial_shell + fibular_shell + kneecap_shell
    shell += bones.project_lines(rng)
    shell += _sclerosis(knee, x, y, np.minimum(tibial_core / (0.4 * half), 1), core / half)
    return window, TRABECULAR * core * pattern + COMPACT * shell * (1 + 0.03 * texture)


def project_flesh(
    knee: KneeAnatomy, position: KneePosition, shape: tuple[int, int], rng: np.random.Generator, girth: float
) -> Image:
    """Project one limb's soft tissue to its attenuation: muscle in a layer of fat, tapering to the skin.

    Args:
        knee: Whose limb.
        position: Of the knee on the canvas.
        shape: Height and width of the canvas.
        rng: Decides the texture.
        girth: Factor on the limb's width.

    Returns:
        The line integrals on the whole canvas, H×W.
    """
    half = knee.plateau / 2
    x, y = position.to_knee((slice(0, shape[0]), slice(0, shape[1])))
    fat = float(np.clip(0.35 * (knee.bmi - 18) / 15, 0.12, 0.75))
    stout = girth * (1 + 0.012 * (knee.bmi - 28))
    level = np.clip(y / half, -6, 6)
    inner = np.float32(half * stout) * interpolate(_MUSCLE_WIDTHS, level).astype(np.float32)
    coat = np.float32(half * fat) * interpolate(_FAT_WIDTHS, level).astype(np.float32)
    sway = 0.06 * np.sin(level * rng.uniform(0.6, 1.1) + rng.uniform(0, 6))
    off = x - np.float32(half) * (rng.uniform(-0.15, 0.08) + sway)  # more flesh on the medial side
    muscle = _ellipse(off / inner) * inner * np.float32(1.55)
    whole = _ellipse(off / (inner + coat)) * (inner + coat) * np.float32(1.6)
    streaks = 1 + 0.012 * smooth_noise(rng, shape, position.spacing, 9.0)
    return (MUSCLE * muscle + FAT * np.maximum(whole - muscle, 0)) * streaks


@dataclass(frozen=True)
class _Bones:
    """Projects the bones of one knee into one window of the canvas."""

    knee: KneeAnatomy
    variation: Variation
    position: KneePosition
    window: tuple[slice, slice]

    def project_body(
        self,
        outline: Points,
        depth: Image | float,
        radius: Image | float,
        cortex: Image | float,
        hollow: Image | float = 1.0,
    ) -> tuple[Image, Image]:
        """Thickness (mm) of trabecular core and compact shell; `hollow` is the core's share of bone."""
        rows, columns = self.window
        mask = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.uint8)
        cv2.fillPoly(mask, [self._to_pixels(outline)], 1, shift=4)
        inside = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_5) * self.position.spacing
        inside -= np.float32(0.5 * self.position.spacing) * (inside > 0)
        depth, radius, cortex, hollow = (np.asarray(v, np.float32) for v in (depth, radius, cortex, hollow))
        outer = depth * _ellipse(1 - np.minimum(inside / radius, 1))
        core = np.maximum(depth - 2 * cortex, 0) * _ellipse(1 - np.clip((inside - cortex) / radius, 0, 1))
        core = np.minimum(core, outer)
        return core * hollow, outer - core

    def project_lines(self, rng: np.random.Generator) -> Image:
        """Compact bone (mm) that plates seen edge-on add."""
        rows, columns = self.window
        canvas = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.float32)
        thin = max(1, round(0.5 / self.position.spacing))
        for curve, thickness in shapes.edge_on_plates(self.knee, self.variation, rng):
            line = np.zeros_like(canvas)
            cv2.polylines(line, [self._to_pixels(curve)], False, 1.0, thin, cv2.LINE_AA, shift=4)
            canvas = np.maximum(canvas, thickness * line)
        encode_defective = np.clip(
            0.65 + 0.5 * smooth_noise(rng, canvas.shape, self.position.spacing, 8.0), 0, 1.2
        )
        return blur(canvas, 0.35 / self.position.spacing) * encode_defective

    def _to_pixels(self, points: Points) -> NDArray[np.int32]:
        rows, columns = self.window
        pixels = self.position.to_pixels(shapes.bend_shafts(points, self.knee)) - [columns.start, rows.start]
        return np.round(pixels * 16).astype(np.int32)


def _ellipse(u: Image) -> Image:
    """Half chord of a unit circle at distance u from its middle."""
    return np.sqrt(np.maximum(1 - u * u, 0)).astype(np.float32)


def _limb_window(position: KneePosition, half: float, shape: tuple[int, int]) -> tuple[slice, slice]:
    reach = 1.45 * half + abs(np.sin(np.radians(position.tilt))) * shape[0] * position.spacing
    left, right = (round((position.centre[0] + sign * reach) / position.spacing) for sign in (-1, 1))
    return slice(0, shape[0]), slice(max(left, 0), max(min(right, shape[1]), max(left, 0) + 1))


def _density_pattern(knee: KneeAnatomy, x: Image, y: Image) -> Image:
    """Tibial trabecular bone beneath the plateaus: denser on the side that bears more."""
    half = knee.plateau / 2
    medial = 1 / (1 + np.exp(x / (0.16 * half)))
    near = np.exp(-0.5 * (np.maximum(y, 0) / (0.55 * half)) ** 2)
    tilt = 1.5 * (knee.density_ratio - 1)
    return 1.0 + near * (0.15 + tilt * (2 * medial - 1))


def _sclerosis(knee: KneeAnatomy, x: Image, y: Image, tibia: Image, bone: Image) -> Image:
    """Compact bone (mm) that sclerosis adds beside the joint space."""
    half = knee.plateau / 2
    depth = np.abs(y) - (knee.mjsw_medial + knee.mjsw_lateral) / 4
    band = np.exp(-np.maximum(depth, 0) / np.where(y > 0, 4.5, 3.0)) * np.minimum(
        np.maximum(tibia, 0.6 * bone), 1
    )
    total = np.zeros_like(x)
    for side, amount in ((-1, knee.sclerosis_medial), (1, knee.sclerosis_lateral)):
        total += (0.22 + amount) * np.exp(-0.5 * ((x - side * 0.55 * half) / (0.27 * half)) ** 2)
    return 11.0 * total * band
