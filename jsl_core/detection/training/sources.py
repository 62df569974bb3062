"""Opens the sources of training films: phantoms, composites, films with boxes of one's own."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jsl_core.config import DetectorTrainSettings
from jsl_core.detection.training.blends import BlendSampler
from jsl_core.detection.training.composites import CompositeSampler, list_crop_files, read_crops
from jsl_core.detection.training.corrected_films import read_corrected_films
from jsl_core.detection.training.films import (
    BoxedImage,
    Sampler,
    list_image_files,
    read_box_table,
    read_yolo_folder,
    sample_from,
)
from jsl_core.detection.training.initial_network import initial_files
from jsl_core.detection.training.phantoms import PhantomSampler, make_phantom_films
from jsl_core.errors import DetectorError

__all__ = ["list_source_files", "open_sources", "read_boxed_films"]

HELD_OUT = 10  # every tenth film is for validation
VALIDATION_COMPOSITES = 64


def open_sources(settings: DetectorTrainSettings) -> tuple[Sampler, list[BoxedImage]]:
    """Open all sources that the settings name.

    Returns:
        A sampler that draws from each source equally often, and the films held out for validation.

    Raises:
        DetectorError: Where a source cannot be used, or there is none.
        BadTable: Where a box table, YOLO file or cohort table cannot be used.
    """
    samplers: list[Sampler] = []
    validation: list[BoxedImage] = []
    if settings.images:
        films = read_boxed_films(Path(settings.images), settings.boxes)
        samplers.append(sample_from(_without_held_out(films)))
        validation += films[::HELD_OUT]
    if settings.corrections:
        films = read_corrected_films(settings.corrections)
        samplers.append(sample_from(_without_held_out(films)))
        validation += films[::HELD_OUT]
    if settings.crops:
        crops = read_crops(Path(settings.crops), "train")
        samplers.append(CompositeSampler(crops))
        composites = CompositeSampler(read_crops(Path(settings.crops), "val"))
        rng = np.random.default_rng(settings.seed)
        validation += [composites(rng) for _ in range(VALIDATION_COMPOSITES)]
    if settings.phantoms:
        films = make_phantom_films(settings.phantoms, settings.seed)
        samplers.append(PhantomSampler(_without_held_out(films)))
        if settings.crops:
            samplers.append(BlendSampler(_without_held_out(films), crops))
        validation += films[::HELD_OUT]
    if not samplers:
        raise DetectorError("there are no films to train on; give images, corrections, crops or phantoms")
    return _mix(samplers), validation


def list_source_files(settings: DetectorTrainSettings) -> list[Path]:
    """List the files that `open_sources` reads, always in the same order; missing ones are left out.

    Raises:
        DetectorError: Where a folder cannot be used.
        BadTable: Where the crops' cohort table cannot be used.
    """
    files: list[Path] = []
    if settings.images:
        films = list_image_files(Path(settings.images))
        texts = [Path(settings.boxes)] if settings.boxes else [film.with_suffix(".txt") for film in films]
        files += [*films, *texts]
    if settings.crops:
        files += [Path(settings.crops), *list_crop_files(Path(settings.crops))]
    if settings.start:
        files += initial_files(settings.start)
    return [path for path in files if path.is_file()]


def read_boxed_films(images: Path, boxes: str) -> list[BoxedImage]:
    """Read the films of a folder with the boxes of a table, or of YOLO text files where `boxes` is empty.

    Raises:
        DetectorError: Where a film cannot be read, or there is none.
        BadTable: Where the table or a YOLO file cannot be used.
    """
    films = read_box_table(Path(boxes), images) if boxes else read_yolo_folder(images)
    if not films:
        raise DetectorError(f"{images} holds no films with boxes; check the folder and the box table")
    return films


def _without_held_out(films: Sequence[BoxedImage]) -> list[BoxedImage]:
    """The films that are not held out; all of them where there are too few to hold out any."""
    return [film for index, film in enumerate(films) if index % HELD_OUT] or list(films)


def _mix(samplers: Sequence[Sampler]) -> Sampler:
    return lambda rng: samplers[int(rng.integers(len(samplers)))](rng)
