"""Agreement with readers: the readings of a table beside the widths that were measured, by KL grade."""

import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jsl_core.cohort.columns import GRADE, VISIT
from jsl_core.cohort.oai.files import Entry
from jsl_core.cohort.oai.readings import read_joint_spaces
from jsl_core.cohort.oai.specs import TableSpec
from jsl_core.cohort.oai.tables import read_table
from jsl_core.cohort.persons import normalise_knee
from jsl_core.errors import BadTable
from jsl_core.system.spreadsheet import read_csv
from jsl_core.width.agreement import agree, standardised_response_mean

__all__ = [
    "compare_changes",
    "compare_widths",
    "pair_with_readings",
    "read_readings",
    "readings_of_cohort",
]

Array = NDArray[np.float64]

_BASELINE, _FOLLOWUP = "BL_mJSW_mm", "FU_mJSW_mm"
_READING = re.compile(r"V(?P<visit>\d\d)MCMJSW", re.IGNORECASE)
_PROJECT = "15"  # of the release's reading projects, the one that read most knees
_FEWEST = 3  # knees of a grade that are compared


def read_readings(file: Path) -> pd.DataFrame:
    """Read what readers measured: the table of `jsl oai`, or a kxr_qjsw_duryea file of the release.

    Returns:
        By normalised knee: `baseline` and `followup`, least medial width in mm, and `grade`; NaN where
        missing.

    Raises:
        BadTable: Where the file cannot be read, or is neither.
    """
    try:
        with file.open("rb") as stream:
            head = stream.readline(10_000).decode("latin-1")
    except OSError as error:
        raise BadTable(f"{file}: cannot be read; give a table of readings") from error
    if reading := _READING.search(head):
        return _read_release_table(file, reading["visit"])
    try:
        table = read_csv(file)
    except (OSError, ValueError) as error:
        raise BadTable(f"{file}: cannot be read; give a table of readings") from error
    if not {"ID", _BASELINE} <= set(table.columns):
        raise BadTable(
            f"{file}: has no columns ID and {_BASELINE}; give the table of jsl oai, or kxr_qjsw_duryea00.txt"
        )
    return _readings_of(table, file)


def readings_of_cohort(file: Path) -> pd.DataFrame | None:
    """Read the readers' baseline widths of a cohort's table, where it has them as `jsl oai` writes it.

    None where it has not, or where it has rows of several visits, of which its column does not say which.

    Raises:
        BadTable: Where it has a knee twice.
    """
    try:
        table = read_csv(file)
    except (OSError, ValueError):  # a workbook, or in another dialect: not one that jsl oai wrote
        return None
    is_of_baseline = {"ID", _BASELINE} <= set(table.columns) and VISIT not in table
    return _readings_of(table, file) if is_of_baseline else None


def _readings_of(table: pd.DataFrame, file: Path) -> pd.DataFrame:
    table = table[table["ID"].notna()]
    names = {"baseline": _BASELINE, "followup": _FOLLOWUP, "grade": GRADE}
    columns = {
        name: pd.to_numeric(table[own], errors="coerce") for name, own in names.items() if own in table
    }
    readings = pd.DataFrame(columns, columns=list(names))
    readings.index = pd.Index(table["ID"].map(normalise_knee), name="ID")
    if readings.index.has_duplicates:
        raise BadTable(f"{file}: a knee is there twice; give one row a knee")
    return readings.astype(float)


def _read_release_table(file: Path, visit: str) -> pd.DataFrame:
    width, flags = f"V{visit}MCMJSW", (f"V{visit}NOMMJSW", f"V{visit}NOMJSWX")
    spec = TableSpec(file.stem.upper(), ("ID", "SIDE", width), "widths", ("READPRJ", *flags))
    table, findings = read_table(Entry(file.name, file), spec)
    if table is None:
        raise BadTable(f"{file}: {findings[0].sentence}; give the file as it was released")
    table = table.rename(columns={name: f"V00{name[3:]}" for name in (width, *flags)})
    readings, _ = read_joint_spaces(table, None, "06", _PROJECT)
    found = pd.DataFrame({"baseline": readings["value"], "followup": np.nan, "grade": np.nan})
    return found.rename_axis("ID").astype(float)


def compare_widths(widths: pd.DataFrame, readings: pd.DataFrame) -> pd.DataFrame:
    """Compare least medial widths with readings of the same visit.

    Args:
        widths: As `jsl measure` writes them, or as `label.read_widths` gives them.
        readings: From `read_readings`.

    Returns:
        A row for all knees and one a KL grade: `knees` (which), and the fields of `Agreement`, in mm.

    Raises:
        BadTable: Where fewer than three knees have both.
    """
    pairs = _pairs(_medial_by_knee(widths), readings["baseline"], readings["grade"])
    return pd.DataFrame([row for row, _, _ in pairs])


def pair_with_readings(widths: pd.DataFrame, readings: pd.DataFrame) -> tuple[Array, Array]:
    """The least medial widths in mm, measured and read, of the knees that have both; as `compare_widths`."""
    _, one, other = next(_pairs(_medial_by_knee(widths), readings["baseline"], readings["grade"]))
    return one, other


def _medial_by_knee(widths: pd.DataFrame) -> pd.Series:
    knees = widths[widths["ID"].notna()]
    measured = pd.Series(
        pd.to_numeric(knees["mjsw_medial_mm"], errors="coerce").to_numpy(float),
        index=knees["ID"].map(normalise_knee),
    )
    return measured[measured.notna() & ~measured.index.duplicated()]


def compare_changes(labels: pd.DataFrame, readings: pd.DataFrame) -> pd.DataFrame:
    """Compare losses of width with those of readers.

    Args:
        labels: From `label_progression`.
        readings: From `read_readings`, with both visits.

    Returns:
        As `compare_widths`, of the losses; and `srm` and `srm_readers`, the standardised response means.

    Raises:
        BadTable: Where fewer than three knees have both.
    """
    measured = labels.set_index("ID")["JSL_mm"].astype(float)
    losses = readings["baseline"] - readings["followup"]
    rows = []
    for row, one, other in _pairs(measured, losses, readings["grade"]):
        responses = standardised_response_mean(one), standardised_response_mean(other)
        rows.append(row | dict(zip(("srm", "srm_readers"), responses, strict=True)))
    return pd.DataFrame(rows)


def _pairs(
    measured: pd.Series, read: pd.Series, grades: pd.Series
) -> Iterator[tuple[dict[str, object], Array, Array]]:
    """Agreement of all knees and of each grade that has enough, with both values of each knee."""
    both = pd.DataFrame({"measured": measured, "read": read, "grade": grades}).dropna(
        subset=["measured", "read"]
    )
    if len(both) < _FEWEST:
        raise BadTable(f"{len(both)} knees have a width and a reading, in mm; {_FEWEST} are needed at least")
    groups = [("all", both), *((f"KL {grade:.0f}", rows) for grade, rows in both.groupby("grade"))]
    for name, rows in groups:
        if len(rows) >= _FEWEST:
            one, other = rows["measured"].to_numpy(float), rows["read"].to_numpy(float)
            yield {"knees": name} | asdict(agree(one, other)), one, other
