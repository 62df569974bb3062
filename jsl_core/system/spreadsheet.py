"""Text in CSV tables that a spreadsheet would run as a formula, made harmless and brought back.

A cell that begins with one of = + - @ or a control character is a formula to spreadsheets (OWASP, CSV injection).
An apostrophe before it makes it text; our own readers take it off again.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

__all__ = ["escape_cell", "escape_row", "escape_table", "unescape_cell", "unescape_table"]

_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")


def escape_cell(text: str) -> str:
    """Put an apostrophe before what would be a formula, or would look as if one had been put there."""
    return f"'{text}" if _FORMULA.match(text) else text


def unescape_cell(text: str) -> str:
    """Take off the apostrophe that `escape_cell` put there."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def escape_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row whose texts are escaped, and whose numbers are as they were."""
    return {key: escape_cell(cell) if isinstance(cell, str) else cell for key, cell in row.items()}


def escape_table(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose texts are escaped, for writing it as CSV."""
    return table.map(lambda cell: escape_cell(cell) if isinstance(cell, str) else cell)


def unescape_table(table: pd.DataFrame, columns: Iterable[str] | None = None) -> pd.DataFrame:
    """A table as it was read from CSV, with the texts of these or all columns as they were before."""
    names = [name for name in (table.columns if columns is None else columns) if name in table.columns]
    own = {
        name: table[name].map(lambda cell: unescape_cell(cell) if isinstance(cell, str) else cell)
        for name in names
    }
    return table.assign(**own)
