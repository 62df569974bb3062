"""Projects bones to attenuation: a shell of compact bone round a core of trabecular bone.

A bone's thickness along the beam follows from the distance to its outline, as the chord of a rounded body
does; its shell is the outer chord less the chord of the same body shrunk by the cortex. So cortices show as
bright lines where the beam grazes them, with no line drawn. Plates seen edge-on are added near the joint.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from jsl_core.phantom import plates, shapes
from jsl_core.phantom.anatomy import KneeAnatomy
from jsl_core.phantom.position import KneePosition, Window
from jsl_core.phantom.raster import Image
from jsl_core.phantom.shapes import Points
from jsl_core.phantom.texture import smooth_noise, trabeculae
from jsl_core.phantom.variation import Pose, Variation

__all__ = ["project_bones"]

# Linear attenuation at about 50 keV effective, per mm, beyond the flesh that bone displaces: osteoporotic
# rather than dense, so that contrasts against the flesh are those of real films.
COMPACT, TRABECULAR = 0.036, 0.0078


def project_bones(
    knee: KneeAnatomy,
    variation: Variation,
    pose: Pose,
    position: KneePosition,
    shape: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[Window, Image]:
    """Project one knee's bones to their attenuation.

    Args:
        knee: Whose bones.
        variation: Of their shape.
        pose: Of the knee before the film.
        position: Of the knee on the canvas.
        shape: Height and width of the canvas.
        rng: Decides texture and lines.

    Returns:
        The window (rows, columns) of the canvas that the bones fill, and the line integrals in it.
    """
    half = knee.plateau / 2
    grain, lines = rng.spawn(2)  # lines stay where they are, whatever the canvas
    window = position.limb_window(half, shape)
    bones = _Bones(knee, position, window)
    # Along the limb's axis: half plateaus above and below the joint, one value a row.
    _, y = position.to_knee(
        (window[0], slice(*[round(position.centre[0] / position.spacing) + d for d in (0, 1)]))
    )
    above, below = np.maximum(-y / half, 0), np.maximum(y / half, 0)

    core, shell = bones.project_body(
        shapes.femur(knee, variation),
        depth=half * np.interp(above, [0, 0.7, 1.6, 2.8], [1.3, 1.75, 1.2, 0.8]),
        radius=np.interp(above, [0, 1.0, 2.2], [7, 12, 13.5]),
        cortex=np.interp(above, [0, 0.9, 1.3, 2.0, 3.2], [0.3, 0.45, 1.0, 2.4, 4.2]),
        hollow=np.interp(above, [1.2, 2.6], [1.0, 0.25]),
    )
    tibial_core, tibial_shell = bones.project_body(
        shapes.tibia(knee, variation),
        depth=half * np.interp(below, [0, 0.6, 1.6, 3.0], [1.15, 1.1, 0.85, 0.7]),
        radius=np.interp(below, [0, 0.25, 1.0, 2.2], [2.5, 7, 13, 12.5]),
        cortex=np.interp(below, [0, 0.3, 0.7, 1.1, 3.0], [0.4, 0.4, 0.75, 2.0, 4.2]),
        hollow=np.interp(below, [1.0, 2.4], [1.0, 0.25]),
    )
    bones.add_body(
        (core, shell), shapes.fibula(knee, variation, pose), 0.34 * half, 4.0, 0.8, weights=(1.1, 1.5)
    )
    bones.add_body(
        (core, shell), shapes.patella(knee, variation, pose), 0.4 * half, 12.0, 0.6, weights=(0.75, 0.5)
    )

    joint = position.joint_window(half, shape)
    near = tuple(slice(j.start - w.start, j.stop - w.start) for j, w in zip(joint, window, strict=True))
    near = (near[0], slice(max(near[1].start, 0), min(near[1].stop, core.shape[1])))
    joint = (joint[0], slice(window[1].start + near[1].start, window[1].start + near[1].stop))
    pattern = 1 + np.float32(0.07) * smooth_noise(grain, core.shape, position.spacing, 7.0)
    x, y = position.to_knee(joint)
    struts = trabeculae(grain, x, y, half, position.spacing)
    fading = np.clip(2.0 - 1.1 * np.abs(y) / half, 0, 1)
    pattern[near] += _strut_strength(knee, x, y) * fading * struts
    tibial_core[near] *= _density_pattern(knee, x, y)
    bone = np.minimum((tibial_core[near] + core[near]) / (0.4 * half), 1)
    shell += tibial_shell
    core += tibial_core
    compact = plates.subchondral_bone(knee, variation, pose, x, y, position.spacing, lines)

    def to_pixels(points: Points) -> Points:
        return position.to_pixels(shapes.bend_shafts(points, knee)) - [joint[1].start, joint[0].start]

    compact += bone * plates.strands(knee, variation, pose, to_pixels, x.shape, position.spacing, lines)
    shell[near] += compact * (1 + np.float32(0.06) * struts)
    return window, TRABECULAR * core * pattern + COMPACT * shell


@dataclass(frozen=True)
class _Bones:
    """Projects the bones of one knee into one window of the canvas."""

    knee: KneeAnatomy
    position: KneePosition
    window: Window

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
        pixels = self._to_pixels(outline)
        return self._chords(
            pixels, (rows.stop - rows.start, columns.stop - columns.start), depth, radius, cortex, hollow
        )

    def add_body(
        self,
        bones: tuple[Image, Image],
        outline: Points,
        depth: float,
        radius: float,
        cortex: float,
        weights: tuple[float, float] = (1.0, 1.0),
    ) -> None:
        """Add `weights` times a body's core and shell (mm) to those in `bones`, within its bounds alone."""
        pixels = self._to_pixels(outline)
        size = np.array(bones[0].shape[::-1])
        first = np.clip(np.floor(pixels.min(0)).astype(int) - 2, 0, size)
        last = np.clip(np.ceil(pixels.max(0)).astype(int) + 3, 0, size)
        if (last <= first).any():
            return
        box = (slice(first[1], last[1]), slice(first[0], last[0]))
        chords = self._chords(
            pixels - first, (last[1] - first[1], last[0] - first[0]), depth, radius, cortex, 1.0
        )
        for total, chord, weight in zip(bones, chords, weights, strict=True):
            total[box] += np.float32(weight) * chord

    def _chords(
        self,
        pixels: Points,
        shape: tuple[int, int],
        depth: Image | float,
        radius: Image | float,
        cortex: Image | float,
        hollow: Image | float,
    ) -> tuple[Image, Image]:
        mask = np.zeros(shape, np.uint8)
        cv2.fillPoly(mask, [np.round(pixels * 16).astype(np.int32)], 1, shift=4)
        inside = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_5) * self.position.spacing
        inside -= np.float32(0.5 * self.position.spacing) * (inside > 0)
        depth, radius, cortex, hollow = (np.asarray(v, np.float32) for v in (depth, radius, cortex, hollow))
        outer = depth * _chord(1 - np.minimum(inside / radius, 1))
        core = np.maximum(depth - 2 * cortex, 0) * _chord(1 - np.clip((inside - cortex) / radius, 0, 1))
        core = np.minimum(core, outer)
        return core * hollow, outer - core

    def _to_pixels(self, points: Points) -> Points:
        rows, columns = self.window
        return self.position.to_pixels(shapes.bend_shafts(points, self.knee)) - [columns.start, rows.start]


def _chord(u: Image) -> Image:
    """Half chord of a unit circle at distance u from its middle."""
    return np.sqrt(np.maximum(1 - u * u, 0)).astype(np.float32)


def _density_pattern(knee: KneeAnatomy, x: Image, y: Image) -> Image:
    """Tibial trabecular bone beneath the plateaus: denser on the side that bears more."""
    half = knee.plateau / 2
    medial = 1 / (1 + np.exp(x / (0.16 * half)))
    near = np.exp(-0.5 * (np.maximum(y, 0) / (0.55 * half)) ** 2)
    tilt = 1.5 * (knee.density_ratio - 1)
    return (1.0 + near * (0.15 + tilt * (2 * medial - 1))).astype(np.float32)


def _strut_strength(knee: KneeAnatomy, x: Image, y: Image) -> Image:
    """How strongly the struts show: by the knee's own texture beneath the medial plateau."""
    half = knee.plateau / 2
    medial = np.exp(-(((x / half + 0.55) / 0.4) ** 2)) * np.exp(-(((y / half - 0.3) / 0.4) ** 2))
    return (0.08 * (1 + 0.3 * knee.texture * medial)).astype(np.float32)
