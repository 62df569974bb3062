"""Blends: real joint crops set into phantom legs, which show real bone amid a whole leg's anatomy."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from jsl_core.detection.training.composites import CropConvention, brighten_bone
from jsl_core.detection.training.films import BoxedImage
from jsl_core.detection.training.phantoms import cut_to_one_knee
from jsl_core.phantom.film import JOINT_LINE

__all__ = ["BlendSampler"]

Image = NDArray[np.float32]

CONVENTION = CropConvention()
MIN_SIDE = 24  # pixels of a joint box, below which the phantom's joint stays
MIN_RIM = 50  # pixels by which the crop's grey levels are fitted to the leg's


@dataclass(frozen=True)
class BlendSampler:
    """Draws phantom films, or one knee's half of them, with joints from `crops`, uint8 N×S×S right knees."""

    films: Sequence[BoxedImage]
    crops: NDArray[np.uint8]

    def __call__(self, rng: np.random.Generator) -> BoxedImage:
        """One film with a real crop blended into every joint that lies wholly on it."""
        film = self.films[int(rng.integers(len(self.films)))]
        pixels = film.pixels.astype(np.float32)
        for index, box in enumerate(film.boxes):
            side = float(box[2] - box[0])
            if side < MIN_SIDE or abs(float(box[3] - box[1]) - side) > 1:
                continue  # cut by the film's edge: the box does not give the joint line
            left = index != int(film.boxes[:, 0].argmin()) if len(film.boxes) > 1 else rng.random() < 0.5
            crop = brighten_bone(self.crops[int(rng.integers(len(self.crops)))])
            crop = np.ascontiguousarray(crop[:, ::-1]) if left else crop
            length = side / CONVENTION.box_side
            x, y = float(box[0] + side / 2), float(box[1]) + JOINT_LINE * side
            _blend_crop(pixels, crop, (x, y - CONVENTION.joint_line * length), length, rng)
        return cut_to_one_knee(BoxedImage(pixels.clip(0, 255).astype(np.uint8), film.boxes), rng)


def _blend_crop(
    film: Image, crop: Image, top: tuple[float, float], length: float, rng: np.random.Generator
) -> None:
    """Lay a crop of side `length` on the film in place, its upper edge's middle at `top` (x, y).

    Its grey levels are brought to the leg's: contrast in the middle, brightness at the rim, slow changes in
    part.
    """
    side = round(length)
    x, y = round(top[0] - length / 2), round(top[1])
    columns = slice(max(0, -x), min(side, film.shape[1] - x))
    rows = slice(max(0, -y), min(side, film.shape[0] - y))
    ease = _edge_ramp(side, float(rng.uniform(0.08, 0.2)))
    share = (ease[rows, None] * ease[None, columns]).astype(np.float32)
    leg = film[y + rows.start : y + rows.stop, x + columns.start : x + columns.stop]
    shrinking = side < crop.shape[0]
    real = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC)
    real = real[rows, columns]
    rim, middle = (share > 0.02) & (share < 0.7) & (leg > 10) & (leg < 245), share > 0.9
    if rim.sum() < MIN_RIM or not middle.any():
        return
    inverted = _covariance(real[rim], leg[rim]) < 0 and np.median(leg[middle]) < np.median(leg[rim])
    gain = float(np.clip(leg[middle].std() / max(float(real[middle].std()), 3.0), 0.3, 3.0))
    fitted = real * np.float32(-gain if inverted else gain)
    fitted += np.median(leg[rim]) - np.median(fitted[rim])
    slow = cv2.GaussianBlur(leg - fitted, (0, 0), 0.12 * side)
    leg += share * (fitted + np.float32(rng.uniform(0.4, 0.9)) * slow - leg)


def _edge_ramp(side: int, rim: float) -> Image:
    """From 0 at both ends to 1 within `rim` of the length, smoothly."""
    position = (np.arange(side, dtype=np.float32) + 0.5) / side
    t = (np.minimum(position, 1 - position) / np.float32(rim)).clip(0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def _covariance(a: Image, b: Image) -> float:
    return float(((a - a.mean()) * (b - b.mean())).mean())
