"""Packs joint crops and the cohort table into a dataset."""

import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from jsl_core.cohort.columns import GRADE, PROGRESSION, SPLITS, VISIT, key_columns, row_names
from jsl_core.cohort.persons import normalise_knee, parse_knee, person_key
from jsl_core.cohort.pictures import refuse_equal_pictures
from jsl_core.cohort.relabel import relabel
from jsl_core.cohort.splits import assign_splits, left_out_of_split
from jsl_core.config import PackSettings
from jsl_core.dataset.crops import fit_crop, read_crop
from jsl_core.dataset.packed import FORMAT, check_table
from jsl_core.errors import BadScan, BadTable
from jsl_core.storage.proof import with_proof
from jsl_core.system.files import TEMPORARY, replace_atomically, write_atomically
from jsl_core.system.spreadsheet import format_csv

__all__ = ["pack", "pack_from_paths"]


def pack(
    joints: Mapping[str, np.ndarray] | Iterable[tuple[str, np.ndarray]],
    table: pd.DataFrame,
    settings: PackSettings,
    dst: Path,
    spacing: Mapping[str, float] | None = None,
) -> None:
    """Write `images.npy`, `table.csv`, `rejected.csv` and, last, `dataset.json` into the folder `dst`.

    A row without a crop and a crop without a row become rows of `rejected.csv` (ID, reason, sentence), and so
    do knees whose crops have the same pixels: whose they are is not known.

    Args:
        joints: Crops by knee ID, in any spelling of `normalise_knee`, uint8 H×W of any size; of a table with
            visits, by the names of its rows (`row_names`).
        table: As `read_cohort` returns it.
        settings: Size of the crops, shares and seed of the splits.
        dst: The dataset's folder, made where it is missing.
        spacing: Mm per pixel by the same names, of those whose film gives it.

    Raises:
        BadTable: Where nothing is left, or a row is not one that `read_cohort` lets through.
    """
    pairs = joints.items() if isinstance(joints, Mapping) else iter(joints)
    _pack(((name, crop, None) for name, crop in pairs), table, settings, dst, spacing or {}, from_scans=True)


def pack_from_paths(table: pd.DataFrame, base: Path, settings: PackSettings, dst: Path) -> None:
    """Pack crops from image files, `Img_path` of each row, relative to `base`; otherwise as `pack`.

    Raises:
        BadTable: As `pack`, and where pictures of several knees have the same pixels, which the table's owner
            has to mend.
    """
    _pack(_read_crops(table, base), table, settings, dst, {}, from_scans=False)


def _read_crops(table: pd.DataFrame, base: Path) -> Iterator[tuple[str, np.ndarray | None, BadScan | None]]:
    for name, path in zip(row_names(table), table["Img_path"], strict=True):
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
    *,
    from_scans: bool,
) -> None:
    dst.mkdir(parents=True, exist_ok=True)
    unsorted = table = relabel(table, settings.label)
    several = VISIT in table
    table = table.sort_values(key_columns(table)).reset_index(drop=True)
    left_out = left_out_of_split(table, settings)
    split_out = set(row_names(table[left_out]))
    table = table[~left_out].reset_index(drop=True)
    joints = ((_normalise(name, several), crop, bad) for name, crop, bad in joints)
    joints = (joint for joint in joints if joint[0] not in split_out)
    spacing = {_normalise(name, several): mm for name, mm in spacing.items()}
    names = row_names(table)
    row_of = {name: row for row, name in enumerate(names)}
    pixels: dict[str, bytes] = {}
    scratch = dst / f"{TEMPORARY}{os.getpid()}.npy"
    shape = (len(table), settings.size, settings.size)
    try:
        crops = np.lib.format.open_memmap(scratch, "w+", np.uint8, shape)
        packed, rejected = _fill_crops(crops, joints, row_of, settings.size, spacing, pixels, several=several)
        if from_scans:
            _reject_equal_crops(pixels, packed, rejected)
        else:
            digests = [pixels.get(name) for name in row_names(unsorted)]
            refuse_equal_pictures(unsorted, digests, "the cohort table")
        for name in sorted(row_of.keys() - packed.keys() - rejected.keys()):
            rejected[name] = BadScan("no_image", "no joint crop belongs to this row of the table")
        for name in split_out:
            rejected[name] = BadScan(
                "left_out", f"split {settings.split} neither tests on it nor learns from it"
            )
        keep = np.array([name in packed for name in names])
        if not keep.any():
            raise BadTable("no knee of the table has a joint crop; compare the table's IDs with the scans")
        with replace_atomically(dst / "images.npy") as temporary:
            images = np.lib.format.open_memmap(temporary, "w+", np.uint8, (int(keep.sum()), *shape[1:]))
            for row, source in enumerate(np.flatnonzero(keep)):
                images[row] = crops[source]
            images.flush()
    finally:
        scratch.unlink(missing_ok=True)
    given_splits = set(table.loc[keep, "split"]) | (set() if settings.split == "drawn" else {"test"})
    table = assign_splits(table[keep].reset_index(drop=True), settings)
    table["mm_per_pixel"] = pd.Series([packed[name] for name in row_names(table)]).round(6)
    check_table(table, "the cohort table")
    text = format_csv(table)
    _write(dst / "table.csv", text)
    reasons = [(*_parts(name, several), bad.code, str(bad)) for name, bad in sorted(rejected.items())]
    rejected_table = pd.DataFrame(reasons, columns=["ID", VISIT, "reason", "sentence"])
    if not several:
        del rejected_table[VISIT]
    _write(dst / "rejected.csv", format_csv(rejected_table))
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
    _write(dst / "dataset.json", json.dumps(with_proof(record), indent=1) + "\n")


def _fill_crops(
    crops: np.ndarray,
    joints: Iterator[tuple[str, np.ndarray | None, BadScan | None]],
    row_of: Mapping[str, int],
    size: int,
    spacing: Mapping[str, float],
    pixels: dict[str, bytes],
    *,
    several: bool,
) -> tuple[dict[str, float], dict[str, BadScan]]:
    """Fill `crops`, and `pixels` with the digest of each crop as it came.

    Returns:
        Mm per pixel of the packed knees and the reasons of the rejected ones, by ID.
    """
    packed: dict[str, float] = {}
    rejected: dict[str, BadScan] = {}
    alike = {_doubtful_key(row, several): row for row in row_of}
    for name, crop, bad in joints:
        if name not in row_of:
            other = alike.get(_doubtful_key(name, several))
            hint = f", but one for {other}; if they are one person, write them alike" if other else ""
            rejected[name] = BadScan("no_row", f"the cohort table has no row for this knee{hint}")
        elif name in packed:
            rejected[name] = BadScan("duplicate", f"another crop of knee {name} came first, which is used")
        elif crop is None:
            rejected[name] = bad or BadScan("no_image", "no joint crop for this knee")
        else:
            crops[row_of[name]] = fit_crop(crop, size)
            packed[name] = spacing.get(name, math.nan) * crop.shape[1] / size
            pixels[name] = hashlib.sha256(repr(crop.shape).encode() + crop.tobytes()).digest()
    return packed, rejected


def _normalise(name: str, several: bool) -> str:
    """A row's name with its knee as tables write it."""
    knee, visit = _parts(name, several)
    return f"{normalise_knee(knee)}@{visit}" if several else normalise_knee(knee)


def _parts(name: str, several: bool) -> tuple[str, str]:
    """The knee and the visit of a row's name; of a table without visits that is the knee alone."""
    knee, at, visit = name.rpartition("@") if several else ("", "", name)
    return (knee, visit) if at else (visit, "")


def _doubtful_key(name: str, several: bool) -> tuple[str, int, str]:
    """What rows have in common whose knees may be one, as `person_key` does for participants."""
    knee, visit = _parts(name, several)
    participant, side = parse_knee(knee) or (knee, 0)
    return person_key(participant), side, visit


def _reject_equal_crops(
    pixels: Mapping[str, bytes], packed: dict[str, float], rejected: dict[str, BadScan]
) -> None:
    """Move knees whose crops have the same pixels from `packed` to `rejected`."""
    knees_of: dict[bytes, list[str]] = {}
    for knee, digest in pixels.items():
        knees_of.setdefault(digest, []).append(knee)
    for knees in knees_of.values():
        for knee in knees if len(knees) > 1 else ():
            other = next(name for name in knees if name != knee)
            sentence = f"its joint has the same pixels as that of {other}; whose it is is not known"
            rejected[knee] = BadScan("duplicate", sentence)
            del packed[knee]


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
