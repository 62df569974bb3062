"""Knees for scoring: out of scans, or crops that a table names."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

import pandas as pd

from jsl_core.config import ConvertSettings, CropSettings, SplitSettings
from jsl_core.dataset import read_crop
from jsl_core.detection import Detection, JointDetector, crop_joint
from jsl_core.errors import BadScan, JslError
from jsl_core.imaging import Image, decode_png, open_scan, walk
from jsl_core.imaging.stages import split_scan
from jsl_core.scans.rows import Row, rejection
from jsl_core.scoring.score import Knee
from jsl_core.system.parallel import parallel_map

__all__ = ["cut_joints", "knees_of_scans", "knees_of_table", "view_of"]

_BATCH = 16


def knees_of_scans(
    source: Path,
    convert: ConvertSettings,
    split: SplitSettings,
    crop: CropSettings,
    *,
    field: float = 1.0,
    jobs: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[Knee | Row]:
    """The joints of every DICOM or picture film below a folder or in an archive, or a row why there is none.

    `field` is the side of a crop as a multiple of the detected box's, where it is not in millimetres. Raises
    JslError where there are no files, DetectorError.
    """
    files = [file.name for file in walk(source)]
    if not files:
        raise JslError(f"scans {source}: the folder is empty; give the folder that holds the scans")
    detector = JointDetector.load(crop)
    work = partial(_knees_of_scan, source=source, convert=convert, split=split)
    outcomes = parallel_map(work, files, jobs, convert.seconds_per_scan)
    stream = _counted(zip(files, outcomes, strict=True), len(files), progress)
    while batch := list(islice(stream, _BATCH)):
        for file, outcome in batch:
            if isinstance(outcome, BadScan):
                yield rejection({"file": file}, outcome)
            else:
                images = [decode_png(row.pop("png")) for row in outcome]
                yield from cut_joints(outcome, images, detector, crop, field)


def knees_of_table(
    table: pd.DataFrame, base: Path, progress: Callable[[int, int], None] = lambda done, total: None
) -> Iterator[Knee | Row]:
    """The crops that the rows of a cohort table name in `Img_path`, relative to `base`."""
    rows = table[["ID", "participant", "side", "Img_path"]].to_dict("records")
    for done, row in enumerate(rows, 1):
        names = {key: row[key] for key in ("ID", "participant", "side")} | {"file": row["Img_path"]}
        try:
            yield Knee(**names, crop=read_crop(base, row["Img_path"]))
        except BadScan as error:
            yield rejection(names, error)
        progress(done, len(rows))


def cut_joints(
    knees: Sequence[Row],
    images: Sequence[Image],
    detector: JointDetector,
    settings: CropSettings,
    field: float = 1.0,
) -> Iterator[Knee | Row]:
    """The joints of split knees' images, uint8 H×W each; rows have file, ID, participant, side, spacing_mm.

    `field` is the side of what is cut as a multiple of the detected box's.
    """
    for knee, image, found in zip(knees, images, detector.detect(images), strict=True):
        names = {key: knee[key] for key in ("file", "ID", "participant", "side")}
        wider = [_scaled(one, field) for one in found]
        try:
            joint = crop_joint(image, wider, knee["spacing_mm"], settings)
            yield Knee(**names, crop=joint.pixels)
        except BadScan as error:
            yield rejection(names, error)


def _scaled(found: Detection, field: float) -> Detection:
    x, y = (found.x1 + found.x2) / 2, (found.y1 + found.y2) / 2
    across, down = (found.x2 - found.x1) * field / 2, (found.y2 - found.y1) * field / 2
    return replace(found, x1=x - across, y1=y - down, x2=x + across, y2=y + down)


def view_of(settings: CropSettings, field_mm: float | None) -> CropSettings:
    """The crop that a model wants: of its own millimetres where it knows a scale."""
    return settings if field_mm is None else settings.model_copy(update={"box": "mm", "box_mm": field_mm})


def _knees_of_scan(file: str, source: Path, convert: ConvertSettings, split: SplitSettings) -> list[Row]:
    """The rows of one film's knees, each with its picture under `png`."""
    _, knees = split_scan(open_scan(source, file), file, {}, convert, split)
    return [knee.model_dump() | {"png": png} for knee, png in knees]


def _counted(
    outcomes: Iterable[tuple[str, list[Row] | BadScan]], total: int, progress: Callable[[int, int], None]
) -> Iterator[tuple[str, list[Row] | BadScan]]:
    for done, outcome in enumerate(outcomes, 1):
        progress(done, total)
        yield outcome
