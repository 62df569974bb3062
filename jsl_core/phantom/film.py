"""From attenuation to a film: scatter, blur, photon noise, exposure and processing, and marks on it."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from jsl_core.config import PhantomSettings
from jsl_core.phantom import film_marks
from jsl_core.phantom.anatomy import KneeAnatomy, draw_anatomy, make_generator
from jsl_core.phantom.flesh import project_flesh
from jsl_core.phantom.layout import Layout, draw_layout
from jsl_core.phantom.position import KneePosition
from jsl_core.phantom.projection import project_bones
from jsl_core.phantom.raster import Image, blur, resize
from jsl_core.phantom.variation import Variation
from jsl_core.phantom.visits import wear_knees

__all__ = ["BOX_SIDE", "JOINT_LINE", "PhantomFilm", "joint_boxes", "make_film", "plan_film"]

Box = tuple[float, float, float, float]

BOX_SIDE, JOINT_LINE = 1.45, 0.54  # the project's joint box, of the plateau's width and of the box's height
_FLESH_STEP = 4  # flesh has no fine detail: it is drawn on a canvas this much coarser
_CANVAS_MM = 0.22  # finer than a detector's own blur; the canvas is never finer than this


@dataclass(frozen=True)
class PhantomFilm:
    """A film and its truth.

    Attributes:
        display: uint8 H×W as a correct reader shows it, bone bright, the right knee on the left.
        signal: float32 H×W, the same picture in units of the window, which runs from 0 to 1; values beyond it
            are what a window hides.
        boxes: Joint boxes (x1, y1, x2, y2) by side (1 right, 2 left), in pixels of `display`, within it.
        spacing_mm: Mm per pixel.
        knees: What the film shows, right first.
    """

    display: NDArray[np.uint8]
    signal: Image
    boxes: dict[int, Box]
    spacing_mm: float
    knees: tuple[KneeAnatomy, ...]


def plan_film(seed: int, index: int, settings: PhantomSettings, hard: bool = False, month: int = 0) -> Layout:
    """Draw what a film shows and how it was taken, without its picture; arguments as for `make_film`."""
    anatomy = draw_anatomy(make_generator(seed, index, "anatomy"))
    knees = wear_knees(anatomy, seed, index, month)
    variations = Variation.draw_pair(make_generator(seed, index, "shape"), 1.6 if hard else 1.0)
    return draw_layout(
        make_generator(seed, index, "layout", month), knees, variations, settings.long_side, hard
    )


def make_film(
    seed: int, index: int, settings: PhantomSettings, hard: bool = False, month: int = 0
) -> PhantomFilm:
    """Make film `index` of the cohort `seed`.

    The film depends on `seed`, `index`, `settings.long_side`, `hard` and `month` alone.

    Args:
        seed: Of the cohort.
        index: Of the participant, from 0.
        settings: Whose `long_side` bounds the film's longer side in pixels.
        hard: Draw from a wider domain, for a detector to learn from.
        month: Of the visit; the knees and their marks are the same at each, but for their wear.
    """
    layout = plan_film(seed, index, settings, hard, month)
    bones = make_generator(seed, index, "shape").spawn(1)[0]
    signal = _render_signal(layout, make_generator(seed, index, "texture", month), bones)
    display = np.round(255 * np.clip(signal, 0, 1)).astype(np.uint8)
    return PhantomFilm(display, signal, joint_boxes(layout), layout.spacing, layout.knees)


def joint_boxes(layout: Layout) -> dict[int, Box]:
    """The joints' square boxes (x1, y1, x2, y2) by side (1 right, 2 left), in pixels, clipped to the film."""
    boxes = {}
    for knee, (x, y) in zip(layout.knees, layout.centres, strict=True):
        side = BOX_SIDE * knee.plateau
        x1, y1 = x - side / 2, y - JOINT_LINE * side
        corners = np.array([x1, y1, x1 + side, y1 + side]) / layout.spacing
        boxes[knee.side] = tuple(np.clip(corners, 0, [layout.width, layout.height] * 2).tolist())
    return boxes


def _render_signal(layout: Layout, rng: np.random.Generator, bones: np.random.Generator) -> Image:
    """The film's picture in window units, H×W."""
    exposure = layout.exposure
    attenuation = _project_limbs(layout, rng, bones)
    film_marks.add_lead_markers(attenuation, layout, rng)
    light: Image = np.exp(-attenuation)
    light += exposure.scatter * _scatter(light, layout.spacing)
    light = blur(light, max(exposure.blur / layout.spacing, 0.35))
    photons = exposure.photons * (layout.spacing / 0.2) ** 2
    noise = rng.standard_normal(light.shape, dtype=np.float32)
    light += noise * np.sqrt(light / np.float32(photons))  # a Poisson count of this many is as good as normal
    log_signal = -np.log(np.maximum(light, 1 / np.float32(photons)))
    if exposure.sharpening:
        log_signal += exposure.sharpening * (log_signal - blur(log_signal, 1.2 / layout.spacing))
    low, high = _choose_window(log_signal, layout)
    film_marks.collimate(log_signal, layout, unexposed=high)
    signal = (log_signal - np.float32(low)) / np.float32(high - low)
    signal += _shading_slope(layout)
    np.clip(signal, -0.25, 1.25, out=signal)
    signal = np.sign(signal) * np.abs(signal) ** np.float32(exposure.gamma)
    film_marks.redact(signal, layout)
    return signal


def _project_limbs(layout: Layout, rng: np.random.Generator, bone_rng: np.random.Generator) -> Image:
    """Line integrals of all limbs on a coarser canvas, brought to film resolution."""
    spacing = max(_CANVAS_MM, 0.75 * layout.spacing)
    shape = (round(layout.height * layout.spacing / spacing), round(layout.width * layout.spacing / spacing))
    soft = (-(-shape[0] // _FLESH_STEP), -(-shape[1] // _FLESH_STEP))
    flesh = np.zeros(soft, np.float32)
    bones = np.zeros(shape, np.float32)
    for knee, centre, tilt, girth, variation, pose in zip(
        layout.knees,
        layout.centres,
        layout.tilts,
        layout.girths,
        layout.variations,
        layout.poses,
        strict=True,
    ):
        position = KneePosition(knee.side, centre, tilt, spacing)
        window, bone = project_bones(knee, variation, pose, position, shape, bone_rng)
        bones[window] += bone
        position = replace(position, spacing=_FLESH_STEP * spacing)
        np.maximum(flesh, project_flesh(knee, position, soft, rng, girth), out=flesh)
    flesh = resize(blur(flesh, 0.7), (_FLESH_STEP * soft[0], _FLESH_STEP * soft[1]))[: shape[0], : shape[1]]
    # The canvas's millimetres are the film's, to a fraction of a pixel.
    scale = layout.spacing / spacing
    to_canvas = np.array([[scale, 0, 0.5 * scale - 0.5], [0, scale, 0.5 * scale - 0.5]])
    return np.asarray(
        cv2.warpAffine(
            flesh + bones,
            to_canvas,
            (layout.width, layout.height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.float32,
    )


def _scatter(light: Image, spacing: float) -> Image:
    """Scattered light: the primary spread over some 25 mm."""
    step = 4.0  # mm: fine enough for so wide a blur
    small = tuple(max(round(n * spacing / step), 8) for n in light.shape)
    coarse = resize(light, small, cv2.INTER_AREA)
    # Air's light is not scattered by the patient.
    coarse = blur(np.minimum(coarse, 0.3), 25.0 / step)
    return np.float32(0.35) * resize(coarse, light.shape)


def _choose_window(log_signal: Image, layout: Layout) -> tuple[float, float]:
    """The window's ends in log signal: from between air (0) and flesh (1), to a share of the bone's range."""
    sample = log_signal[::8, ::8]
    corners = [[int(value) // 8 for value in box] for box in joint_boxes(layout).values()]
    joint = np.concatenate([sample[y1:y2, x1:x2].ravel() for x1, y1, x2, y2 in corners])
    air = float(np.percentile(sample, 1))
    flesh, bone = (float(v) for v in np.percentile(joint, [8, 97]))
    low = air + layout.exposure.lower * max(flesh - air, 0.2)
    high = flesh + layout.exposure.upper * max(bone - flesh, 0.4)
    return low, max(high, low + 0.5)


def _shading_slope(layout: Layout) -> Image:
    """The heel effect and uneven plates: a slow slope over the film."""
    across, down = layout.exposure.shading
    x = np.linspace(-0.5, 0.5, layout.width, dtype=np.float32)
    y = np.linspace(-0.5, 0.5, layout.height, dtype=np.float32)[:, None]
    return np.float32(across) * x + np.float32(down) * y
