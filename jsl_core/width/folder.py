"""A folder in, widths out: `jsl measure` on films, knees or joint crops, without a server."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
import pandas as pd

from jsl_core.errors import BadScan
from jsl_core.imaging import encode_png, read_scan
from jsl_core.imaging.folder_run import FolderRun, Progress, Row
from jsl_core.imaging.names import encode_name, stem
from jsl_core.width.doubts import TWO_RIMS, has_two_rims
from jsl_core.width.frame import LATERAL_PLACES, MEDIAL_PLACES, Widths, measure_widths
from jsl_core.width.joints import FilmJoint, joints_of_file
from jsl_core.width.metal import shows_metal
from jsl_core.width.reader import MarginReader
from jsl_core.width.region import draw_margins, draw_mask

__all__ = ["COLUMNS", "MeasureJob", "measure_folder"]

_PLACES = [f"jsw_{round(1000 * place):04d}" for place in (*MEDIAL_PLACES, *LATERAL_PLACES)]
_MEASURES = ["mjsw_medial", "mjsw_lateral", *_PLACES]
_NUMBERS = [f"{name}_{unit}" for name in _MEASURES for unit in ("mm", "px")]
COLUMNS = [
    *("file", "ID", "side", "side_from", "spacing_mm", "spacing_from"),
    *_NUMBERS,
    *("quality", "doubt", "mask", "reason", "sentence", "note"),
]
_NO_PICTURE = frozenset({".csv", ".json", ".txt", ".md", ".html", ".xlsx", ".parquet"})
_BREADTHS_MM = (45.0, 130.0)  # of adults' condyles some 60 to 100; films enlarge them by up to a quarter
_EXTRA = "extra"  # marks the row of an overlay


@dataclass(frozen=True)
class MeasureJob:
    """What to do: where to write, `overlay` also draws the margins, `sides` by names of files."""

    dst: Path
    overlay: bool = False
    sides: Mapping[str, int] = field(default_factory=dict)


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
    run.write_table("widths.csv", COLUMNS, _as_text(table))
    return table


def _as_text(table: pd.DataFrame) -> Iterator[Row]:
    for row in table.to_dict("records"):
        cells = {str(name): "" if pd.isna(cell) else cell for name, cell in row.items()}
        numbers = {name: f"{cells[name]:.3f}" for name in (*_NUMBERS, "quality") if cells[name] != ""}
        yield cells | numbers


def _measure_file(item: tuple[str, None], *, fresh: bool, run: FolderRun, job: MeasureJob) -> list[Row]:
    """The rows of one file's knees, their masks and overlays staged."""
    file, _ = item
    joints = joints_of_file(read_scan(run.source, file), file, job.sides)
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
    if shows_metal(joint.pixels):
        raise BadScan("implant", "the joint shows metal; a replaced joint has no joint space")
    margins = _reader().read(joint.pixels, joint.looks)
    widths = measure_widths(margins)
    facts = facts | _believed_spacing(joint, float(np.hypot(*widths.frame.along)))
    facts = facts | {"doubt": TWO_RIMS[0] if has_two_rims(joint.pixels, margins) else ""}
    row = facts | {"quality": margins.quality} | _width_cells(widths, facts["spacing_mm"])
    mask = encode_png(draw_mask(margins, joint.pixels.shape))
    rows = [run.stage(file, row | {"png": f"masks/{name}"}, mask)]
    if overlay:
        picture = cv2.imencode(".png", draw_margins(joint.pixels, margins, widths))[1]
        rows.append(run.stage(file, {_EXTRA: True, "png": f"overlay/{name}"}, bytes(picture)))
    return rows


def _believed_spacing(joint: FilmJoint, breadth: float) -> Row:
    """The joint's spacing and what tells it; none where it would make the femur a giant's or a bird's.

    Headers have spacings that nobody measured, above all 1 mm.

    Args:
        joint: With the spacing that its film states.
        breadth: Between the peripheral tangents of both condyles, in pixels.
    """
    breadth_mm = breadth * (joint.spacing_mm or 0.0)
    if joint.spacing_mm is None or _BREADTHS_MM[0] <= breadth_mm <= _BREADTHS_MM[1]:
        return {"spacing_mm": joint.spacing_mm, "spacing_from": joint.spacing_from}
    note = f"its {joint.spacing_from} would make the femur {breadth_mm:.0f} mm wide; not used"
    notes = "; ".join(filter(None, [joint.note, note]))
    return {"spacing_mm": None, "spacing_from": "none", "note": notes}


def _width_cells(widths: Widths, spacing_mm: float | None) -> Row:
    """All widths in pixels, and in mm where the spacing is known."""
    values = [widths.medial, widths.lateral, *widths.at.values()]
    pixels = {f"{name}_px": value for name, value in zip(_MEASURES, values, strict=True)}
    if spacing_mm is None:
        return pixels
    return pixels | {f"{name}_mm": value * spacing_mm for name, value in zip(_MEASURES, values, strict=True)}


@cache
def _reader() -> MarginReader:
    return MarginReader.load()
