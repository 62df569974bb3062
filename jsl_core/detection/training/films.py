"""Films with their joints' boxes: the sources a detector is trained and measured on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jsl_core.errors import BadTable, DetectorError

__all__ = ["BoxedImage", "Sampler", "image_files", "read_box_table", "read_grey", "read_yolo_folder"]

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"})
COLUMNS = ["file", "x1", "y1", "x2", "y2"]


@dataclass(frozen=True)
class BoxedImage:
    """A grey image uint8 H×W and the boxes float32 N×4 of its joints in its pixels."""

    pixels: NDArray[np.uint8]
    boxes: NDArray[np.float32]


Sampler = Callable[[np.random.Generator], BoxedImage]
"""Draws one training image; the same generator state draws the same image."""


def image_files(folder: Path) -> list[Path]:
    """The image files directly in a folder, by name; raises DetectorError where there is no such folder."""
    if not folder.is_dir():
        raise DetectorError(f"{folder.name} is no folder of images; check the path.")
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)


def read_grey(path: Path) -> NDArray[np.uint8]:
    """An image file as uint8 H×W; raises DetectorError where it cannot be decoded."""
    pixels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if pixels is None:
        raise DetectorError(f"{path.name} cannot be read as an image; remove it or convert it to PNG.")
    return pixels


def read_box_table(table: Path, images: Path) -> list[BoxedImage]:
    """The images a table `file,x1,y1,x2,y2` names, each row one joint in pixels of its image.

    A row with four blanks says that its image holds no joint. Raises BadTable for a missing column, a number
    that is none, or a box that is empty or outside its image.
    """
    try:
        rows = pd.read_csv(table, dtype={"file": str})
    except (OSError, ValueError) as error:
        raise BadTable(f"{table.name} cannot be read as a CSV table; check the path.") from error
    if missing := [column for column in COLUMNS if column not in rows.columns]:
        raise BadTable(f"{table.name} lacks the column {', '.join(missing)}; it needs {','.join(COLUMNS)}.")
    corners = rows[COLUMNS[1:]].apply(pd.to_numeric, errors="coerce")
    partly = corners.isna().any(axis=1) & rows[COLUMNS[1:]].notna().any(axis=1)
    if partly.any():
        line = int(np.flatnonzero(partly)[0]) + 2
        raise BadTable(f"{table.name}, line {line}: x1, y1, x2, y2 should be four numbers or four blanks.")
    found = []
    for name, group in corners.groupby(rows["file"], sort=True):
        boxes = group.dropna().to_numpy(np.float32)
        found.append(_checked(read_grey(images / str(name)), boxes, str(name)))
    return found


def read_yolo_folder(folder: Path) -> list[BoxedImage]:
    """Images with YOLO text files beside them: lines `class cx cy w h`, shares of width and height.

    An image without a text file, or with an empty one, holds no joint. Raises BadTable for a malformed line,
    a class other than 0, or a box outside its image.
    """
    found = []
    for path in image_files(folder):
        pixels = read_grey(path)
        text = path.with_suffix(".txt")
        lines = text.read_text(encoding="utf-8").splitlines() if text.exists() else []
        shares = np.array(
            [_yolo_line(line, text.name) for line in lines if line.strip()], np.float32
        ).reshape(-1, 4)
        centre, half = shares[:, :2], shares[:, 2:] / 2
        scale = np.array([pixels.shape[1], pixels.shape[0]] * 2, np.float32)
        boxes = np.concatenate([centre - half, centre + half], 1) * scale
        found.append(_checked(pixels, boxes, path.name))
    return found


def _yolo_line(line: str, name: str) -> tuple[float, ...]:
    parts = line.split()
    try:
        numbers = tuple(float(part) for part in parts[1:])
    except ValueError:
        numbers = ()
    if len(numbers) != 4 or parts[0] != "0":
        raise BadTable(f"{name}: a line should be `0 cx cy w h`, class 0 being the joint.")
    return numbers


def _checked(pixels: NDArray[np.uint8], boxes: NDArray[np.float32], name: str) -> BoxedImage:
    height, width = pixels.shape
    if len(boxes):
        low, high = boxes[:, :2].min(), boxes[:, 2:].max(0)
        if not (np.isfinite(boxes).all() and low >= -1 and high[0] <= width + 1 and high[1] <= height + 1):
            raise BadTable(
                f"{name}: a box lies outside its image of {width} × {height} pixels; correct the table."
            )
        if (boxes[:, 2:] <= boxes[:, :2]).any():
            raise BadTable(f"{name}: a box has no area; x2 and y2 should exceed x1 and y1.")
    return BoxedImage(pixels, boxes.astype(np.float32))


def drawing_from(images: Sequence[BoxedImage]) -> Sampler:
    """A sampler that draws each image of a list equally often on average."""
    return lambda rng: images[int(rng.integers(len(images)))]
