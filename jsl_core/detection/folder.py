"""Plain folders in, plain folders out: the joints of all pictures, and a table of their boxes."""

import io
import multiprocessing
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
import pandas as pd
import PIL.Image
import torch
from numpy.typing import NDArray

from jsl_core.config import ConvertSettings, CropSettings
from jsl_core.detection.crop import Joint, crop_film_joints, crop_joint
from jsl_core.detection.detector import JointDetector
from jsl_core.detection.resize import to_eight_bits
from jsl_core.errors import BadScan
from jsl_core.imaging import ScanRecord, convert_scan, decode_png, encode_png, read_scan
from jsl_core.imaging.folder_run import FolderRun, Progress, Row

__all__ = ["CropJob", "crop_folder"]

_COLUMNS = ["file", "ID", "side", "x1", "y1", "x2", "y2", "score", "reason"]
_OF_CROP = ["x1", "y1", "x2", "y2", "score"]  # columns that are blank where there is no crop
_NO_PICTURE = frozenset({".csv", ".json", ".txt", ".md", ".html"})
_PICTURE_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"BM", b"II*\0", b"MM\0*")  # also WebP, BMP, TIFF
_KNEE = re.compile(r"(?P<participant>.+)_(?P<side>[12])$")
_RIGHT, _LEFT = 1, 2
_OVERLAY = "overlay"


@dataclass(frozen=True)
class CropJob:
    """What to do with each picture: `full_film` looks for two knees, `overlay` also draws the boxes."""

    dst: Path
    settings: CropSettings
    full_film: bool = False
    overlay: bool = False


def crop_folder(
    src: Path, job: CropJob, jobs: int = 0, progress: Progress = lambda done, total: None
) -> pd.DataFrame:
    """Crop the joints of every PNG, JPEG or DICOM file below `src` into `job.dst`, one PNG a joint.

    Args:
        src: Folder or archive of pictures.
        job: What to do with each, and where crops, overlays and `boxes.csv` go.
        jobs: Worker processes; 0 for one per processor core.
        progress: Called with the files done and all files.

    Returns:
        What `boxes.csv` holds: a row a joint or rejected file with file, ID, side (1 right, 2 left, blank if
        unknown), the box (x1, y1, x2, y2) of the crop in pixels of the source image, score, and why
        there is no crop. Of joints of one ID the first is used.

    Raises:
        JslError: If `src` holds no pictures or nothing can be written.
        DetectorError: If the detector cannot be loaded.
    """
    run = FolderRun(src, job.dst)
    files = run.list_files(skip=lambda file: PurePosixPath(file).suffix.lower() in _NO_PICTURE)
    JointDetector.load(job.settings)  # a bad detector is one error here, not one a file
    work = partial(_crop_file, run=run, job=job)
    rows = run.process(work, dict.fromkeys(files), jobs=jobs, progress=progress)
    table = pd.DataFrame([row for row in rows if _OVERLAY not in row]).reindex(columns=_COLUMNS)
    table["side"] = table["side"].astype("Int64")
    table.loc[table["reason"] != "", _OF_CROP] = np.nan
    run.write_table("boxes.csv", _COLUMNS, _as_text(table))
    return table


def _as_text(table: pd.DataFrame) -> Iterator[Row]:
    """The rows of a table of boxes as they are written: four decimals, blank where there is nothing."""
    for row in table.to_dict("records"):
        cells = {str(name): "" if pd.isna(cell) else cell for name, cell in row.items()}
        yield cells | {name: f"{cells[name]:.4f}" for name in _OF_CROP if cells[name] != ""}


def _crop_file(item: tuple[str, None], *, fresh: bool, run: FolderRun, job: CropJob) -> list[Row]:
    """The rows of one picture, its crops staged as PNG and, last, its overlay as JPEG."""
    file, _ = item
    image, spacing, scan = _read(read_scan(run.source, file), file)
    detections = _detector(job.settings).detect([image])[0]
    if job.full_film:
        joints = crop_film_joints(image, detections, spacing, job.settings)
    else:
        joints = [crop_joint(image, detections, spacing, job.settings)]
    rows: list[Row] = []
    for joint, (name, side) in zip(joints, _names(file, joints, scan, job.full_film), strict=True):
        x1, y1, x2, y2 = joint.box
        row: Row = {"ID": name, "png": f"{name}.png", "side": side, "score": joint.score}
        png = encode_png(joint.pixels, None if spacing is None else (spacing, spacing))
        rows.append(run.stage(file, row | {"x1": x1, "y1": y1, "x2": x2, "y2": y2}, png))
    if job.overlay:
        row = {_OVERLAY: True, "png": f"{_OVERLAY}/{_stem(file)}.jpg"}
        rows.append(run.stage(file, row, _draw_overlay(image, joints)))
    return rows


@cache
def _detector(settings: CropSettings) -> JointDetector:
    if multiprocessing.parent_process() is not None:
        torch.set_num_threads(1)  # the processes are the parallelism
    return JointDetector.load(settings)


def _read(data: bytes, file: str) -> tuple[NDArray[np.uint8], float | None, ScanRecord | None]:
    """A picture, its mm per pixel where known, and a DICOM file's record."""
    if data.startswith(_PICTURE_STARTS) and data[128:132] != b"DICM":
        pixels = decode_png(data)
        if pixels.dtype not in (np.uint8, np.uint16):
            raise BadScan("undecodable", "the picture holds no grey levels of 8 or 16 bits")
        return pixels, _spacing(data), None
    scan, png = convert_scan(data, file, ConvertSettings(any_view=True))
    return decode_png(png), _spacing(png), scan


def _spacing(picture: bytes) -> float | None:
    """Mm per pixel of a PNG or JPEG that says so, and credibly: radiographs have 0.05 to 0.25."""
    dpi = PIL.Image.open(io.BytesIO(picture)).info.get("dpi", (0, 0))
    spacing = 25.4 / float(dpi[0]) if dpi[0] else 0.0
    return spacing if 0.05 <= spacing <= 0.25 else None


def _names(
    file: str, joints: list[Joint], scan: ScanRecord | None, full_film: bool
) -> Iterator[tuple[str, int | None]]:
    """The ID and side of each joint, left on the film first."""
    stem = scan.participant if scan and scan.participant else _stem(file)
    knee = _KNEE.match(stem)
    if len(joints) == 2:
        sides = (_LEFT, _RIGHT) if scan and scan.flipped else (_RIGHT, _LEFT)
        yield from ((f"{stem}_{side}", side) for side in sides)
    elif knee and not full_film:
        yield stem, int(knee["side"])
    elif scan and scan.laterality in ("R", "L"):
        side = _RIGHT if scan.laterality == "R" else _LEFT
        yield f"{stem}_{side}", side
    else:
        yield stem, None


def _stem(file: str) -> str:
    """A flat name for a file in a folder or archive."""
    path = PurePosixPath(file)
    return "-".join([*path.parts[:-1], path.stem]).replace("!", "")


def _draw_overlay(image: NDArray[np.uint8], joints: list[Joint]) -> bytes:
    """The picture as JPEG with the boxes of its joints and their scores."""
    colour, font = (60, 200, 255), cv2.FONT_HERSHEY_SIMPLEX
    canvas = cv2.cvtColor(to_eight_bits(image), cv2.COLOR_GRAY2BGR)
    width = max(2, max(image.shape) // 400)
    for joint in joints:
        x1, y1, x2, y2 = (round(value) for value in joint.box)
        cv2.rectangle(canvas, (x1, y1), (x2, y2), colour, width)
        corner = (x1 + 3 * width, y1 + 14 * width)
        cv2.putText(canvas, f"{joint.score:.2f}", corner, font, width / 2.5, colour, width)
    return bytes(cv2.imencode(".jpg", canvas)[1])
