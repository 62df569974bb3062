"""Marks on films beside the knees: letters, beads, redaction blocks, bands, collimation, lines, metal."""

import cv2
import numpy as np
from numpy.typing import NDArray

from jsl_core.detection.training.implants import draw_implant

__all__ = ["draw_film_marks"]

Image = NDArray[np.float32]
Boxes = NDArray[np.float32]

IMPLANTS = 0.04  # share of joints, if they lie wholly on the film, that are replaced
WORDS = ("R", "L", "r", "l", "RT", "LT", "PA", "AP", "WB", "STANDING", "R 10", "L 25", "SEMIFLEXED", "0")
FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_PLAIN)


def draw_film_marks(film: Image, boxes: Boxes, rng: np.random.Generator) -> None:
    """Draw a random choice of marks on a film in place, hardly ever over a joint's box.

    Args:
        film: float32 H×W in 0…255.
        boxes: float32 N×4 (x1, y1, x2, y2) in pixels of the film.
        rng: Decides which marks, and where.
    """
    if rng.random() < 0.3:
        _draw_bands(film, rng)
    if rng.random() < 0.15:
        _draw_lines(film, rng)
    if rng.random() < 0.25:
        _draw_beads(film, boxes, rng)
    if rng.random() < 0.55:
        _draw_letters(film, boxes, rng)
    if rng.random() < 0.12:
        _draw_metal(film, boxes, rng)
    for box in boxes:
        if rng.random() < IMPLANTS and abs((box[2] - box[0]) - (box[3] - box[1])) < 1:
            draw_implant(film, box, rng)
    if rng.random() < 0.3:
        _draw_collimation(film, boxes, rng)
    if rng.random() < 0.3:
        _draw_blocks(film, boxes, rng)


def _covered_share(rectangle: tuple[int, int, int, int], boxes: Boxes) -> float:
    """The largest share of a box that a rectangle covers."""
    if not len(boxes):
        return 0.0
    low = np.maximum(boxes[:, :2], rectangle[:2])
    high = np.minimum(boxes[:, 2:], rectangle[2:])
    area = np.clip(high - low, 0, None).prod(1)
    return float((area / (boxes[:, 2:] - boxes[:, :2]).prod(1).clip(1)).max())


def _draw_bands(film: Image, rng: np.random.Generator) -> None:
    """A burnt-out or dim stripe or corner: a smooth ramp across the film."""
    height, width = film.shape
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    position = (x / width - 0.5) * np.cos(angle) + (y / height - 0.5) * np.sin(angle)
    ramp = 1 / (1 + np.exp(-(position - rng.uniform(0.05, 0.5)) / rng.uniform(0.01, 0.15)))
    film += (rng.choice([-1, 1, 1]) * rng.uniform(20, 160) * ramp).astype(np.float32)


def _draw_lines(film: Image, rng: np.random.Generator) -> None:
    """Table edges and grid lines."""
    height, width = film.shape
    for _ in range(int(rng.integers(1, 4))):
        start, stop = (0.0, rng.uniform(0, height)), (float(width), rng.uniform(0, height))
        if rng.random() < 0.5:
            start, stop = (rng.uniform(0, width), 0.0), (rng.uniform(0, width), float(height))
        level = float(np.median(film)) + float(rng.normal(0, 60))
        cv2.line(film, _to_point(start), _to_point(stop), level, int(rng.integers(1, 4)), cv2.LINE_AA)


def _draw_beads(film: Image, boxes: Boxes, rng: np.random.Generator) -> None:
    """Columns of metal beads of a positioning frame, between the legs where there are two."""
    height, width = film.shape
    middle = float((boxes[:, [0, 2]]).mean()) if len(boxes) > 1 else rng.uniform(0, width)
    radius = int(rng.integers(1, 5))
    step = rng.uniform(4, 14) * radius
    top = rng.uniform(0, height * 0.6)
    for column in range(int(rng.integers(1, 4))):
        x = middle + (column - 1) * rng.uniform(3, 12) * radius
        for index in range(int(rng.integers(3, 14))):
            cv2.circle(film, _to_point((x, top + index * step)), radius, 245.0, -1, cv2.LINE_AA)


def _draw_letters(film: Image, boxes: Boxes, rng: np.random.Generator) -> None:
    """Side letters and short texts, some of them mirrored."""
    height, width = film.shape
    for _ in range(int(rng.integers(1, 4))):
        scale = rng.uniform(0.35, 2.6) * min(height, width) / 416
        font, word, thick = int(rng.choice(FONTS)), str(rng.choice(WORDS)), int(rng.integers(1, 6))
        (w, h), base = cv2.getTextSize(word, font, scale, thick)
        label = np.zeros((h + base + 4, w + 4), np.float32)
        cv2.putText(label, word, (2, h + 2), font, scale, 1.0, thick, cv2.LINE_AA)
        if rng.random() < 0.25:
            label = label[:, ::-1]
        h, w = min(label.shape[0], height), min(label.shape[1], width)
        x, y = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
        if _covered_share((x, y, x + w, y + h), boxes) < 0.04:
            region, ink = film[y : y + h, x : x + w], label[:h, :w]
            region += (rng.choice([250.0, 200.0, 5.0], p=[0.7, 0.2, 0.1]) - region) * ink


def _draw_metal(film: Image, boxes: Boxes, rng: np.random.Generator) -> None:
    """Screws, plates and staples: small white bars, also over a joint."""
    if not len(boxes):
        return
    box = boxes[int(rng.integers(len(boxes)))]
    side = float(box[2] - box[0])
    for _ in range(int(rng.integers(1, 6))):
        x, y = rng.uniform(box[0], box[2]), rng.uniform(0, film.shape[0])
        angle, length = rng.normal(np.pi / 2, 0.6), side * rng.uniform(0.08, 0.6)
        end = x + length * np.cos(angle), y + length * np.sin(angle)
        cv2.line(
            film,
            _to_point((x, y)),
            _to_point(end),
            250.0,
            max(1, int(side * rng.uniform(0.01, 0.05))),
            cv2.LINE_AA,
        )


def _draw_collimation(film: Image, boxes: Boxes, rng: np.random.Generator) -> None:
    """Everything outside a slightly turned rectangle is unexposed (or, on scans, white)."""
    height, width = film.shape
    left, top, right, bottom = 0.0, 0.0, float(width), float(height)
    if len(boxes):
        left, top = (float(v) for v in boxes[:, :2].min(0))
        right, bottom = (float(v) for v in boxes[:, 2:].max(0))
    x1, x2 = max(0.0, left) * rng.uniform(0, 1), width - max(0.0, width - right) * rng.uniform(0, 1)
    y1, y2 = max(0.0, top) * rng.uniform(0, 1), height - max(0.0, height - bottom) * rng.uniform(0, 1)
    corners = np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)], np.float32)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(rng.normal(0, 1)), 1.0)
    corners = corners @ turn[:, :2].T.astype(np.float32) + turn[:, 2].astype(np.float32)
    mask = np.zeros(film.shape, np.uint8)
    cv2.fillConvexPoly(mask, np.round(corners).astype(np.int32), 1)
    film[mask == 0] = rng.choice([rng.uniform(0, 15), rng.uniform(0, 120), 255.0], p=[0.6, 0.25, 0.15])


def _draw_blocks(film: Image, boxes: Boxes, rng: np.random.Generator) -> None:
    """Redaction: flat rectangles, mostly black."""
    height, width = film.shape
    for _ in range(int(rng.integers(1, 4))):
        w, h = int(width * rng.uniform(0.05, 0.4)), int(height * rng.uniform(0.03, 0.2))
        x, y = int(rng.integers(-w // 3, width)), int(rng.integers(-h // 3, height))
        rectangle = max(0, x), max(0, y), min(width, x + w), min(height, y + h)
        if _covered_share(rectangle, boxes) < 0.05:
            x1, y1, x2, y2 = rectangle
            film[y1:y2, x1:x2] = rng.choice([0.0, 255.0, 128.0], p=[0.75, 0.15, 0.1])


def _to_point(xy: tuple[float, float]) -> tuple[int, int]:
    return round(float(xy[0])), round(float(xy[1]))
