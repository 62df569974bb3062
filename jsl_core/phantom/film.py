"""From attenuation to a film: scatter, blur, photon noise, exposure and processing, and its furniture."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from jsl_core.config import PhantomSettings
from jsl_core.phantom import furniture
from jsl_core.phantom.anatomy import Knee, draw_anatomy, stream
from jsl_core.phantom.layout import Layout, draw_layout
from jsl_core.phantom.projection import Placement, project_bones, project_flesh
from jsl_core.phantom.raster import Image, blurred, resized

__all__ = ["BOX_SIDE", "JOINT_LINE", "PhantomFilm", "joint_boxes", "make_film", "plan_film"]

Box = tuple[float, float, float, float]

BOX_SIDE, JOINT_LINE = 1.45, 0.54  # the project's joint box, of the plateau's width and of the box's height
_FLESH_STEP = 4  # flesh has no fine detail: it is drawn on a canvas this much coarser
_CANVAS_MM = 0.22  # finer than a detector's own blur; the canvas is never finer than this


@dataclass(frozen=True)
class PhantomFilm:
    """A film and its truth.

    `display`: uint8 H×W as a correct reader shows it, bone bright, the right knee on the left. `signal`:
    float32 H×W, the same picture in units of the window, which runs from 0 to 1; values beyond it are what a
    window hides. `boxes`: joint boxes by side, pixels of `display`, within it. `spacing_mm`: mm per pixel.
    """

    display: NDArray[np.uint8]
    signal: Image
    boxes: dict[int, Box]
    spacing_mm: float
    knees: tuple[Knee, ...]


def plan_film(seed: int, index: int, settings: PhantomSettings, hard: bool = False) -> Layout:
    """Who and what film `index` of the cohort `seed` shows, before anything is drawn."""
    anatomy = draw_anatomy(stream(seed, index, "anatomy"))
    knees = (anatomy.knee(0, 1), anatomy.knee(0, 2))
    return draw_layout(stream(seed, index, "layout"), knees, settings.long_side, hard)


def make_film(seed: int, index: int, settings: PhantomSettings, hard: bool = False) -> PhantomFilm:
    """Film `index` of the cohort `seed`; `hard` draws from a wider domain, for a detector to learn from.

    The film depends on `seed`, `index`, `settings.long_side` and `hard` alone.
    """
    layout = plan_film(seed, index, settings, hard)
    signal = _expose(layout, stream(seed, index, "texture"))
    display = np.round(255 * np.clip(signal, 0, 1)).astype(np.uint8)
    return PhantomFilm(display, signal, joint_boxes(layout), layout.spacing, layout.knees)


def joint_boxes(layout: Layout) -> dict[int, Box]:
    """The joints' square boxes by side, film pixels, clipped to the film."""
    boxes = {}
    for knee, (x, y) in zip(layout.knees, layout.centres, strict=True):
        side = BOX_SIDE * knee.plateau
        x1, y1 = x - side / 2, y - JOINT_LINE * side
        corners = np.array([x1, y1, x1 + side, y1 + side]) / layout.spacing
        boxes[knee.side] = tuple(np.clip(corners, 0, [layout.width, layout.height] * 2).tolist())
    return boxes


def _expose(layout: Layout, rng: np.random.Generator) -> Image:
    """The film's picture in window units, H×W."""
    exposure = layout.exposure
    attenuation = _attenuation(layout, rng)
    furniture.add_lead(attenuation, layout, rng)
    light: Image = np.exp(-attenuation)
    light += exposure.scatter * _scattered(light, layout.spacing)
    light = blurred(light, max(exposure.blur / layout.spacing, 0.35))
    photons = exposure.photons * (layout.spacing / 0.2) ** 2
    noise = rng.standard_normal(light.shape, dtype=np.float32)
    light += noise * np.sqrt(light / np.float32(photons))  # a Poisson count of this many is as good as normal
    log_signal = -np.log(np.maximum(light, 1 / np.float32(photons)))
    if exposure.sharpening:
        log_signal += exposure.sharpening * (log_signal - blurred(log_signal, 1.2 / layout.spacing))
    low, high = _window(log_signal, layout)
    furniture.collimate(log_signal, layout, unexposed=high)
    signal = (log_signal - np.float32(low)) / np.float32(high - low)
    signal += _shading(layout)
    np.clip(signal, -0.25, 1.25, out=signal)
    signal = np.sign(signal) * np.abs(signal) ** np.float32(exposure.gamma)
    furniture.redact(signal, layout)
    return signal


def _attenuation(layout: Layout, rng: np.random.Generator) -> Image:
    """Line integrals of all limbs on a coarser canvas, brought to film resolution."""
    spacing = max(_CANVAS_MM, 0.75 * layout.spacing)
    shape = (round(layout.height * layout.spacing / spacing), round(layout.width * layout.spacing / spacing))
    soft = (-(-shape[0] // _FLESH_STEP), -(-shape[1] // _FLESH_STEP))
    flesh = np.zeros(soft, np.float32)
    bones = np.zeros(shape, np.float32)
    for knee, centre, tilt, girth, variation in zip(
        layout.knees, layout.centres, layout.tilts, layout.girths, layout.variations, strict=True
    ):
        place = Placement(knee.side, centre, tilt, spacing)
        window, bone = project_bones(knee, variation, place, shape, rng)
        bones[window] += bone
        place = replace(place, spacing=_FLESH_STEP * spacing)
        np.maximum(flesh, project_flesh(knee, place, soft, rng, girth), out=flesh)
    flesh = resized(blurred(flesh, 0.7), (_FLESH_STEP * soft[0], _FLESH_STEP * soft[1]))[
        : shape[0], : shape[1]
    ]
    return resized(flesh + bones, (layout.height, layout.width))


def _scattered(light: Image, spacing: float) -> Image:
    """Scattered light: the primary spread over some 25 mm."""
    step = 4.0  # mm: fine enough for so wide a blur
    small = tuple(max(round(n * spacing / step), 8) for n in light.shape)
    coarse = resized(light, small, cv2.INTER_AREA)
    # Air's light is not scattered by the patient.
    coarse = blurred(np.minimum(coarse, 0.3), 25.0 / step)
    return np.float32(0.35) * resized(coarse, light.shape)


def _window(log_signal: Image, layout: Layout) -> tuple[float, float]:
    """The window's ends in log signal: from between air (0) and flesh (1), to a share of the bone's range."""
    seen = log_signal[::8, ::8]
    corners = [[int(value) // 8 for value in box] for box in joint_boxes(layout).values()]
    joint = np.concatenate([seen[y1:y2, x1:x2].ravel() for x1, y1, x2, y2 in corners])
    air = float(np.percentile(seen, 1))
    flesh, bone = (float(v) for v in np.percentile(joint, [8, 97]))
    low = air + layout.exposure.lower * max(flesh - air, 0.2)
    high = flesh + layout.exposure.upper * max(bone - flesh, 0.4)
    return low, max(high, low + 0.5)


def _shading(layout: Layout) -> Image:
    """The heel effect and uneven plates: a slow slope over the film."""
    across, down = layout.exposure.shading
    x = np.linspace(-0.5, 0.5, layout.width, dtype=np.float32)
    y = np.linspace(-0.5, 0.5, layout.height, dtype=np.float32)[:, None]
    return np.float32(across) * x + np.float32(down) * y
