"""One film to its right and its left knee."""

import cv2
import numpy as np
import numpy.typing as npt

from jsl_core.config import SplitSettings
from jsl_core.errors import BadScan
from jsl_core.imaging.legs import find_legs
from jsl_core.imaging.records import HowSplit, KneeRecord, ScanRecord

__all__ = ["split_image"]

_RIGHT, _LEFT = 1, 2


def split_image(
    image: npt.NDArray, scan: ScanRecord, settings: SplitSettings
) -> list[tuple[KneeRecord, npt.NDArray]]:
    """The knees of an HxW film, right one first, each as on a conventional film (patient's right left).

    Raises BadScan `unknown_side` for a single knee of which nothing tells the side.
    """
    height, width = image.shape
    conventional = cv2.flip(image, 1) if scan.flipped else image
    legs = find_legs(conventional)
    if settings.at == "valley" and (
        scan.laterality in ("R", "L") or (legs.count == 1 and scan.laterality != "B")
    ):
        if scan.laterality not in ("R", "L"):
            raise BadScan("unknown_side", "the film shows one knee and nothing says which; see Laterality")
        side = _RIGHT if scan.laterality == "R" else _LEFT
        return [(_record(scan, side, (0, width), "single", (width, height)), conventional)]
    how: HowSplit = "valley" if settings.at == "valley" and legs.valley is not None else "half"
    cut = round(legs.valley) if how == "valley" and legs.valley is not None else width // 2
    return [
        (_record(scan, side, columns, how, (width, height)), conventional[:, slice(*columns)])
        for side, columns in ((_RIGHT, (0, cut)), (_LEFT, (cut, width)))
    ]


def _record(
    scan: ScanRecord, side: int, columns: tuple[int, int], how: HowSplit, size: tuple[int, int]
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
