"""Joint space widths joined to a cohort's table, so that models of progression take them as risk factors."""

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from jsl_core.cohort import read_cohort
from jsl_core.cohort.columns import WIDTHS, row_names
from jsl_core.cohort.persons import normalise_knee
from jsl_core.errors import BadTable
from jsl_core.scans.rows import Row, name_of_joint
from jsl_core.system.files import write_atomically
from jsl_core.system.spreadsheet import format_csv

__all__ = ["add_measured", "join_widths", "write_joined"]


def join_widths(cohort: pd.DataFrame, widths: pd.DataFrame) -> pd.DataFrame:
    """Add the least widths in mm to the rows of a cohort's table; blank where a knee has none.

    Args:
        cohort: From `read_cohort`.
        widths: As `jsl measure` writes them.

    Raises:
        BadTable: Where no knee of the table has a width in mm, or one has several visits.
    """
    if cohort["ID"].duplicated().any():
        raise BadTable(
            "the cohort's table has several visits of a knee; join their widths by a run with measure.widths"
        )
    knees = widths[widths["ID"].notna()]
    knees = knees.assign(ID=knees["ID"].map(normalise_knee)).drop_duplicates("ID").set_index("ID")
    found = {name: cohort["ID"].map(knees[name.lower()].astype(float)).round(3) for name in WIDTHS}
    joined = cohort.assign(**found)
    if joined[list(WIDTHS)].isna().all(axis=None):
        raise BadTable(
            "no knee of the cohort's table has a width in mm; compare the IDs of both, and whether the films "
            "tell their spacing"
        )
    return joined


def add_measured(cohort: pd.DataFrame, measured: Sequence[Row], joints: Sequence[Row]) -> pd.DataFrame:
    """Add least widths in mm as a run measured them; those that the table itself gives stay.

    Args:
        cohort: From `read_cohort`.
        measured: Rows of the measure stage, of which a knee may have several, from several films.
        joints: Rows of the joints that are packed, one a knee: the film whose widths count.
    """
    names = {(row["file"], row["ID"]): name_of_joint(row) for row in joints}
    found = {
        names[row["file"], row["ID"]]: row
        for row in measured
        if not row.get("reason") and (row["file"], row["ID"]) in names
    }
    own = pd.Series(row_names(cohort), index=cohort.index)
    widths = {name: own.map({knee: row.get(name.lower()) for knee, row in found.items()}) for name in WIDTHS}
    columns = {
        name: (cohort[name].fillna(width) if name in cohort else width).astype(float).round(3)
        for name, width in widths.items()
    }
    return cohort.assign(**columns)


def write_joined(cohort: Path, widths: pd.DataFrame, file: Path) -> int:
    """Write the table of a cohort with widths; returns how many knees have one.

    Pictures that the table names relative to itself are named relative to the new file.

    Raises:
        BadTable: As `read_cohort` and `join_widths`.
    """
    table = join_widths(read_cohort(cohort, any_split=True), widths)
    base = os.path.relpath(cohort.absolute().parent, file.absolute().parent)
    table["Img_path"] = [
        os.path.normpath(os.path.join(base, path)) if path else "" for path in table["Img_path"]
    ]
    with write_atomically(file) as stream:
        stream.write(format_csv(table.drop(columns=["participant", "side"])).encode())
    return int(table[WIDTHS[0]].notna().sum())
