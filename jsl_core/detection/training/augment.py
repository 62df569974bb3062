"""Augmentation of boxed films: zoom, tilt, mirror, mosaic; exposure, window, inversion, blur, noise, JPEG."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from jsl_core.detection.resize import PAD, InputTransform
from jsl_core.detection.training.film_marks import draw_film_marks
from jsl_core.detection.training.films import BoxedImage, Sampler

__all__ = ["Augmentation", "place_on_canvas", "vary_exposure"]

VISIBLE = 0.6  # a joint of which less is left on the film is painted over, not labelled


@dataclass(frozen=True)
class Augmentation:
    """Draws one training example of `size` (width, height) from a sampler of films."""

    size: tuple[int, int]
    mosaic: float = 0.15

    def __call__(self, sampler: Sampler, rng: np.random.Generator) -> BoxedImage:
        """One film, or `mosaic` of the time four, on a canvas of `size`, with boxes in its pixels."""
        width, height = self.size
        if rng.random() >= self.mosaic:
            return self._tile(sampler, (width, height), rng)
        x, y = int(width * rng.uniform(0.35, 0.65)), int(height * rng.uniform(0.35, 0.65))
        canvas, boxes = np.empty((height, width), np.uint8), []
        for x1, x2, y1, y2 in ((0, x, 0, y), (x, width, 0, y), (0, x, y, height), (x, width, y, height)):
            tile = self._tile(sampler, (x2 - x1, y2 - y1), rng)
            canvas[y1:y2, x1:x2] = tile.pixels
            boxes.append(tile.boxes + np.array([x1, y1, x1, y1], np.float32))
        return BoxedImage(canvas, np.concatenate(boxes))

    def _tile(self, sampler: Sampler, size: tuple[int, int], rng: np.random.Generator) -> BoxedImage:
        film, outside = place_on_canvas(sampler(rng), size, rng)
        exposed = vary_exposure(film, rng)
        if rng.random() < 0.7:
            exposed.pixels[outside] = PAD  # as in prediction
        return exposed


def place_on_canvas(
    film: BoxedImage, size: tuple[int, int], rng: np.random.Generator
) -> tuple[BoxedImage, NDArray[np.bool_]]:
    """Place a film on a canvas: letterboxed as for prediction, or zoomed and shifted; tilted, mirrored.

    Boxes keep their sides under the small tilt, since the joint box is upright by convention; they are
    clipped to the canvas.

    Args:
        film: A film with its boxes.
        size: Width and height of the canvas.
        rng: Decides all that is random.

    Returns:
        The canvas with its boxes, and where it shows no film, bool H×W.
    """
    height, width = film.pixels.shape
    letterbox = InputTransform.fit(width, height, size, "letterbox")
    scale, shift = letterbox.scale[0], np.array(letterbox.offset)
    if rng.random() < 0.5:
        zoom = float(np.exp(rng.uniform(np.log(0.6), np.log(1.35))))
        margin = np.array(size) - np.array([width, height]) * scale * zoom
        scale, shift = scale * zoom, margin * rng.uniform(0, 1, 2)
    angle = float(np.radians(rng.normal(0, 4))) * (rng.random() < 0.4)
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    turn = np.array([[cos * mirror, -sin], [sin * mirror, cos]])
    middle = np.array([width, height]) / 2
    offset = shift + middle * scale - turn @ middle
    pad = float(rng.integers(0, 256))
    source, matrix = film.pixels, np.column_stack([turn, offset])
    if scale < 0.6 and min(width, height) * scale >= 1:  # thin joint spaces survive only averaging
        source = cv2.resize(source, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        matrix[:, :2] = turn @ np.diag([width / source.shape[1], height / source.shape[0]])
    canvas = cv2.warpAffine(source, matrix, size, flags=cv2.INTER_LINEAR, borderValue=pad)
    inside = cv2.warpAffine(np.ones(source.shape, np.uint8), matrix, size, flags=cv2.INTER_NEAREST)

    boxes = np.clip(film.boxes, 0, [width, height, width, height]).astype(np.float32)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 @ turn.T + offset
    half = (boxes[:, 2:] - boxes[:, :2]) * scale / 2
    whole = np.concatenate([centre - half, centre + half], 1)
    visible = np.clip(whole, 0, [*size, *size])
    share = (visible[:, 2:] - visible[:, :2]).clip(0).prod(1) / (whole[:, 2:] - whole[:, :2]).prod(1).clip(
        1e-6
    )
    for x1, y1, x2, y2 in visible[share < VISIBLE].round().astype(int):
        canvas[y1:y2, x1:x2] = int(pad)
    return BoxedImage(canvas, visible[share >= VISIBLE].astype(np.float32)), inside == 0


def vary_exposure(film: BoxedImage, rng: np.random.Generator, inverted: float = 0.15) -> BoxedImage:
    """Give a film marks, another exposure and window; at random blur it, add noise, code as JPEG.

    Args:
        film: A film with its boxes.
        rng: Decides all that is random.
        inverted: Share of films that are inverted.
    """
    pixels = film.pixels.astype(np.float32)
    if rng.random() < 0.6:
        pixels = 255 * (pixels / 255).clip(0, 1) ** np.float32(np.exp(rng.normal(0, 0.45)))
    draw_film_marks(pixels, film.boxes, rng)
    if rng.random() < 0.5:
        low, high = rng.uniform(-70, 70), rng.uniform(170, 340)
        pixels = (pixels - low) * np.float32(255 / (high - low))
    if rng.random() < 0.2:  # low contrast
        pixels = pixels * np.float32(rng.uniform(0.25, 0.8)) + np.float32(rng.uniform(0, 120))
    if rng.random() < 0.3:
        radius = float(rng.uniform(2, 20))
        pixels += np.float32(rng.uniform(0.3, 1.5)) * (pixels - cv2.GaussianBlur(pixels, (0, 0), radius))
    if rng.random() < 0.25:
        pixels = cv2.GaussianBlur(pixels, (0, 0), float(rng.uniform(0.4, 2.0)))
    if rng.random() < 0.35:
        noise = rng.standard_normal(pixels.shape, np.float32)
        if rng.random() < 0.5:
            noise = cv2.GaussianBlur(noise, (0, 0), 1.0) * 2
        pixels += noise * np.float32(rng.uniform(1, 18))
    coded = _clip_to_bytes(pixels)
    if rng.random() < 0.2:
        coded = cv2.createCLAHE(float(rng.uniform(1.5, 5)), (int(rng.integers(2, 9)),) * 2).apply(coded)
    if rng.random() < 0.15:
        coded = _through_jpeg(coded, int(rng.integers(15, 70)))
    if rng.random() < inverted:
        coded = cv2.bitwise_not(coded)
    return BoxedImage(coded, film.boxes)


def _clip_to_bytes(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.clip(pixels, 0, 255).astype(np.uint8)


def _through_jpeg(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    _, code = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_GRAYSCALE))
