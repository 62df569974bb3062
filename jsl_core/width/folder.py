"""A folder in, widths out: `jsl measure` on films, knees or joint crops, without a server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path, PurePosixPath

import cv2
import pandas as pd

from jsl_core.config import CropSettings
from jsl_core.detection.detector import JointDetector
from jsl_core.errors import BadScan
from jsl_core.imaging import encode_png, read_scan
from jsl_core.imaging.folder_run import FolderRun, Progress, Row
from jsl_core.imaging.names import encode_name, stem
from jsl_core.review.correction import Correction
from jsl_core.width.corrected import joints_as_corrected
from jsl_core.width.drawn import margins_as_drawn
from jsl_core.width.joints import FilmJoint, joints_of_file
from jsl_core.width.measurement import measure_joint
from jsl_core.width.reader import MarginReader
from jsl_core.width.region import draw_margins, draw_mask
from jsl_core.width.table import COLUMNS, width_cells

__all__ = ["MeasureJob", "measure_folder"]

_NO_PICTURE = frozenset({".csv", ".json", ".txt", ".md", ".html", ".xlsx", ".parquet"})
_EXTRA = "extra"  # marks the row of an overlay


@dataclass(frozen=True)
class MeasureJob:
    """What to do: where to write, `overlay` also draws the margins, `sides` by names of files.

    `corrections` are those of films that a reviewer has corrected, by name.
    """

    dst: Path
    overlay: bool = False
    sides: Mapping[str, int] = field(default_factory=dict)
    corrections: Mapping[str, Correction] = field(default_factory=dict)


def measure_folder(
    src: Path, job: MeasureJob, jobs: int = 0, progress: Progress = lambda done, total: None
) -> pd.DataFrame:
    """Measure the joint space of every knee below `src`.

    Args:
        src: Folder or archive of films (DICOM or pictures), split knees, or joint crops.
        job: What to do with each, and where `widths.csv`, `masks/` and `overlay/` go.
        jobs: Worker processes; 0 for one per processor core.
        progress: Called with the files done and all files.

    Returns:
        What `widths.csv` holds: a row a knee or rejected file.

    Raises:
        JslError: If `src` holds no pictures, or nothing can be written.
    """
    run = FolderRun(src, job.dst)
    files = run.list_files(skip=lambda file: PurePosixPath(file).suffix.lower() in _NO_PICTURE)
    _reader()  # weights that cannot be read are one error here, not one a file
    rows = run.process(
        partial(_measure_file, run=run, job=job), dict.fromkeys(files), jobs=jobs, progress=progress
    )
    rows = [row | {"mask": row.get("png", "")} for row in rows if _EXTRA not in row]
    table = pd.DataFrame(rows).reindex(columns=COLUMNS)
    table["side"] = table["side"].astype("Int64")
    run.write_table("widths.csv", COLUMNS, width_cells(table))
    return table


def _measure_file(item: tuple[str, None], *, fresh: bool, run: FolderRun, job: MeasureJob) -> list[Row]:
    """The rows of one file's knees, their masks and overlays staged."""
    file, _ = item
    data = read_scan(run.source, file)
    if file in job.corrections:
        joints = joints_as_corrected(data, file, job.corrections[file], _detector())
    else:
        joints = joints_of_file(data, file, job.sides)
    rows: list[Row] = []
    for joint in joints:
        name = _picture_name(file, "" if len(joints) == 1 else joint.ID)
        facts: Row = {"ID": joint.ID, "side": joint.side, "side_from": joint.side_from, "note": joint.note}
        facts |= {"spacing_mm": joint.spacing_mm, "spacing_from": joint.spacing_from}
        try:
            rows += _measure_joint(joint, facts, name, file, run, job.overlay)
        except BadScan as error:
            rows.append({"file": file} | facts | {"reason": error.code, "sentence": str(error)})
    return rows


def _picture_name(file: str, knee: str) -> str:
    """What a mask is called below its folder: as the file, or as the knee where a film shows two."""
    parts = [*PurePosixPath(file.replace("!/", "/")).parts[:-1], knee or stem(file)]
    return "/".join(map(encode_name, parts)) + ".png"


def _measure_joint(
    joint: FilmJoint, facts: Row, name: str, file: str, run: FolderRun, overlay: bool
) -> list[Row]:
    if joint.reason:
        raise joint.reason
    assert joint.pixels is not None
    assert joint.looks is not None
    margins = None
    if joint.drawing:
        margins = margins_as_drawn(_reader(), joint.pixels, joint.looks, joint.drawing, joint.origin)
    found = measure_joint(
        _reader(), joint.pixels, joint.looks, joint.spacing_mm, joint.spacing_from, margins=margins
    )
    margins, notes = found.margins, "; ".join(filter(None, [joint.note, found.row["note"]]))
    row = facts | found.row | {"note": notes}
    mask = encode_png(draw_mask(margins, joint.pixels.shape))
    rows = [run.stage(file, row | {"png": f"masks/{name}"}, mask)]
    if overlay:
        picture = cv2.imencode(".png", draw_margins(joint.pixels, margins, found.widths))[1]
        rows.append(run.stage(file, {_EXTRA: True, "png": f"overlay/{name}"}, bytes(picture)))
    return rows


@cache
def _detector() -> JointDetector:
    return JointDetector.load(CropSettings())


@cache
def _reader() -> MarginReader:
    return MarginReader.load()
