"""One film to its right and its left knee."""

from typing import Literal

import numpy as np
import numpy.typing as npt

from jsl_core.config import SplitSettings
from jsl_core.errors import BadScan
from jsl_core.imaging.leg_valley import find_leg_valley
from jsl_core.imaging.records import HowSplit, KneeRecord, ScanRecord

__all__ = ["split_image"]

_Side = Literal[1, 2]
_RIGHT: _Side = 1
_LEFT: _Side = 2

_WIDE = 0.95  # width over height from which on a film is taken to show two knees
_PLAIN = 0.35  # depth of a valley that leaves no doubt


def split_image(
    image: npt.NDArray, scan: ScanRecord, settings: SplitSettings
) -> list[tuple[KneeRecord, npt.NDArray]]:
    """Split a film into its knees, as on a conventional film: the patient's right on the left.

    Args:
        image: HxW uint8 or uint16, as stored.
        scan: What the header says of it.
        settings: Where to split.

    Returns:
        The knees, right one first, each HxW of the film's height.

    Raises:
        BadScan: `unknown_side` where nothing tells the side of a single knee or where tags and picture
            contradict each other; `one_knee_expected_two`.
    """
    height, width = image.shape
    conventional = image[:: -1 if scan.upside_down else 1, :: -1 if scan.flipped else 1]
    conventional = np.ascontiguousarray(conventional)
    if settings.at == "half":
        return _cut(conventional, scan, width // 2, "half")
    valley = find_leg_valley(conventional)
    wide = width >= _WIDE * height
    if scan.laterality in ("R", "L"):
        if wide and valley.column is not None and valley.depth >= _PLAIN:
            raise BadScan("unknown_side", "the header names one knee and the film shows two; mend Laterality")
        side = _RIGHT if scan.laterality == "R" else _LEFT
        return [(_record(scan, side, (0, width), "single", (width, height)), conventional)]
    if valley.column is not None:
        return _cut(conventional, scan, round(valley.column), "valley")
    if wide and not valley.single_leg:
        return _cut(conventional, scan, width // 2, "half")
    if scan.laterality == "B":
        raise BadScan("one_knee_expected_two", "the header says both knees and the film shows one")
    raise BadScan("unknown_side", "the film shows one knee and nothing says which; set ImageLaterality")


def _cut(
    film: npt.NDArray, scan: ScanRecord, column: int, how: HowSplit
) -> list[tuple[KneeRecord, npt.NDArray]]:
    height, width = film.shape
    sides: tuple[tuple[_Side, tuple[int, int]], ...] = ((_RIGHT, (0, column)), (_LEFT, (column, width)))
    return [
        (_record(scan, side, columns, how, (width, height)), film[:, slice(*columns)])
        for side, columns in sides
    ]


def _record(
    scan: ScanRecord, side: _Side, columns: tuple[int, int], how: HowSplit, size: tuple[int, int]
) -> KneeRecord:
    width, height = size
    x1, x2 = (width - columns[1], width - columns[0]) if scan.flipped else columns
    return KneeRecord(
        file=scan.file,
        ID=f"{scan.participant}_{side}",
        participant=scan.participant,
        side=side,
        x1=x1,
        y1=0,
        x2=x2,
        y2=height,
        how=how,
        spacing_mm=_square(scan.spacing_mm),
    )


def _square(spacing_mm: tuple[float, float] | None) -> float | None:
    if spacing_mm is None or not np.isclose(*spacing_mm, rtol=0.02):
        return None
    return spacing_mm[1]
