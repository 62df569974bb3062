"""Excel workbooks and Parquet files as rows of text cells, as a CSV export would have them."""

import io
import re
import zipfile
from collections.abc import Mapping
from datetime import datetime, time
from typing import Any

import pandas as pd

from jsl_core.errors import BadTable

__all__ = ["read_parquet_rows", "read_workbook_rows"]

_SHEET_FILE = re.compile(r"xl/worksheets/[^/]+\.xml")
_WHOLE_UP_TO = 1e15  # floats count by ones up to here


def read_workbook_rows(data: bytes, name: str) -> dict[str, list[list[str]]]:
    """Read the sheets of an .xlsx workbook that have any cell.

    Args:
        data: The file's content.
        name: What messages call the file.

    Returns:
        Rows of text cells by sheet, from the sheet's row 1 on.

    Raises:
        BadTable: If it is no workbook, cells are merged, or a formula has no value.
    """
    import openpyxl  # here, as it is slow to import and few tables need it

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            sheets = [archive.read(file) for file in archive.namelist() if _SHEET_FILE.fullmatch(file)]
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        tables = {}
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # some programs write wrong ones
            tables[sheet.title] = _trim(
                [[_text(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
            )
        formulas = None
        if any(b"<mergeCell " in sheet or b"<f>" in sheet or b"<f " in sheet for sheet in sheets):
            formulas = openpyxl.load_workbook(io.BytesIO(data))
    except Exception as error:  # openpyxl raises anything at all on damaged files
        raise BadTable(f"{name}: not an Excel workbook that can be read; save it again, or as CSV") from error
    tables = {title: rows for title, rows in tables.items() if rows}
    if formulas is not None:
        _refuse_cells_without_value(formulas, tables, name)
    return tables


def _refuse_cells_without_value(formulas: Any, tables: Mapping[str, list[list[str]]], name: str) -> None:
    """Refuse cells that look filled in the spreadsheet, and are blank to all who read the file."""
    for title, rows in tables.items():
        sheet = formulas[title]
        for area in sheet.merged_cells.ranges:
            if area.min_row <= len(rows):
                raise BadTable(
                    f"{name}, sheet {title}, row {area.min_row}: the cells {area.coord} are merged; "
                    "give each row its own cell"
                )
        for row, cells in zip(sheet.iter_rows(max_row=len(rows)), rows, strict=True):
            for cell in row[: len(cells)]:
                if cell.data_type == "f" and not cells[cell.column - 1]:
                    raise BadTable(
                        f"{name}, sheet {title}, row {cell.row}: {cell.coordinate} is a formula without its "
                        "value; open and save the file in a spreadsheet, or save it as CSV"
                    )


def read_parquet_rows(data: bytes, name: str) -> list[list[str]]:
    """Read a Parquet file: its column names, and rows of text cells.

    Args:
        data: The file's content.
        name: What messages call the file.

    Raises:
        BadTable: If it cannot be read.
    """
    try:
        table = pd.read_parquet(io.BytesIO(data), engine="pyarrow")
    except Exception as error:  # pyarrow raises anything at all on damaged files
        reason = " ".join(str(error).split())[:120]
        raise BadTable(
            f"{name}: not a Parquet file that can be read ({reason}); write it again, or as CSV"
        ) from error
    if any(table.index.names):
        table = table.reset_index()
    columns = [
        [_text(cell) for cell in table.iloc[:, place].astype(object)] for place in range(table.shape[1])
    ]
    return [[str(column) for column in table.columns], *map(list, zip(*columns, strict=True))]


def _trim(rows: list[list[str]]) -> list[list[str]]:
    """Rows of one length, without the blank ones below and blank columns to the right of the table."""
    while rows and not any(rows[-1]):
        rows.pop()
    width = max((place + 1 for row in rows for place, cell in enumerate(row) if cell), default=0)
    return [(row + [""] * width)[:width] for row in rows]


def _text(cell: Any) -> str:
    """A cell as text; 2.0 is `2`, as spreadsheets show it."""
    if cell is None or cell is pd.NaT or cell is pd.NA:
        return ""
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "replace")
    if isinstance(cell, float):
        if cell != cell:
            return ""
        return str(int(cell)) if cell.is_integer() and abs(cell) < _WHOLE_UP_TO else repr(float(cell))
    return cell.isoformat() if isinstance(cell, datetime | time) else str(cell)
