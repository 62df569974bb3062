"""Plain folders in, plain folders out: the joints of all pictures, and a table of their boxes."""

import io
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray

from jsl_core.config import ConvertSettings, CropSettings
from jsl_core.detection.crop import Box, Joint, crop_at
from jsl_core.detection.detector import JointDetector, load_chosen_model
from jsl_core.detection.look import look_at_film
from jsl_core.detection.picture_knees import knee_of_picture, knees_of_film
from jsl_core.detection.resize import to_eight_bits
from jsl_core.errors import BadScan
from jsl_core.imaging import ScanRecord, convert_scan, decode_png, encode_png, read_scan
from jsl_core.imaging.folder_run import FolderRun, Progress, Row
from jsl_core.imaging.names import encode_name
from jsl_core.imaging.split import to_conventional

__all__ = ["CropJob", "crop_folder", "is_plain_picture", "read_plain_picture"]

_COLUMNS = ["file", "ID", "side", "side_from", "x1", "y1", "x2", "y2", "score", "polarity_from", "reason"]
_OF_CROP = ("x1", "y1", "x2", "y2", "score")  # columns that are blank where there is no crop
_NO_PICTURE = frozenset({".csv", ".json", ".txt", ".md", ".html"})
_PICTURE_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"BM", b"II*\0", b"MM\0*")  # also WebP, BMP, TIFF
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
) -> list[Row]:
    """Crop the joints of every PNG, JPEG or DICOM file below `src` into `job.dst`, one PNG a joint.

    Args:
        src: Folder or archive of pictures.
        job: What to do with each, and where crops, overlays and `boxes.csv` go.
        jobs: Worker processes; 0 for one per processor core.
        progress: Called with the files done and all files.

    Returns:
        What `boxes.csv` holds: a row a joint or rejected file with file, ID, side (1 right, 2 left, None if
        unknown) and what tells it, the box (x1, y1, x2, y2) of the crop in pixels of the source image, score,
        whose word the polarity is, and why there is no crop. Of joints of one ID the first is used.

    Raises:
        JslError: If `src` holds no pictures or nothing can be written.
        DetectorError: If the detector cannot be loaded.
    """
    run = FolderRun(src, job.dst)
    files = run.list_files(skip=lambda file: PurePosixPath(file).suffix.lower() in _NO_PICTURE)
    load_chosen_model(job.settings)  # a bad detector is one error here, not one a file
    work = partial(_crop_file, run=run, job=job)
    rows = run.process(work, dict.fromkeys(files), jobs=jobs, progress=progress)
    table = [_cells(row) for row in rows if _OVERLAY not in row]
    texts = (row | {name: f"{row[name]:.4f}" for name in _OF_CROP if name in row} for row in table)
    run.write_table("boxes.csv", _COLUMNS, texts)
    return table


def _cells(row: Row) -> Row:
    """The cells of one row of boxes; of a crop only where there is one."""
    blank = _OF_CROP if row["reason"] else ()
    return {name: row[name] for name in _COLUMNS if name in row and name not in blank}


def _crop_file(item: tuple[str, None], *, fresh: bool, run: FolderRun, job: CropJob) -> list[Row]:
    """The rows of one picture, its crops staged as PNG and, last, its overlay as JPEG."""
    file, _ = item
    image, scan = _read(read_scan(run.source, file), file)
    detections = _detector(job.settings, job.full_film).detect([image])[0]
    if job.full_film:
        scan, image, knees = knees_of_film(image, scan, detections)
    else:
        scan, image, knees = knee_of_picture(image, scan, detections, job.settings)
    spacing = scan.spacing_mm and scan.spacing_mm[1]
    film = to_conventional(image, scan)
    rows: list[Row] = []
    joints: list[Joint] = []
    for knee in knees:
        names: Row = {"ID": knee.ID, "side": knee.side, "side_from": knee.side_from}
        if knee.detection is None:
            reason = BadScan("no_joint", "no knee joint was found on this leg")
            rows.append({"file": file} | names | {"reason": reason.code, "sentence": str(reason)})
            continue
        joint = crop_at(film, knee.detection, spacing, job.settings)
        x1, y1, x2, y2 = box = _as_stored(joint.box, scan, image.shape)
        joints.append(replace(joint, box=box))
        row = names | {"png": f"{encode_name(knee.ID)}.png", "score": joint.score}
        row |= {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "polarity_from": scan.polarity_from}
        png = encode_png(joint.pixels, None if spacing is None else (spacing, spacing))
        rows.append(run.stage(file, row, png))
    if job.overlay:
        row = {_OVERLAY: True, "png": f"{_OVERLAY}/{_stem(file)}.jpg"}
        rows.append(run.stage(file, row, _draw_overlay(image, joints)))
    return rows


def _as_stored(box: Box, scan: ScanRecord, size: tuple[int, ...]) -> Box:
    """A box of the conventional display in the pixels of the picture as stored."""
    height, width = size
    x1, y1, x2, y2 = box
    if scan.flipped:
        x1, x2 = width - x2, width - x1
    if scan.upside_down:
        y1, y2 = height - y2, height - y1
    return x1, y1, x2, y2


@cache
def _detector(settings: CropSettings, full_film: bool) -> JointDetector:
    """The detector; of an unsplit film all its boxes count."""
    detector = JointDetector.load(settings)
    detector.one_film = detector.one_film and not full_film
    return detector


def _read(data: bytes, file: str) -> tuple[NDArray[np.unsignedinteger], ScanRecord]:
    """A picture as stored, and what is known of it; the participant is a file's name where no tag says."""
    if is_plain_picture(data):
        return read_plain_picture(data, file)
    scan, png = convert_scan(data, file, ConvertSettings(any_view=True), look_at_film)
    spacing = _spacing(png)
    known = {"spacing_mm": spacing and (spacing, spacing), "participant": scan.participant or _stem(file)}
    return decode_png(png), scan.model_copy(update=known)


def is_plain_picture(data: bytes) -> bool:
    """Whether a file is a PNG, JPEG, WebP, BMP or TIFF by its first bytes, and no DICOM."""
    return data.startswith(_PICTURE_STARTS) and data[128:132] != b"DICM"


def read_plain_picture(data: bytes, file: str) -> tuple[NDArray[np.unsignedinteger], ScanRecord]:
    """Read a plain picture, H×W as stored, and its record, whose participant is the file's name.

    Args:
        data: The file's bytes.
        file: Its name.

    Raises:
        BadScan: `undecodable`.
    """
    pixels = decode_png(data)
    if pixels.dtype not in (np.uint8, np.uint16):
        raise BadScan("undecodable", "the picture holds no grey levels of 8 or 16 bits")
    spacing = _spacing(data)
    return pixels, ScanRecord(
        file=file,
        participant=_stem(file),
        spacing_mm=spacing and (spacing, spacing),
        spacing_source="none" if spacing is None else "picture",
        width=pixels.shape[1],
        height=pixels.shape[0],
        bits=8 * pixels.dtype.itemsize,
        photometric="",
        transfer_syntax="",
    )


def _spacing(picture: bytes) -> float | None:
    """Mm per pixel of a PNG or JPEG that says so, and credibly: radiographs have 0.05 to 0.25."""
    dpi = PIL.Image.open(io.BytesIO(picture)).info.get("dpi", (0, 0))
    spacing = 25.4 / float(dpi[0]) if dpi[0] else 0.0
    return spacing if 0.05 <= spacing <= 0.25 else None


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
