"""Phantom films for the detector: whole ones, and one knee's part of them as after splitting."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from jsl_core.config import PhantomSettings
from jsl_core.detection.training.films import BoxedImage
from jsl_core.errors import BadScan
from jsl_core.phantom.film import make_film
from jsl_core.system.parallel import parallel_map

__all__ = ["PhantomSampler", "cut_to_one_knee", "make_phantom_films"]

LONG_SIDE = 720  # a half of such a film still fills the detector's 416


@dataclass(frozen=True)
class PhantomSampler:
    """Draws a phantom film, or one knee's part of it as the splitter would cut it."""

    films: Sequence[BoxedImage]

    def __call__(self, rng: np.random.Generator) -> BoxedImage:
        """One film, or one knee's part of it."""
        return cut_to_one_knee(self.films[int(rng.integers(len(self.films)))], rng)


def cut_to_one_knee(film: BoxedImage, rng: np.random.Generator) -> BoxedImage:
    """Cut a film of two knees, six times in ten, to one knee's part as the splitter would; else leave it."""
    if len(film.boxes) != 2 or rng.random() < 0.4:
        return film
    left, right = film.boxes[film.boxes[:, 0].argsort()]
    cut = round(float(left[2] + (right[0] - left[2]) * rng.uniform(0.1, 0.9)))
    if rng.random() < 0.5:
        return BoxedImage(film.pixels[:, :cut], _clip_to_columns(left, 0, cut))
    return BoxedImage(film.pixels[:, cut:], _clip_to_columns(right, cut, film.pixels.shape[1]))


def make_phantom_films(count: int, seed: int, jobs: int = 0) -> list[BoxedImage]:
    """Make phantom films of the wider domain with their joints' boxes, the long side 720 pixels.

    Args:
        count: How many.
        seed: Of the cohort; the same seed makes the same films.
        jobs: Worker processes; 0: one per processor core.
    """
    films = parallel_map(partial(_make_film, seed), range(count), jobs)
    return [film for film in films if not isinstance(film, BadScan)]


def _make_film(seed: int, index: int) -> BoxedImage:
    film = make_film(seed, index, PhantomSettings(long_side=(LONG_SIDE, LONG_SIDE)), hard=True)
    pixels = film.display
    scale = min(1.0, LONG_SIDE / max(pixels.shape))
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    boxes = np.array(list(film.boxes.values()), np.float32).reshape(-1, 4) * np.float32(scale)
    return BoxedImage(small, boxes)


def _clip_to_columns(box: np.ndarray, start: int, stop: int) -> np.ndarray:
    """The box in the coordinates of the columns start…stop, clipped to them."""
    return (box[None].clip([start, 0, start, 0], [stop, np.inf, stop, np.inf]) - [start, 0, start, 0]).astype(
        np.float32
    )
