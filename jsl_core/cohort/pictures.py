"""The pictures that a cohort table names: those that are not there, and one that stands for several knees."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Hashable, Iterable
from pathlib import Path

import pandas as pd

from jsl_core.errors import BadTable

__all__ = [
    "describe_missing_pictures",
    "missing_pictures",
    "refuse_equal_files",
    "refuse_equal_pictures",
    "refuse_missing_pictures",
    "refuse_shared_pictures",
]

_SHOWN = 4


def missing_pictures(table: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Find the knees whose picture is not there.

    Args:
        table: From `read_cohort`.
        folder: The folder that `Img_path` is relative to.

    Returns:
        The rows of the table whose `Img_path` is blank or names no file.
    """
    absent = [not path or not os.path.isfile(folder / path) for path in table["Img_path"]]
    return table[absent]


def describe_missing_pictures(table: pd.DataFrame, missing: pd.DataFrame) -> str:
    """Say in a line how many pictures are not there, and which is the first.

    Args:
        table: From `read_cohort`.
        missing: From `missing_pictures`; it has a row at least.
    """
    first = ", ".join(
        filter(None, [_rows_in_words(missing.iloc[:1]), missing["Img_path"].iloc[0] or "blank"])
    )
    return f"{len(missing)} of {len(table)} Img_path are not there; the first is {first}"


def refuse_missing_pictures(table: pd.DataFrame, folder: Path, max_rejected: float) -> pd.DataFrame:
    """Refuse a table of which too many pictures are not there.

    Args:
        table: From `read_cohort`.
        folder: The folder that `Img_path` is relative to.
        max_rejected: The share, 0 to 1, that may be missing.

    Returns:
        The rows whose picture is missing, as `missing_pictures`.

    Raises:
        BadTable: If more are missing.
    """
    missing = missing_pictures(table, folder)
    if len(missing) > max_rejected * len(table):
        raise BadTable(
            f"{describe_missing_pictures(table, missing)}; that is more than max_rejected "
            f"({max_rejected:.0%}): mend the paths, which are relative to {folder}, or raise it"
        )
    return missing


def refuse_shared_pictures(table: pd.DataFrame, name: str) -> None:
    """Refuse a path that stands for several knees.

    Args:
        table: With `ID` and `Img_path`, by row.
        name: What messages call the table.

    Raises:
        BadTable: With the rows, the path and the knees.
    """
    keys = (os.path.normpath(path) if path else None for path in table["Img_path"])
    refuse_equal_pictures(table, keys, name)


def refuse_equal_files(table: pd.DataFrame, folder: Path, name: str) -> None:
    """Refuse files of the same content that stand for several knees; only files of one size are read.

    Args:
        table: With `ID` and `Img_path`, by row.
        folder: The folder that `Img_path` is relative to.
        name: What messages call the table.

    Raises:
        BadTable: With the rows, a path and the knees.
    """
    paths = [folder / path if path else None for path in table["Img_path"]]
    sizes = [path.stat().st_size if path and path.is_file() else None for path in paths]
    repeated = pd.Series(sizes, dtype="Int64")
    repeated = repeated.notna() & repeated.duplicated(keep=False)
    keys = (
        hashlib.sha256(path.read_bytes()).digest() if path and again else None
        for path, again in zip(paths, repeated, strict=True)
    )
    refuse_equal_pictures(table, keys, name)


def refuse_equal_pictures(table: pd.DataFrame, keys: Iterable[Hashable | None], name: str) -> None:
    """Refuse one picture that stands for several knees: which of them it shows is not known.

    Args:
        table: With `ID` and `Img_path`, by row.
        keys: What tells each row's picture from others; None for a row without one.
        name: What messages call the table.

    Raises:
        BadTable: With the rows, a path and the knees.
    """
    rows_of: dict[Hashable, list[int]] = defaultdict(list)
    for place, key in enumerate(keys):
        if key is not None:
            rows_of[key].append(place)
    shared = [places for places in rows_of.values() if len(places) > 1]
    if shared:
        rows = table.iloc[shared[0]]
        knees = ", ".join(rows["ID"].iloc[:_SHOWN]) + (" …" if len(rows) > _SHOWN else "")
        where = ", ".join(filter(None, [name, _rows_in_words(rows)]))
        more = f", and {len(shared) - 1} more pictures are shared" if len(shared) > 1 else ""
        raise BadTable(
            f"{where}: knees {knees} share {_paths_in_words(rows)}{more}; give each knee its own picture"
        )


def _paths_in_words(rows: pd.DataFrame) -> str:
    paths = [path for path in dict.fromkeys(rows["Img_path"]) if path]
    return paths[0] if len(paths) == 1 else f"one picture ({', '.join(paths[:_SHOWN])})"


def _rows_in_words(rows: pd.DataFrame) -> str:
    """Rows by their number in the spreadsheet; "" for a table that was not read from one."""
    numbers = [str(number) for number in rows.index]
    if rows.index.name != "row":
        return ""
    if len(numbers) == 1:
        return f"row {numbers[0]}"
    if len(numbers) > _SHOWN:
        return f"rows {', '.join(numbers[:_SHOWN])} …"
    return f"rows {', '.join(numbers[:-1])} and {numbers[-1]}"
