"""Training pictures for the side network: knees cut, tilted, exposed, covered, negated; and no knee."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from jsl_core.config import PhantomSettings
from jsl_core.detection.side_network import INPUT_SIZE, normalise_contrast
from jsl_core.detection.training.augment import vary_exposure
from jsl_core.detection.training.composites import CropConvention
from jsl_core.detection.training.films import BoxedImage
from jsl_core.detection.training.limbs import Limb, LimbShape
from jsl_core.phantom.film import BOX_SIDE, JOINT_LINE, make_film

__all__ = ["NO_ANSWER", "KneePicture", "draw_knee", "make_phantom_knees"]

CANVAS = 2 * INPUT_SIZE  # marks, noise and JPEG are drawn at twice the input's size
PHANTOM_SIDE = 224  # pixels of a phantom knee's picture
PHANTOM_PLATEAUS = 1.75  # tibial plateaus that it is wide
BEND = 0.02  # of the canvas
PLATEAUS = (1.0, 1.75)  # range of the width of what the network is shown; the joint box is 1.45 wide

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class KneePicture:
    """A right knee, uint8 S×S (a left one mirrored), and where its joint lies.

    `plateau`: width of the tibial plateau, and `joint_line`: how far down it is, in sides of the picture.
    """

    pixels: Pixels
    plateau: float = CropConvention().plateau
    joint_line: float = CropConvention().joint_line


def draw_knee(knee: KneePicture, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw one training picture of a right knee.

    Args:
        knee: The knee.
        rng: Decides all that is random.

    Returns:
        float32 96×96 after `normalise_contrast`.
    """
    if rng.random() < 0.2:
        knee = _add_limb(knee, rng)
    canvas, box = _cut(knee, rng)
    return _finish(canvas, box, rng)


def _draw_turned(knee: KneePicture, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw a knee on its side or upside down, about which the network should not answer; as `draw_knee`."""
    canvas, box = _cut(knee, rng)
    canvas = np.ascontiguousarray(np.rot90(canvas, int(rng.integers(1, 4))))
    return _finish(canvas, box, rng)


def _draw_nothing(knee: KneePicture, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw noise, cloud, slope, lines and letters, and nothing of the knee; as `draw_knee`."""
    noise = rng.standard_normal((CANVAS, CANVAS), np.float32)
    spread = float(rng.choice([0.0, rng.uniform(0.5, 4), rng.uniform(4, 30)]))
    if spread:
        noise = cv2.GaussianBlur(noise, (0, 0), spread)
    noise *= np.float32(rng.uniform(1, 60)) / max(float(noise.std()), 1e-6)
    slopes = rng.normal(0, 60, 2).astype(np.float32)
    x = np.linspace(-0.5, 0.5, CANVAS, dtype=np.float32)
    canvas = 128 + noise + slopes[0] * x + slopes[1] * x[:, None]
    for _ in range(int(rng.integers(0, 6))):
        points = rng.integers(-20, CANVAS + 20, (int(rng.integers(3, 7)), 2))
        if rng.random() < 0.5:
            cv2.fillPoly(canvas, [points.astype(np.int32)], float(rng.uniform(0, 255)), cv2.LINE_AA)
        else:
            cv2.polylines(
                canvas, [points.astype(np.int32)], False, float(rng.uniform(0, 255)), 3, cv2.LINE_AA
            )
    middle = np.array([[80, 80, 110, 110]], np.float32)
    return _finish(canvas.clip(0, 255).astype(np.uint8), middle, rng)


def _draw_surroundings(knee: KneePicture, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw a knee whose bones are covered, so that what lies beside them does not answer; as `draw_knee`."""
    canvas, box = _cut(knee, rng)
    middle, half = (box[0, :2] + box[0, 2:]) / 2, 0.5 * (box[0, 2:] - box[0, :2]) * rng.uniform(0.72, 0.9)
    (x1, y1), (x2, y2) = (np.clip(corner, 0, CANVAS).astype(int) for corner in (middle - half, middle + half))
    canvas[y1:y2, x1:x2] = int(rng.choice([0, 255, int(canvas.mean())]))
    return _finish(canvas, box, rng)


NO_ANSWER = (_draw_nothing, _draw_turned, _draw_surroundings)
"""Draw pictures, as `draw_knee` does, about which the network should not answer."""


def make_phantom_knees(count: int, seed: int) -> list[KneePicture]:
    """Make the knees of `count` phantom films of the wider domain, all as right knees."""
    knees = []
    for index in range(count):
        film = make_film(seed, index, PhantomSettings(long_side=(720, 720)), hard=True)
        for side, (x1, y1, x2, y2) in film.boxes.items():
            if abs((x2 - x1) - (y2 - y1)) > 1:
                continue  # cut by the film's edge: the box does not give the joint line
            plateau = (x2 - x1) / BOX_SIDE
            scale = PHANTOM_SIDE / (PHANTOM_PLATEAUS * plateau)
            centre = (x1 + x2) / 2, y1 + JOINT_LINE * (y2 - y1)
            matrix = np.array(
                [
                    [scale, 0, PHANTOM_SIDE / 2 - scale * centre[0]],
                    [0, scale, PHANTOM_SIDE * JOINT_LINE - scale * centre[1]],
                ]
            )
            pixels = cv2.warpAffine(
                film.display, matrix, (PHANTOM_SIDE, PHANTOM_SIDE), borderMode=cv2.BORDER_REPLICATE
            )
            pixels = pixels if side == 1 else np.ascontiguousarray(pixels[:, ::-1])
            knees.append(KneePicture(pixels, 1 / PHANTOM_PLATEAUS, JOINT_LINE))
    return knees


def _add_limb(knee: KneePicture, rng: np.random.Generator) -> KneePicture:
    """The knee with a limb drawn round it, 1.75 plateaus wide."""
    size = knee.pixels.shape[0]
    side = size / (PLATEAUS[1] * knee.plateau)  # of the old picture in the new one
    centre = knee.joint_line + (0.5 - JOINT_LINE) * BOX_SIDE * knee.plateau
    air = float(rng.uniform(0, 60))
    limb = Limb(size / 2, size / 2, side, centre, 0.0, False, LimbShape.draw(rng))
    pixels = knee.pixels.astype(np.float32)
    negative = (
        pixels[:, [0, -1]].mean() > pixels.mean() + 10
    )  # tissue beside the bone is brighter than the bone
    whole = limb.draw(255 - pixels if negative else pixels, (size, size), air)
    line = 0.5 + (knee.joint_line - centre) * side / size
    return KneePicture(whole.clip(0, 255).astype(np.uint8), 1 / PLATEAUS[1], line)


def _cut(knee: KneePicture, rng: np.random.Generator) -> tuple[Pixels, NDArray[np.float32]]:
    """A tilted and shifted square of the knee, uint8 192×192, and the joint box in it, float32 1×4."""
    size = knee.pixels.shape[0]
    width = float(rng.uniform(*PLATEAUS))
    scale = CANVAS / (width * knee.plateau * size)
    angle = float(np.radians(np.clip(rng.normal(0, 6), -15, 15)))
    stretch = float(np.exp(rng.normal(0, 0.05)))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag(
        [scale * stretch, scale / stretch]
    )
    joint = np.array([0.5, knee.joint_line]) * size
    aim = np.array([0.5, JOINT_LINE]) * CANVAS + rng.uniform(-0.09, 0.09, 2) * CANVAS
    matrix = np.column_stack([turn, aim - turn @ joint])
    border = (cv2.BORDER_REPLICATE, cv2.BORDER_REFLECT_101, cv2.BORDER_CONSTANT)[int(rng.integers(3))]
    canvas = cv2.warpAffine(
        knee.pixels, matrix, (CANVAS, CANVAS), flags=cv2.INTER_LINEAR, borderMode=border,
        borderValue=float(rng.integers(0, 256)),
    )  # fmt: skip
    canvas = _bend(canvas, rng) if rng.random() < 0.5 else canvas
    side = BOX_SIDE / width * CANVAS
    corner = aim - np.array([0.5, JOINT_LINE]) * side
    return canvas, np.array([[*corner, *(corner + side)]], np.float32)


def _bend(canvas: Pixels, rng: np.random.Generator) -> Pixels:
    """Shift the parts of a canvas against one another, smoothly: knees differ in shape and stance."""
    shifts = rng.normal(0, BEND * CANVAS, (5, 5, 2)).astype(np.float32)
    field = cv2.resize(shifts, (CANVAS, CANVAS), interpolation=cv2.INTER_CUBIC)
    grid = np.arange(CANVAS, dtype=np.float32)
    columns, rows = field[..., 0] + grid, field[..., 1] + grid[:, None]
    return np.asarray(cv2.remap(canvas, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _finish(canvas: Pixels, box: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Give a canvas marks, an exposure, covered parts and a polarity; bring it to the network's input."""
    if rng.random() < 0.85:
        canvas = vary_exposure(BoxedImage(canvas, box), rng).pixels
    picture = canvas.astype(np.float32)
    _cover(picture, rng)
    picture = normalise_contrast(cv2.resize(picture, (INPUT_SIZE, INPUT_SIZE), interpolation=cv2.INTER_AREA))
    return -picture if rng.random() < 0.5 else picture


def _cover(picture: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Cover the frame, single edges or a block, in place: the answer should come from the bone, all of it."""
    level = float(rng.choice([0.0, 255.0, float(picture.mean()), rng.uniform(0, 255)]))
    if rng.random() < 0.25:
        rim = int(CANVAS * rng.uniform(0.03, 0.2))
        inner = picture[rim:-rim, rim:-rim].copy()
        picture[:] = level
        picture[rim:-rim, rim:-rim] = inner
    if rng.random() < 0.3:
        for _ in range(int(rng.integers(1, 3))):
            rim = int(CANVAS * rng.uniform(0.03, 0.25))
            edge = (np.s_[:rim], np.s_[-rim:], np.s_[:, :rim], np.s_[:, -rim:])[int(rng.integers(4))]
            picture[edge] = level
    if rng.random() < 0.4:  # no part of the knee is always there, not even the joint line
        width, height = int(CANVAS * rng.uniform(0.05, 0.9)), int(CANVAS * rng.uniform(0.05, 0.35))
        x, y = int(rng.integers(0, CANVAS - width)), int(rng.integers(0, CANVAS - height))
        block = np.s_[y : y + height, x : x + width]
        picture[block] = cv2.GaussianBlur(picture, (0, 0), 12)[block] if rng.random() < 0.5 else level
