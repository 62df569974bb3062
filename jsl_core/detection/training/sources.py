"""Where a detector's films come from: phantoms, composites, films with boxes of one's own."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jsl_core.config import DetectorTrainSettings
from jsl_core.detection.training.blends import BlendSampler
from jsl_core.detection.training.composites import CompositeSampler, crop_files, read_crops
from jsl_core.detection.training.films import (
    BoxedImage,
    Sampler,
    drawing_from,
    image_files,
    read_box_table,
    read_yolo_folder,
)
from jsl_core.detection.training.initial_network import start_files
from jsl_core.detection.training.phantoms import PhantomSampler, phantom_films
from jsl_core.errors import DetectorError

__all__ = ["open_sources", "own_films", "source_files"]

HELD_OUT = 10  # every tenth film is for validation
VALIDATION_COMPOSITES = 64


def open_sources(settings: DetectorTrainSettings) -> tuple[Sampler, list[BoxedImage]]:
    """A sampler of all training films, each source equally often, and the films held out for validation.

    Raises DetectorError or BadTable where a source cannot be used, or there is none.
    """
    samplers: list[Sampler] = []
    validation: list[BoxedImage] = []
    if settings.images:
        films = own_films(Path(settings.images), settings.boxes)
        samplers.append(drawing_from(_training(films)))
        validation += films[::HELD_OUT]
    if settings.crops:
        crops = read_crops(Path(settings.crops), "train")
        samplers.append(CompositeSampler(crops))
        drawn = CompositeSampler(read_crops(Path(settings.crops), "val"))
        rng = np.random.default_rng(settings.seed)
        validation += [drawn(rng) for _ in range(VALIDATION_COMPOSITES)]
    if settings.phantoms:
        films = phantom_films(settings.phantoms, settings.seed)
        samplers.append(PhantomSampler(_training(films)))
        if settings.crops:
            samplers.append(BlendSampler(_training(films), crops))
        validation += films[::HELD_OUT]
    if not samplers:
        raise DetectorError("There are no films to train on; give images, crops, or a number of phantoms.")
    return _mixture(samplers), validation


def source_files(settings: DetectorTrainSettings) -> list[Path]:
    """The files that `open_sources` reads, always in the same order; those that are missing are left out.

    Raises DetectorError or BadTable where a folder or a table cannot be used.
    """
    found: list[Path] = []
    if settings.images:
        films = image_files(Path(settings.images))
        texts = [Path(settings.boxes)] if settings.boxes else [film.with_suffix(".txt") for film in films]
        found += [*films, *texts]
    if settings.crops:
        found += [Path(settings.crops), *crop_files(Path(settings.crops))]
    if settings.start:
        found += start_files(settings.start)
    return [path for path in found if path.is_file()]


def own_films(images: Path, boxes: str) -> list[BoxedImage]:
    """The films of a folder with the boxes of a table, or of YOLO text files where `boxes` is empty."""
    films = read_box_table(Path(boxes), images) if boxes else read_yolo_folder(images)
    if not films:
        raise DetectorError(f"{images.name} holds no films with boxes; check the folder and the box table.")
    return films


def _training(films: Sequence[BoxedImage]) -> list[BoxedImage]:
    """The films that are not held out; all of them where there are too few to hold out any."""
    return [film for index, film in enumerate(films) if index % HELD_OUT] or list(films)


def _mixture(samplers: Sequence[Sampler]) -> Sampler:
    return lambda rng: samplers[int(rng.integers(len(samplers)))](rng)
