"""The packed dataset: every joint at training resolution in one array, beside one table."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, UnidentifiedImageError

from jsl_core.cohort.columns import GRADE, PROGRESSION, SPLITS
from jsl_core.cohort.splits import assign_splits
from jsl_core.config import PackSettings
from jsl_core.errors import BadScan, BadTable

__all__ = ["PackedDataset", "pack", "pack_from_paths"]

_FORMAT = 1


@dataclass(frozen=True)
class PackedDataset:
    """`images` uint8 N×S×S as on the film (left knees not mirrored); row i belongs to row i of `table`.

    The table has the columns of `read_cohort`, sorted by ID, and a split for every row.
    """

    images: np.ndarray
    table: pd.DataFrame
    digest: str

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
        """Open a packed dataset; the images stay on disk until they are used. Raises `BadTable`."""
        try:
            record = json.loads((folder / "dataset.json").read_text())
            images = np.load(folder / "images.npy", mmap_mode="c")
            table = pd.read_csv(
                folder / "table.csv", dtype={"ID": str, "participant": str, "split": str, "Img_path": str}
            )
        except (OSError, ValueError) as error:
            raise BadTable(f"{folder}: not a packed dataset; make one with the pack stage") from error
        if record.get("format") != _FORMAT:
            raise BadTable(f"{folder}: packed by another version of the program; pack it again")
        if not len(images) == len(table) == record["knees"]:
            raise BadTable(f"{folder}: {len(images)} images but {len(table)} rows; pack it again")
        return cls(images, table.fillna({"Img_path": ""}), record["digest"])


def pack(
    joints: Mapping[str, np.ndarray] | Iterable[tuple[str, np.ndarray]],
    table: pd.DataFrame,
    settings: PackSettings,
    dst: Path,
) -> None:
    """Write `images.npy`, `table.csv`, `rejected.csv` and, last, `dataset.json` into the folder `dst`.

    `joints` are crops by knee ID, uint8 H×W of any size; `table` is what `read_cohort` returns. A row
    without a crop and a crop without a row become rows of `rejected.csv` (ID, reason, sentence). Raises
    `BadTable` where nothing is left.
    """
    pairs = joints.items() if isinstance(joints, Mapping) else iter(joints)
    _pack(((name, crop, None) for name, crop in pairs), table, settings, dst)


def pack_from_paths(table: pd.DataFrame, base: Path, settings: PackSettings, dst: Path) -> None:
    """Pack crops that lie on disk: `Img_path` of each row, relative to `base`; otherwise as `pack`."""
    _pack(_read_all(table, base), table, settings, dst)


def _read_all(table: pd.DataFrame, base: Path) -> Iterator[tuple[str, np.ndarray | None, BadScan | None]]:
    for name, path in zip(table["ID"], table["Img_path"], strict=True):
        try:
            yield name, _read(base, path), None
        except BadScan as bad:
            yield name, None, bad


def _read(base: Path, path: str) -> np.ndarray:
    if not path:
        raise BadScan("no_image", "the table gives no Img_path for this knee")
    try:
        with Image.open(base / path) as image:
            return np.asarray(image.convert("L"))
    except FileNotFoundError as error:
        raise BadScan("no_image", f"{path} does not exist") from error
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise BadScan("unreadable_image", f"{path} is not a readable image") from error


def _pack(
    joints: Iterator[tuple[str, np.ndarray | None, BadScan | None]],
    table: pd.DataFrame,
    settings: PackSettings,
    dst: Path,
) -> None:
    dst.mkdir(parents=True, exist_ok=True)
    table = table.sort_values("ID").reset_index(drop=True)
    row_of = {name: row for row, name in enumerate(table["ID"])}
    scratch, partial = dst / f".{os.getpid()}.all.npy", dst / f".{os.getpid()}.images.npy"
    shape = (len(table), settings.size, settings.size)
    try:
        crops = np.lib.format.open_memmap(scratch, "w+", np.uint8, shape)
        packed, rejected = _fill(crops, joints, row_of, settings.size)
        for name in sorted(row_of.keys() - packed - rejected.keys()):
            rejected[name] = BadScan("no_image", "no joint crop belongs to this row of the table")
        keep = table["ID"].isin(packed).to_numpy()
        if not keep.any():
            raise BadTable("no knee of the table has a joint crop; compare the table's IDs with the scans")
        images = np.lib.format.open_memmap(partial, "w+", np.uint8, (int(keep.sum()), *shape[1:]))
        for row, source in enumerate(np.flatnonzero(keep)):
            images[row] = crops[source]
        images.flush()
        os.replace(partial, dst / "images.npy")
    finally:
        scratch.unlink(missing_ok=True)
        partial.unlink(missing_ok=True)
    table = assign_splits(table[keep].reset_index(drop=True), settings)
    text = table.to_csv(index=False)
    _write(dst / "table.csv", text)
    reasons = [(name, bad.code, str(bad)) for name, bad in sorted(rejected.items())]
    told = pd.DataFrame(reasons, columns=["ID", "reason", "sentence"])
    _write(dst / "rejected.csv", told.to_csv(index=False))
    digest = hashlib.sha256(images.tobytes() + text.encode()).hexdigest()
    record = {
        "format": _FORMAT,
        "size": settings.size,
        "knees": len(table),
        "participants": int(table["participant"].nunique()),
        "splits": {split: _counts(table[table["split"] == split]) for split in SPLITS},
        "rejected": len(rejected),
        "digest": digest,
    }
    _write(dst / "dataset.json", json.dumps(record, indent=1) + "\n")


def _fill(
    crops: np.ndarray,
    joints: Iterator[tuple[str, np.ndarray | None, BadScan | None]],
    row_of: Mapping[str, int],
    size: int,
) -> tuple[set[str], dict[str, BadScan]]:
    packed: set[str] = set()
    rejected: dict[str, BadScan] = {}
    for name, crop, bad in joints:
        if name not in row_of:
            rejected[name] = BadScan("no_row", "the cohort table has no row for this knee")
        elif crop is None:
            rejected[name] = bad or BadScan("no_image", "no joint crop for this knee")
        else:
            # Pillow's bilinear filter widens with the reduction: no aliasing of trabeculae.
            resized = Image.fromarray(crop).resize((size, size), Image.Resampling.BILINEAR)
            crops[row_of[name]] = np.asarray(resized)
            packed.add(name)
    return packed, rejected


def _counts(rows: pd.DataFrame) -> dict[str, object]:
    grades = rows[GRADE].dropna().astype(int).value_counts()
    progressed = rows[PROGRESSION].dropna()
    return {
        "knees": len(rows),
        "grades": [int(grades.get(grade, 0)) for grade in range(5)],
        "stable": int((progressed == 0).sum()),
        "progressed": int((progressed == 1).sum()),
    }


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{os.getpid()}.{path.name}")
    partial.write_text(text)
    os.replace(partial, path)
