"""Hard films for measuring a detector: layouts, exposures and clutter drawn otherwise than for training.

Bilateral films of a study, single films, halves with the other leg's edge, tight crops, long legs, and
photographs of films on a light box; letters in other fonts, plates, blocks, beads, rulers, round corners.
"""

import math
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from hard_legs import LegShape, draw_leg, eased
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from jsl_core.detection.training.composites import CropConvention, brighten_bone
from jsl_core.detection.training.films import BoxedImage
from jsl_core.phantom.film import BOX_SIDE, JOINT_LINE

Image = NDArray[np.float32]

KINDS = ("study", "bilateral", "single", "half", "tight", "long", "photo")
WORDS = (
    "R",
    "L",
    "RIGHT",
    "LEFT",
    "WEIGHT BEARING",
    "AP",
    "PA 10°",
    "J.S.",
    "12/04/1997",
    "17",
    "SIN",
    "re",
    "li",
)
FONTS = sorted((Path(matplotlib.get_data_path()) / "fonts" / "ttf").glob("DejaVu*.ttf"))
# Width over height of the film, and side of the joint's box in widths of the film, from … to.
SHAPES = {
    "study": ((1.15, 1.3), (0.26, 0.36)), "bilateral": ((0.8, 1.7), (0.25, 0.48)),
    "single": ((0.5, 0.9), (0.45, 0.85)), "half": ((0.45, 0.75), (0.5, 1.0)),
    "tight": ((0.6, 1.25), (0.8, 1.05)), "long": ((0.4, 1.2), (0.2, 0.4)), "photo": ((0.7, 1.4), (0.3, 0.7)),
}  # fmt: skip


def hard_film(crops: NDArray[np.uint8], index: int, seed: int = 7) -> BoxedImage:
    """The `index`-th film, of each kind in turn, with crops (N×S×S right knees) for its joints."""
    rng = np.random.default_rng([seed, index])
    kind = KINDS[index % len(KINDS)]
    aspects, shares = SHAPES[kind]
    long_side, aspect = float(rng.choice([416, 640, 900, 1200])), rng.uniform(*aspects)
    width, height = round(long_side * min(1, aspect)), round(long_side / max(1, aspect))
    two = kind in ("study", "bilateral") or (kind == "long" and rng.random() < 0.5)
    side = width * rng.uniform(*shares) * (0.75 if kind == "long" and two else 1.0)
    side = min(side, min(width, height) * 1.05 if kind == "tight" else 0.85 * height)
    film, boxes = _legs(crops, (height, width), side, kind, two, rng)
    film = _exposed(film, rng)
    film = _cluttered(film, boxes, two, rng)
    if kind == "photo":
        film, boxes = _photographed(film, boxes, rng)
    limits = [film.shape[1], film.shape[0]] * 2
    return BoxedImage(_coded(film, rng), boxes.clip(0, limits).astype(np.float32))


def _legs(
    crops: NDArray[np.uint8], size: tuple[int, int], side: float, kind: str, two: bool,
    rng: np.random.Generator,
) -> tuple[Image, Image]:  # fmt: skip
    height, width = size
    air = float(rng.choice([0, rng.uniform(0, 25), rng.uniform(20, 70)]))
    film, shape = np.full(size, air, np.float32), LegShape.draw(rng)
    if two:
        gap = rng.uniform(1.05 * side, max(1.08 * side, min(width - 0.95 * side, 2.2 * side)))
        middle = width / 2 + rng.uniform(-0.4, 0.4) * max(0.0, width - gap - side)
        columns = [(middle - gap / 2, -1.0), (middle + gap / 2, 1.0)]
    else:
        free = 0.1 * width if kind == "tight" else max(0.0, width - side)
        columns = [(width / 2 + rng.uniform(-0.45, 0.45) * free, float(rng.choice([-1.0, 1.0])))]
    row = height / 2 + rng.uniform(-0.42, 0.42) * max(0.0, height - side)
    boxes = []
    for x, outward in columns:
        y, box = row + two * rng.uniform(-0.08, 0.08) * side, side * (rng.uniform(0.95, 1.05) if two else 1.0)
        one = _leg(crops, size, (x, y), box, float(np.radians(rng.normal(0, 4))), air, shape, outward, rng)
        shared = 0.3 * np.minimum(film - air, one - air) if rng.random() < 0.5 else np.float32(0)
        film = np.maximum(film, one) + shared
        boxes.append((x - box / 2, y - box / 2, x + box / 2, y + box / 2))
    if kind == "half" and rng.random() < 0.6:  # the edge of the other leg, its joint outside
        x = (
            (width + rng.uniform(0.62, 0.9) * side)
            if columns[0][0] < width / 2
            else -rng.uniform(0.62, 0.9) * side
        )
        if abs(x - columns[0][0]) > 1.02 * side:
            other = _leg(crops, size, (x, row), side, 0.0, air, LegShape.draw(rng), math.copysign(1, x), rng)
            film = np.maximum(film, other)
    return film, np.array(boxes, np.float32)


def _leg(
    crops: NDArray[np.uint8], size: tuple[int, int], middle: tuple[float, float], box: float, turn: float,
    air: float, shape: LegShape, outward: float, rng: np.random.Generator,
) -> Image:  # fmt: skip
    """A leg with the joint box's middle (x, y) and side; it turns about the middle of the joint line."""
    crop = brighten_bone(crops[int(rng.integers(len(crops)))])
    if rng.random() < 2 / 3:  # as films are shown, not as they are exposed
        low, high = np.percentile(crop, (1, 99.5))
        crop = (crop - low) / max(high - low, 20) * rng.uniform(130, 225) + rng.uniform(15, 55)
        crop = 255 * (crop.clip(0, 255) / 255) ** rng.choice([1.0, rng.uniform(0.7, 1.7)])
    crop = np.ascontiguousarray(crop[:, ::-1] if outward > 0 else crop, np.float32)
    side = box / BOX_SIDE / CropConvention.plateau
    up = (0.5 - CropConvention.joint_line) * side
    line = middle[1] + (JOINT_LINE - 0.5) * box
    centre = middle[0] - math.sin(turn) * up, line + math.cos(turn) * up
    return draw_leg(crop, size, centre, side, turn, air, shape, outward)


def _exposed(film: Image, rng: np.random.Generator) -> Image:
    g = film / 255
    if rng.random() < 0.5:
        g = g.clip(0, None) ** np.exp(rng.uniform(-0.8, 0.8))
    if rng.random() < 0.35:
        g = 1 / (1 + np.exp(-(g - np.percentile(g, rng.uniform(40, 75))) / rng.uniform(0.08, 0.3)))
    if rng.random() < 0.3:  # burnt out above
        down = np.linspace(0, 1, len(g), dtype=np.float32)[:, None]
        g = g * (1 + rng.uniform(0.2, 1.2) * eased((rng.uniform(0.2, 0.5) - down) / 0.3))
    if rng.random() < 0.3:
        g = g + rng.uniform(0.5, 2) * (g - cv2.GaussianBlur(g.astype(np.float32), (0, 0), rng.uniform(3, 25)))
    return np.asarray(g.clip(-0.2, 1.3) * 255, np.float32)


def _cluttered(film: Image, boxes: Image, two: bool, rng: np.random.Generator) -> Image:
    height, width = film.shape
    side = float(boxes[0, 2] - boxes[0, 0])
    if two and rng.random() < 0.4:  # beads of a positioning frame
        x, radius = float(boxes[:, [0, 2]].mean()), max(1.0, side * rng.uniform(0.008, 0.02))
        for index in range(int(rng.integers(5, 16))):
            place = int(x), int(boxes[0, 1] + index * 5.5 * radius)
            cv2.circle(film, place, round(radius), 250.0, -1, cv2.LINE_AA)
    if rng.random() < 0.6:
        film = _collimated(film, boxes, rng)
    for _ in range(int(rng.integers(0, 4))):
        size = rng.uniform(0.03, 0.16) * min(width, height)
        ink = _word(str(rng.choice(WORDS)), size, rng)
        if at := _free(film, boxes, ink.shape[1], ink.shape[0], rng):
            place = film[at[1] : at[1] + ink.shape[0], at[0] : at[0] + ink.shape[1]]
            place += (rng.choice([255.0, 235.0, 0.0], p=[0.6, 0.3, 0.1]) - place) * ink
    for _ in range(int(rng.integers(0, 3))):  # blocks and plates
        w, h = int(width * rng.uniform(0.08, 0.5)), int(height * rng.uniform(0.03, 0.14))
        if at := _free(film, boxes, w, h, rng):
            film[at[1] : at[1] + h, at[0] : at[0] + w] = rng.choice([0.0, 255.0, 40.0, 200.0])
    if rng.random() < 0.1 and (
        at := _free(film, boxes, max(4, int(0.05 * side)), height - 1, rng)
    ):  # a ruler
        for y in range(0, height, max(4, int(side * 0.05))):
            cv2.line(film, (at[0], y), (at[0] + int(0.04 * side), y), 245.0, 1)
    return film


def _collimated(film: Image, boxes: Image, rng: np.random.Generator) -> Image:
    height, width = film.shape
    low, high = boxes[:, :2].min(0).clip(0), boxes[:, 2:].max(0).clip(None, [width, height])
    corner = rng.uniform(0, 0.06) * min(width, height)
    (x1, y1), (x2, y2) = low * rng.uniform(0, 1, 2), high + ([width, height] - high) * rng.uniform(0, 1, 2)
    mask = np.zeros(film.shape, np.float32)
    cv2.rectangle(mask, (int(x1 + corner), int(y1 + corner)), (int(x2 - corner), int(y2 - corner)), 1.0, -1)
    if corner > 1:
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * int(corner) + 1,) * 2)
        mask = cv2.dilate(mask, disc)
    mask = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.5, 4))
    return film * mask + (1 - mask) * np.float32(rng.choice([0, 8, 60, 255], p=[0.6, 0.2, 0.1, 0.1]))


def _word(word: str, size: float, rng: np.random.Generator) -> Image:
    font = ImageFont.truetype(
        str(FONTS[int(rng.integers(len(FONTS)))]), max(8, int(size / (1 + len(word) // 3)))
    )
    _, _, right, bottom = font.getbbox(word)
    picture = Picture.new("L", (int(right) + 4, int(bottom) + 4), 0)
    ImageDraw.Draw(picture).text((2, 2), word, fill=255, font=font)
    ink = np.asarray(picture, np.float32) / 255
    return ink[:, ::-1] if rng.random() < 0.2 else ink


def _free(film: Image, boxes: Image, w: int, h: int, rng: np.random.Generator) -> tuple[int, int] | None:
    """A place (x, y) for a rectangle that touches no joint's box; None where there is none."""
    for _ in range(30):
        x, y = int(rng.uniform(0, film.shape[1] - w)), int(rng.uniform(0, film.shape[0] - h))
        apart = (x >= boxes[:, 2]) | (x + w <= boxes[:, 0]) | (y >= boxes[:, 3]) | (y + h <= boxes[:, 1])
        if x >= 0 and y >= 0 and apart.all():
            return x, y
    return None


def _photographed(film: Image, boxes: Image, rng: np.random.Generator) -> tuple[Image, Image]:
    """A photograph of a film on a light box: surroundings, perspective, flat contrast, glare."""
    height, width = film.shape
    top, bottom, left, right = (int(rng.uniform(0.02, 0.15) * max(film.shape)) for _ in range(4))
    around = float(rng.choice([20, 90, 235]))
    big = cv2.copyMakeBorder(film, top, bottom, left, right, cv2.BORDER_CONSTANT, value=around)
    height, width = big.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = corners + rng.normal(0, 0.018, (4, 2)) * [width, height]
    view = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    big = cv2.warpPerspective(big, view, (width, height), borderMode=cv2.BORDER_REPLICATE)
    x1, y1, x2, y2 = (boxes + np.array([left, top, left, top], np.float32)).T
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    middle, start, stop = (
        cv2.perspectiveTransform(np.stack([at, y], 1)[:, None].astype(np.float32), view)[:, 0]
        for at in (x, x1, x2)
    )
    half = np.linalg.norm(stop - start, axis=1, keepdims=True) / 2
    big = big * rng.uniform(0.3, 0.75) + rng.uniform(10, 90)
    if rng.random() < 0.5:
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
        away = (columns / width - rng.uniform()) ** 2 + (rows / height - rng.uniform()) ** 2
        big += rng.uniform(20, 90) * np.exp(-away / rng.uniform(0.005, 0.2))
    blurred = cv2.GaussianBlur(big.astype(np.float32), (0, 0), rng.uniform(0.5, 2))
    return np.asarray(blurred, np.float32), np.concatenate([middle - half, middle + half], 1)


def _coded(film: Image, rng: np.random.Generator) -> NDArray[np.uint8]:
    if rng.random() < 0.4:
        film = film + rng.standard_normal(film.shape, np.float32) * np.float32(rng.uniform(1, 14))
    coded = film.clip(0, 255).astype(np.uint8)
    if rng.random() < 0.2:
        coded = cv2.createCLAHE(rng.uniform(2, 6), (int(rng.integers(3, 9)),) * 2).apply(coded)
    if rng.random() < 0.25:
        coded = (coded * rng.uniform(0.25, 0.6) + rng.uniform(0, 100)).clip(0, 255).astype(np.uint8)
    if rng.random() < 0.2:
        coded = 255 - coded
    if rng.random() < 0.4:
        _, code = cv2.imencode(".jpg", coded, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(8, 60))])
        coded = np.asarray(cv2.imdecode(code, cv2.IMREAD_GRAYSCALE), np.uint8)
    return coded
