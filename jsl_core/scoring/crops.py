"""Joint crops to score: cut from scans, or the pictures that a table names."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

import pandas as pd

from jsl_core.cohort.columns import key_columns
from jsl_core.config import ConvertSettings, CropSettings, SplitSettings
from jsl_core.dataset import read_crop
from jsl_core.detection import Detection, JointDetector, crop_joint
from jsl_core.detection.look import look_at_film
from jsl_core.errors import BadScan, JslError
from jsl_core.imaging import Image, decode_png, read_scan, walk_scans
from jsl_core.imaging.stages import split_scan
from jsl_core.scans.rows import Row, rejection
from jsl_core.scoring.scores import JointCrop
from jsl_core.system.parallel import parallel_map

__all__ = [
    "crop_centre",
    "crop_joints",
    "crop_settings_for",
    "crops_from_films",
    "crops_from_scans",
    "crops_from_table",
]

_BATCH = 16
_NAMES = ("file", "ID", "participant", "side")
_SOURCES = ("side_from", "polarity_from", "note")  # how it is known, and what was done against the header


def crops_from_scans(
    source: Path,
    convert: ConvertSettings,
    split: SplitSettings,
    crop: CropSettings,
    *,
    field: float = 1.0,
    jobs: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
    visits: Mapping[str, str] | None = None,
) -> Iterator[JointCrop | Row]:
    """Cut the joints out of every DICOM or picture film below a folder or in an archive.

    Args:
        source: The folder or archive.
        convert: How films are rendered.
        split: How films are split into knees.
        crop: How joints are detected and cut.
        field: Side of a crop as a multiple of the detected box's, where it is not in millimetres.
        jobs: Worker processes, 0 for one per processor core.
        progress: Called with the films done and the films in all.
        visits: The visit of each film by its name, of which the crops are then; others are left out.

    Yields:
        Joint crops, and for every film or knee that gave none a row with its reason.

    Raises:
        JslError: If there are no files, or none of those with a visit.
        DetectorError: If the detector's files cannot be used.
    """
    files = [file.name for file in walk_scans(source)]
    if not files:
        raise JslError(f"scans {source}: the folder is empty; give the folder that holds the scans")
    if visits is not None and not (files := [file for file in files if file in visits]):
        raise JslError(f"scans {source}: holds no film that the table names; give the folder of its films")
    for cut in crops_from_films(
        source, files, convert, split, crop, field=field, jobs=jobs, progress=progress
    ):
        yield replace(cut, visit=visits[cut.file]) if visits and isinstance(cut, JointCrop) else cut


def crops_from_films(
    source: Path,
    files: Sequence[str],
    convert: ConvertSettings = ConvertSettings(),
    split: SplitSettings = SplitSettings(),
    crop: CropSettings = CropSettings(),
    *,
    field: float = 1.0,
    jobs: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[JointCrop | Row]:
    """Cut the joints out of some of the films below a folder or in an archive; as `crops_from_scans`."""
    detector = JointDetector.load(crop)
    work = partial(_split_into_knees, source=source, convert=convert, split=split)
    outcomes = parallel_map(work, files, jobs, convert.seconds_per_scan)
    stream = _count_progress(zip(files, outcomes, strict=True), len(files), progress)
    while batch := list(islice(stream, _BATCH)):
        for file, outcome in batch:
            if isinstance(outcome, BadScan):
                yield rejection({"file": file}, outcome)
            else:
                images = [decode_png(row.pop("png")) for row in outcome]
                yield from crop_joints(outcome, images, detector, crop, field)


def crops_from_table(
    table: pd.DataFrame, base: Path, progress: Callable[[int, int], None] = lambda done, total: None
) -> Iterator[JointCrop | Row]:
    """Read the joint crops that a cohort table names.

    Args:
        table: From `read_cohort`.
        base: The folder that `Img_path` is relative to.
        progress: Called with the crops read and the crops in all.

    Yields:
        Joint crops, and for every one that cannot be read a row with its reason.
    """
    rows = table[[*key_columns(table), "participant", "side", "Img_path"]].to_dict("records")
    for done, row in enumerate(rows, 1):
        names = {str(key): row[key] for key in row if key != "Img_path"} | {"file": row["Img_path"]}
        try:
            yield JointCrop(**names, pixels=read_crop(base, row["Img_path"]))
        except BadScan as error:
            yield rejection(names, error)
        progress(done, len(rows))


def crop_joints(
    knees: Sequence[Row],
    images: Sequence[Image],
    detector: JointDetector,
    settings: CropSettings,
    field: float = 1.0,
) -> Iterator[JointCrop | Row]:
    """Detect and cut the joints of knees.

    Args:
        knees: Rows of the split stage.
        images: The knees' images, uint8 H×W each.
        detector: Finds the joints.
        settings: How joints are cut.
        field: Side of a crop as a multiple of the detected box's.

    Yields:
        A joint crop for each knee, or a row with the reason why there is none.
    """
    for knee, image, boxes in zip(knees, images, detector.detect(images), strict=True):
        names = {key: knee[key] for key in (*_NAMES, *_SOURCES)}
        scaled = [_scale_box(box, field) for box in boxes]
        try:
            joint = crop_joint(image, scaled, knee["spacing_mm"], settings)
            yield JointCrop(**names, pixels=joint.pixels)
        except BadScan as error:
            yield rejection(names, error)


def _scale_box(box: Detection, field: float) -> Detection:
    x, y = (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2
    across, down = (box.x2 - box.x1) * field / 2, (box.y2 - box.y1) * field / 2
    return replace(box, x1=x - across, y1=y - down, x2=x + across, y2=y + down)


def crop_centre(joint: Image, field: float) -> Image:
    """Cut a joint's crop, uint8 H×W, to a multiple of its sides, at most 1, about its middle."""
    height, width = joint.shape
    down, across = (max(1, round(side * min(field, 1.0))) for side in (height, width))
    top, left = (height - down) // 2, (width - across) // 2
    return joint[top : top + down, left : left + across]


def crop_settings_for(settings: CropSettings, field_mm: float | None) -> CropSettings:
    """The crop settings that suit a model: with its own field in millimetres where it has one."""
    return settings if field_mm is None else settings.model_copy(update={"box": "mm", "box_mm": field_mm})


def _split_into_knees(file: str, source: Path, convert: ConvertSettings, split: SplitSettings) -> list[Row]:
    """Convert and split one film: the rows of its knees, each with its picture under `png`."""
    _, knees = split_scan(read_scan(source, file), file, {}, convert, split, look_at_film)
    return [knee.model_dump() | {"png": png} for knee, png in knees]


def _count_progress(
    outcomes: Iterable[tuple[str, list[Row] | BadScan]], total: int, progress: Callable[[int, int], None]
) -> Iterator[tuple[str, list[Row] | BadScan]]:
    for done, outcome in enumerate(outcomes, 1):
        progress(done, total)
        yield outcome
