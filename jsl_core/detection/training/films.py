"""Films with their joints' boxes: the sources a detector is trained and measured on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jsl_core.errors import BadTable, DetectorError

__all__ = ["BoxedImage", "Sampler", "list_image_files", "read_box_table", "read_grey", "read_yolo_folder"]

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"})
COLUMNS = ["file", "x1", "y1", "x2", "y2"]


@dataclass(frozen=True)
class BoxedImage:
    """A grey image uint8 H×W and the boxes float32 N×4 of its joints in its pixels."""

    pixels: NDArray[np.uint8]
    boxes: NDArray[np.float32]


Sampler = Callable[[np.random.Generator], BoxedImage]
"""Draws one training image; the same generator state draws the same image."""


def list_image_files(folder: Path) -> list[Path]:
    """List the image files directly in a folder, by name.

    Raises:
        DetectorError: Where there is no such folder, or it cannot be read.
    """
    try:
        return sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    except OSError as error:
        raise DetectorError(f"{folder} is no folder that can be read; check the path of the films") from error


def read_grey(path: Path) -> NDArray[np.uint8]:
    """Read an image file as uint8 H×W.

    Raises:
        DetectorError: Where it cannot be read or decoded.
    """
    message = f"{path.name} cannot be read as an image; remove it or convert it to PNG"
    try:
        # Not by cv2.imread, which reports a missing file on stderr as well.
        pixels = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
    except (OSError, ValueError, cv2.error) as error:  # ValueError of a name with a null character
        raise DetectorError(message) from error
    if pixels is None:
        raise DetectorError(message)
    return np.asarray(pixels, np.uint8)


def read_box_table(table: Path, images: Path) -> list[BoxedImage]:
    """Read the images that a box table names, with their boxes.

    Args:
        table: CSV file with the columns `file,x1,y1,x2,y2`: each row one joint in pixels of its image, x
            right, y down. A row with four empty cells says that its image holds no joint.
        images: The folder of the images.

    Raises:
        BadTable: For a missing column, a cell that is no number, or a box that is empty or outside its image.
        DetectorError: For an image that cannot be read.
    """
    try:
        rows = pd.read_csv(table, dtype={"file": str})
    except (OSError, ValueError) as error:
        raise BadTable(f"{table.name} cannot be read as a CSV table; check the path") from error
    if missing := [column for column in COLUMNS if column not in rows.columns]:
        raise BadTable(f"{table.name} lacks the column {', '.join(missing)}; it needs {','.join(COLUMNS)}")
    corners = rows[COLUMNS[1:]].apply(pd.to_numeric, errors="coerce")
    partly = corners.isna().any(axis=1) & rows[COLUMNS[1:]].notna().any(axis=1)
    if partly.any():
        line = int(np.flatnonzero(partly)[0]) + 2
        raise BadTable(f"{table.name}, line {line}: a box lacks numbers; give all four or none")
    films = []
    for name, group in corners.groupby(rows["file"], sort=True):
        boxes = group.dropna().to_numpy(np.float32)
        films.append(_check_boxes(read_grey(images / str(name)), boxes, str(name)))
    return films


def read_yolo_folder(folder: Path) -> list[BoxedImage]:
    """Read the images of a folder with the YOLO text files beside them.

    A text file has a line `0 cx cy w h` a joint, shares of width and height. An image without a text file, or
    with an empty one, holds no joint.

    Raises:
        BadTable: For a text file that cannot be read, a malformed line, a class other than 0, or a box
            outside its image.
        DetectorError: For a folder or an image that cannot be read.
    """
    films = []
    for path in list_image_files(folder):
        pixels = read_grey(path)
        shares = np.array(_read_yolo_file(path.with_suffix(".txt")), np.float32).reshape(-1, 4)
        centre, half = shares[:, :2], shares[:, 2:] / 2
        scale = np.array([pixels.shape[1], pixels.shape[0]] * 2, np.float32)
        boxes = np.concatenate([centre - half, centre + half], 1) * scale
        films.append(_check_boxes(pixels, boxes, path.name))
    return films


def _read_yolo_file(path: Path) -> list[tuple[float, ...]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise BadTable(f"{path.name} cannot be read as a YOLO text file; correct or remove it") from error
    return [_parse_yolo_line(line, path.name) for line in lines if line.strip()]


def _parse_yolo_line(line: str, name: str) -> tuple[float, ...]:
    parts = line.split()
    try:
        numbers = tuple(float(part) for part in parts[1:])
    except ValueError:
        numbers = ()
    if len(numbers) != 4 or parts[0] != "0":
        raise BadTable(f"{name}: a line should be `0 cx cy w h`, class 0 being the joint; correct it")
    return numbers


def _check_boxes(pixels: NDArray[np.uint8], boxes: NDArray[np.float32], name: str) -> BoxedImage:
    height, width = pixels.shape
    if len(boxes):
        low, high = boxes[:, :2].min(), boxes[:, 2:].max(0)
        if not (np.isfinite(boxes).all() and low >= -1 and high[0] <= width + 1 and high[1] <= height + 1):
            raise BadTable(
                f"{name}: a box lies outside its image of {width} × {height} pixels; correct the table"
            )
        if (boxes[:, 2:] <= boxes[:, :2]).any():
            raise BadTable(f"{name}: a box has no area; x2 and y2 should exceed x1 and y1")
    return BoxedImage(pixels, boxes.astype(np.float32))


def sample_from(images: Sequence[BoxedImage]) -> Sampler:
    """Make a sampler that draws each image of a list equally often on average."""
    return lambda rng: images[int(rng.integers(len(images)))]
