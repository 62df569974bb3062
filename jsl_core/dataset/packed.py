"""The packed dataset: every joint at training resolution in one array, beside one table."""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from jsl_core.cohort.columns import (
    EVENT,
    EVENT_MONTHS,
    FACTORS,
    GRADE,
    MONTHS,
    OARSI,
    OUTCOME_MONTHS,
    PROGRESSION,
    SPLITS,
    WIDTHS,
)
from jsl_core.cohort.splits import assign_folds
from jsl_core.errors import BadTable
from jsl_core.storage.proof import proves_itself
from jsl_core.system.spreadsheet import read_csv

__all__ = ["FORMAT", "PackedDataset", "check_table"]

FORMAT = 2

_ALLOWED = {"side": (1, 2), "split": SPLITS, GRADE: (0, 1, 2, 3, 4), PROGRESSION: (0, 1)}  # or no label


@dataclass(frozen=True)
class PackedDataset:
    """A packed dataset; row i of `images` belongs to row i of `table`.

    Attributes:
        images: uint8 N×S×S as on the film (left knees not mirrored), read from disk as they are used.
        table: The columns of `read_cohort`, sorted by ID (and visit), a split for every row, and
            `mm_per_pixel` of the packed crop (NaN where the film did not give it).
        digest: SHA-256 of images and table.
        test_from_table: The cohort's own table says which knees are the test part.
    """

    images: np.ndarray
    table: pd.DataFrame
    digest: str
    test_from_table: bool = False

    @property
    def size(self) -> int:
        """Side S of the crops in pixels."""
        return int(self.images.shape[1])

    @property
    def left(self) -> np.ndarray:
        """Bool N: the left knees, which networks see mirrored."""
        return self.table["side"].to_numpy() == 2

    @classmethod
    def load(cls, folder: Path) -> "PackedDataset":
        """Open a packed dataset, whose every byte is read and checked; the images stay on disk.

        Raises:
            BadTable: Where the folder is no packed dataset, one of another version, or not as it was packed.
        """
        try:
            record = json.loads((folder / "dataset.json").read_text())
            images = np.load(folder / "images.npy", mmap_mode="c")
            table = read_csv(folder / "table.csv")
            version = record.get("format")
        except (OSError, EOFError, ValueError, AttributeError, RecursionError) as error:
            raise BadTable(f"{folder}: not a packed dataset; make one with the pack stage") from error
        if version != FORMAT:
            raise BadTable(f"{folder}: packed by another version of the program; pack it again")
        if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.ndim != 3:
            raise BadTable(f"{folder}: images.npy holds no crops; pack it again")
        if not len(images) == len(table) == record.get("knees"):
            raise BadTable(f"{folder}: {len(images)} images but {len(table)} rows; pack it again")
        check_table(table, folder / "table.csv")
        digest = hashlib.sha256(images.data)
        digest.update((folder / "table.csv").read_bytes())
        proven = "proof" not in record or proves_itself(record)  # earlier versions wrote none
        if not proven or digest.hexdigest() != record.get("digest") or "given" not in record:
            raise BadTable(f"{folder}: is not as it was packed; copy it again, or pack it again")
        return cls(images, table.fillna({"Img_path": ""}), record["digest"], "test" in record["given"])

    def fold(self, number: int, folds: int) -> "PackedDataset":
        """Split the same knees for one round of a cross-validation by participant.

        Fold `number` is the test part, half of the next one is that for validation, the others are learned
        from. A test part that the table gives stays the same in all rounds; fold `number` of the other knees
        is then for validation.

        Args:
            number: Of the round, 0…`folds` - 1.
            folds: How many rounds there are.
        """
        table = self.table.copy()
        reassigned = ~(table["split"].eq("test") & self.test_from_table)
        half = assign_folds(table[reassigned], 2 * folds)  # `half` and `half + folds` make a fold
        fold = half % folds
        val = fold == number if self.test_from_table else half == (number + 1) % folds
        table.loc[reassigned, "split"] = np.select([val, fold == number], ["val", "test"], "train")
        digest = hashlib.sha256(f"{self.digest}:{' '.join(table['split'])}".encode()).hexdigest()
        return replace(self, table=table, digest=digest)


def check_table(table: pd.DataFrame, where: object) -> None:
    """Check that a table has typed columns and known labels, as `read_cohort` makes it.

    So a table that was edited after packing is refused before training starts, without the library that
    `read_cohort` needs and a bare GPU box lacks.

    Args:
        table: Of a packed dataset.
        where: What the message calls it.

    Raises:
        BadTable: Where it is not such a table.
    """
    numbers = (
        "side",
        "mm_per_pixel",
        GRADE,
        PROGRESSION,
        *FACTORS,
        *(n for n in (*WIDTHS, *OARSI, MONTHS, EVENT, EVENT_MONTHS, OUTCOME_MONTHS) if n in table),
    )
    for column in ("ID", "participant", "split", *numbers):
        if column not in table:
            raise BadTable(f"{where}: no column {column}; read it with read_cohort, or pack it again")
        if column in numbers and not pd.api.types.is_numeric_dtype(table[column]):
            raise BadTable(f"{where}: {column} is not a number everywhere; correct that row")
    for column, values in _ALLOWED.items():
        wrong = ~table[column].isin(values)
        if column in (GRADE, PROGRESSION):
            wrong &= table[column].notna()
        if wrong.any():
            row = table[wrong].iloc[0]
            known = ", ".join(map(str, values))
            raise BadTable(f"{where}: {column} of knee {row['ID']} is {row[column]}; it must be {known}")
