"""Plain folders in, plain folders out: the joints of all pictures, and a table of their boxes."""

import io
import multiprocessing
import re
from collections.abc import Callable, Iterator
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
from jsl_core.detection.crop import Joint, crop_joint, joints_of_film
from jsl_core.detection.detector import JointDetector
from jsl_core.detection.resize import eight_bits
from jsl_core.errors import BadScan, JslError
from jsl_core.imaging import ScanRecord, convert_scan, decode_png, encode_png, open_scan, walk
from jsl_core.system.files import write_atomically
from jsl_core.system.parallel import parallel_map

__all__ = ["CropJob", "crop_folder"]

COLUMNS = ["file", "ID", "side", "x1", "y1", "x2", "y2", "score", "reason"]
NO_PICTURE = frozenset({".csv", ".json", ".txt", ".md", ".html"})
PICTURE_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"BM", b"II*\0", b"MM\0*")  # also WebP, BMP, TIFF
KNEE = re.compile(r"(?P<participant>.+)_(?P<side>[12])$")
RIGHT, LEFT = 1, 2

Row = dict[str, object]


@dataclass(frozen=True)
class CropJob:
    """What to do with each picture: `full_film` looks for two knees, `overlay` also draws the boxes."""

    dst: Path
    settings: CropSettings
    full_film: bool = False
    overlay: bool = False


def crop_folder(
    src: Path, job: CropJob, jobs: int = 0, progress: Callable[[int, int], None] = lambda done, total: None
) -> pd.DataFrame:
    """Crop the joints of every PNG, JPEG or DICOM file below `src` into `job.dst`, one PNG a joint.

    Gives, and writes as `boxes.csv`, a row a joint or rejected file: file, ID, side (1 right, 2 left, blank
    where unknown), the crop's box in pixels of the source image, score, and the reason where there is no
    crop; of joints with the same ID the first is kept. Raises JslError where `src` holds no files,
    DetectorError where the detector cannot be loaded, StoreError where nothing can be written.
    """
    names = [file.name for file in walk(src)]
    files = [name for name in names if PurePosixPath(name).suffix.lower() not in NO_PICTURE]
    if not files:
        raise JslError(f"{src} holds no pictures; give a folder of PNG, JPEG or DICOM files.")
    JointDetector.load(job.settings)  # a bad detector is one error here, not one a file
    rows: list[Row] = []
    taken: set[object] = set()
    outcomes = parallel_map(partial(_crop_file, src, job), files, jobs)
    for done, (file, outcome) in enumerate(zip(files, outcomes, strict=True), 1):
        if isinstance(outcome, BadScan):
            rows.append({"file": file, "reason": outcome.code})
        else:
            crops, overlay = outcome
            kept = [_kept(row, png, job.dst, taken) for row, png in crops]
            if overlay and not all(row["reason"] for row in kept):
                _write(job.dst / "overlay" / f"{_stem(file)}.jpg", overlay)
            rows += kept
        progress(done, len(files))
    table = pd.DataFrame(rows).reindex(columns=COLUMNS)
    table["side"] = table["side"].astype("Int64")
    _write(
        job.dst / "boxes.csv", table.to_csv(index=False, lineterminator="\n", float_format="%.4f").encode()
    )
    return table


def _kept(row: Row, png: bytes, dst: Path, taken: set[object]) -> Row:
    """Write a crop, unless another of its ID was; its row."""
    if row["ID"] in taken:
        return {"file": row["file"], "ID": row["ID"], "side": row["side"], "reason": "duplicate"}
    taken.add(row["ID"])
    _write(dst / f"{row['ID']}.png", png)
    return row


def _crop_file(src: Path, job: CropJob, file: str) -> tuple[list[tuple[Row, bytes]], bytes]:
    """The rows of one picture and their crops as PNG, and its overlay as JPEG, empty where none is wanted."""
    image, spacing, scan = _read(open_scan(src, file), file)
    found = _detector(job.settings).detect([image])[0]
    if job.full_film:
        joints = joints_of_film(image, found, spacing, job.settings)
    else:
        joints = [crop_joint(image, found, spacing, job.settings)]
    made: list[tuple[Row, bytes]] = []
    for joint, (name, side) in zip(joints, _names(file, joints, scan, job.full_film), strict=True):
        spacings = None if spacing is None else (spacing, spacing)
        x1, y1, x2, y2 = joint.box
        row: Row = {"file": file, "ID": name, "side": side, "score": joint.score, "reason": ""}
        made.append((row | {"x1": x1, "y1": y1, "x2": x2, "y2": y2}, encode_png(joint.pixels, spacings)))
    return made, _overlay(image, joints) if job.overlay else b""


@cache
def _detector(settings: CropSettings) -> JointDetector:
    if multiprocessing.parent_process() is not None:
        torch.set_num_threads(1)  # the processes are the parallelism
    return JointDetector.load(settings)


def _read(data: bytes, file: str) -> tuple[NDArray[np.uint8], float | None, ScanRecord | None]:
    """A picture, its mm per pixel where known, and a DICOM file's record."""
    if data.startswith(PICTURE_STARTS) and data[128:132] != b"DICM":
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
    known = KNEE.match(stem)
    if len(joints) == 2:
        sides = (LEFT, RIGHT) if scan and scan.flipped else (RIGHT, LEFT)
        yield from ((f"{stem}_{side}", side) for side in sides)
    elif known and not full_film:
        yield stem, int(known["side"])
    elif scan and scan.laterality in ("R", "L"):
        side = RIGHT if scan.laterality == "R" else LEFT
        yield f"{stem}_{side}", side
    else:
        yield stem, None


def _stem(file: str) -> str:
    """A flat name for a file in a folder or archive."""
    path = PurePosixPath(file)
    return "-".join([*path.parts[:-1], path.stem]).replace("!", "")


def _overlay(image: NDArray[np.uint8], joints: list[Joint]) -> bytes:
    drawn = cv2.cvtColor(eight_bits(image), cv2.COLOR_GRAY2BGR)
    thick = max(2, max(image.shape) // 400)
    for joint in joints:
        x1, y1, x2, y2 = (round(value) for value in joint.box)
        cv2.rectangle(drawn, (x1, y1), (x2, y2), (60, 200, 255), thick)
        place = (x1 + 3 * thick, y1 + 14 * thick)
        cv2.putText(
            drawn, f"{joint.score:.2f}", place, cv2.FONT_HERSHEY_SIMPLEX, thick / 2.5, (60, 200, 255), thick
        )
    return bytes(cv2.imencode(".jpg", drawn)[1])


def _write(path: Path, data: bytes) -> None:
    with write_atomically(path) as file:
        file.write(data)
