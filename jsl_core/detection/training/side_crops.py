"""Joint crops of known side, in parts that share no participant."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jsl_core.detection.training.composites import read_crop_table
from jsl_core.detection.training.films import read_grey
from jsl_core.detection.training.side_pictures import KneePicture
from jsl_core.errors import BadTable

__all__ = ["SideCrop", "read_side_crops"]


@dataclass(frozen=True)
class SideCrop:
    """A joint crop of known side: uint8 S×S as it is displayed, not mirrored.

    `side` is 1 for a right knee, 2 for a left one; `knee` is its ID, participant and side; `grade` is its KL
    grade as the table has it, "" where it has none.
    """

    knee: str
    side: int
    pixels: NDArray[np.uint8]
    grade: str = ""

    @property
    def participant(self) -> str:
        """Whose knee it is."""
        return self.knee.rpartition("_")[0]

    def as_right(self) -> KneePicture:
        """The knee as a right one, for training."""
        mirrored = np.ascontiguousarray(self.pixels[:, ::-1])
        return KneePicture(mirrored if self.side == 2 else self.pixels)


def read_side_crops(cohort: Path, split: str) -> list[SideCrop]:
    """Read the joint crops of one part of a cohort table; a knee's ID ends in `_1` (right) or `_2` (left).

    Args:
        cohort: CSV file with the columns `ID`, `Img_path` (relative to it), `split`; also `BL_KL_grade`.
        split: `train`, `val`, `test` and whatever else its column `split` holds. A table's `train` has one
            participant in ten, chosen by a digest of the name, set apart as `threshold`.

    Raises:
        BadTable: Where a column is missing, a knee has no side, or the part is empty.
        DetectorError: Where a crop cannot be read.
    """
    table = read_crop_table(cohort)
    crops = []
    for knee, path, part, grade in table[["ID", "Img_path", "split", "BL_KL_grade"]].itertuples(index=False):
        participant, _, side = knee.rpartition("_")
        if part == "train" and _is_set_apart(participant):
            part = "threshold"
        if part == split:
            crops.append(SideCrop(knee, int(side), read_grey(cohort.parent / path), grade))
    if not crops:
        raise BadTable(f"{cohort.name} has no knee of split {split}; training a side network needs some")
    return crops


def _is_set_apart(participant: str) -> bool:
    return hashlib.sha256(participant.encode()).digest()[0] < 26
