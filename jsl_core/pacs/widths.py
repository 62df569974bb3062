"""Joint space widths that were measured before, for the reports: the table of `jsl measure`."""

from pathlib import Path

from jsl_core.errors import BadTable
from jsl_core.system.spreadsheet import read_csv

__all__ = ["read_widths"]

_MM = "_mm"


def read_widths(table: Path) -> dict[tuple[str, int], dict[str, float]]:
    """Read the widths in mm of each knee, by its film's name and its side.

    Raises:
        BadTable: It cannot be read, or is none of `jsl measure`.
    """
    try:
        cells = read_csv(table, file=str)
    except (OSError, ValueError):
        raise BadTable(f"{table}: cannot be read; give the widths.csv of jsl measure") from None
    columns = [str(name) for name in cells]
    names = [name for name in columns if name.startswith(("mjsw_", "jsw_")) and name.endswith(_MM)]
    if not names or not {"file", "side"} <= set(columns):
        raise BadTable(f"{table}: has no widths of knees; give the widths.csv of jsl measure")
    known = cells[cells["side"].notna() & cells[names].notna().any(axis=1)]
    return {
        (row["file"], int(row["side"])): {
            name.removesuffix(_MM): float(row[name]) for name in names if row[name] == row[name]
        }
        for row in known.to_dict("records")
    }
