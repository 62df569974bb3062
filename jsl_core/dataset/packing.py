"""Packs joint crops and the cohort table into a dataset."""

import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from jsl_core.cohort.columns import GRADE, PROGRESSION, SPLITS
from jsl_core.cohort.splits import assign_splits
from jsl_core.config import PackSettings
from jsl_core.dataset.crops import fit_crop, read_crop
from jsl_core.dataset.packed import FORMAT, check_table
from jsl_core.errors import BadScan, BadTable
from jsl_core.system.files import TEMPORARY, replace_atomically, write_atomically

__all__ = ["pack", "pack_from_paths"]


def pack(
    joints: Mapping[str, np.ndarray] | Iterable[tuple[str, np.ndarray]],
    table: pd.DataFrame,
    settings: PackSettings,
    dst: Path,
    spacing: Mapping[str, float] | None = None,
) -> None:
    """Write `images.npy`, `table.csv`, `rejected.csv` and, last, `dataset.json` into the folder `dst`.

    A row without a crop and a crop without a row become rows of `rejected.csv` (ID, reason, sentence).

    Args:
        joints: Crops by knee ID, uint8 H×W of any size.
        table: As `read_cohort` returns it.
        settings: Size of the crops, shares and seed of the splits.
        dst: The dataset's folder, made where it is missing.
        spacing: Mm per pixel by knee ID, of those whose film gives it.

    Raises:
        BadTable: Where nothing is left, or a row is not one that `read_cohort` lets through.
    """
    pairs = joints.items() if isinstance(joints, Mapping) else iter(joints)
    _pack(((name, crop, None) for name, crop in pairs), table, settings, dst, spacing or {})


def pack_from_paths(table: pd.DataFrame, base: Path, settings: PackSettings, dst: Path) -> None:
    """Pack crops from image files, `Img_path` of each row, relative to `base`; otherwise as `pack`."""
    _pack(_read_crops(table, base), table, settings, dst, {})


def _read_crops(table: pd.DataFrame, base: Path) -> Iterator[tuple[str, np.ndarray | None, BadScan | None]]:
    for name, path in zip(table["ID"], table["Img_path"], strict=True):
        try:
            yield name, read_crop(base, path), None
        except BadScan as bad:
            yield name, None, bad


def _pack(
    joints: Iterator[tuple[str, np.ndarray | None, BadScan | None]],
    table: pd.DataFrame,
    settings: PackSettings,
    dst: Path,
    spacing: Mapping[str, float],
) -> None:
    dst.mkdir(parents=True, exist_ok=True)
    table = table.sort_values("ID").reset_index(drop=True)
    row_of = {name: row for row, name in enumerate(table["ID"])}
    scratch = dst / f"{TEMPORARY}{os.getpid()}.npy"
    shape = (len(table), settings.size, settings.size)
    try:
        crops = np.lib.format.open_memmap(scratch, "w+", np.uint8, shape)
        packed, rejected = _fill_crops(crops, joints, row_of, settings.size, spacing)
        for name in sorted(row_of.keys() - packed.keys() - rejected.keys()):
            rejected[name] = BadScan("no_image", "no joint crop belongs to this row of the table")
        keep = table["ID"].isin(packed).to_numpy()
        if not keep.any():
            raise BadTable("no knee of the table has a joint crop; compare the table's IDs with the scans")
        with replace_atomically(dst / "images.npy") as temporary:
            images = np.lib.format.open_memmap(temporary, "w+", np.uint8, (int(keep.sum()), *shape[1:]))
            for row, source in enumerate(np.flatnonzero(keep)):
                images[row] = crops[source]
            images.flush()
    finally:
        scratch.unlink(missing_ok=True)
    given_splits = set(table.loc[keep, "split"])
    table = assign_splits(table[keep].reset_index(drop=True), settings)
    table["mm_per_pixel"] = table["ID"].map(packed).round(6)
    check_table(table, "the cohort table")
    text = table.to_csv(index=False)
    _write(dst / "table.csv", text)
    reasons = [(name, bad.code, str(bad)) for name, bad in sorted(rejected.items())]
    rejected_table = pd.DataFrame(reasons, columns=["ID", "reason", "sentence"])
    _write(dst / "rejected.csv", rejected_table.to_csv(index=False))
    digest = hashlib.sha256(images.data)
    digest.update(text.encode())
    record = {
        "format": FORMAT,
        "size": settings.size,
        "knees": len(table),
        "participants": int(table["participant"].nunique()),
        "splits": {split: _count_labels(table[table["split"] == split]) for split in SPLITS},
        "given": [split for split in SPLITS if split in given_splits],
        "rejected": len(rejected),
        "digest": digest.hexdigest(),
    }
    _write(dst / "dataset.json", json.dumps(record, indent=1) + "\n")


def _fill_crops(
    crops: np.ndarray,
    joints: Iterator[tuple[str, np.ndarray | None, BadScan | None]],
    row_of: Mapping[str, int],
    size: int,
    spacing: Mapping[str, float],
) -> tuple[dict[str, float], dict[str, BadScan]]:
    """Fill `crops`; returns mm per pixel of the packed knees and the reasons of the rejected ones, by ID."""
    packed: dict[str, float] = {}
    rejected: dict[str, BadScan] = {}
    for name, crop, bad in joints:
        if name not in row_of:
            rejected[name] = BadScan("no_row", "the cohort table has no row for this knee")
        elif crop is None:
            rejected[name] = bad or BadScan("no_image", "no joint crop for this knee")
        else:
            crops[row_of[name]] = fit_crop(crop, size)
            packed[name] = spacing.get(name, math.nan) * crop.shape[1] / size
    return packed, rejected


def _count_labels(rows: pd.DataFrame) -> dict[str, object]:
    grades = rows[GRADE].dropna().astype(int).value_counts()
    progressed = rows[PROGRESSION].dropna()
    return {
        "knees": len(rows),
        "grades": [int(grades.get(grade, 0)) for grade in range(5)],
        "stable": int((progressed == 0).sum()),
        "progressed": int((progressed == 1).sum()),
    }


def _write(path: Path, text: str) -> None:
    with write_atomically(path) as file:
        file.write(text.encode())
