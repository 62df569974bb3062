"""The table of widths, `widths.csv`: its columns, and its rows as text."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from jsl_core.system.spreadsheet import format_csv
from jsl_core.width.measurement import NUMBERS

__all__ = ["COLUMNS", "format_widths", "width_cells"]

COLUMNS = [
    *("file", "ID", "side", "side_from", "spacing_mm", "spacing_from"),
    *NUMBERS,
    *("quality", "doubt", "mask", "reason", "sentence", "note"),
]


def width_cells(table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """The cells of each row of widths, those in mm and pixels to three places, blank where missing."""
    for row in table.to_dict("records"):
        cells = {str(name): "" if pd.isna(cell) else cell for name, cell in row.items()}
        numbers = {name: f"{cells[name]:.3f}" for name in (*NUMBERS, "quality") if cells[name] != ""}
        yield cells | numbers


def format_widths(table: pd.DataFrame) -> bytes:
    """Write `widths.csv` of rows of the measure stage."""
    return format_csv(
        pd.DataFrame(list(width_cells(table.reindex(columns=COLUMNS))), columns=COLUMNS)
    ).encode()
