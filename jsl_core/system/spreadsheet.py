"""Text in CSV tables that a spreadsheet would run as a formula, made harmless and brought back.

A cell that begins with = + - @ or a control character is a formula to spreadsheets (OWASP, CSV injection).
An apostrophe before it makes it text; our own readers take it off again.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:  # who writes rows need not wait for it
    import pandas as pd

__all__ = [
    "escape_cell",
    "escape_row",
    "escape_table",
    "format_csv",
    "read_csv",
    "unescape_cell",
    "unescape_table",
]

_TEXTS = ("ID", "participant", "visit", "split", "Img_path", "file", "reason", "sentence")  # of our tables

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


def escape_table(table: "pd.DataFrame") -> "pd.DataFrame":
    """A table whose texts are escaped, for writing it as CSV."""
    return _map_texts(table, escape_cell)


def unescape_table(table: "pd.DataFrame") -> "pd.DataFrame":
    """A table as it was read from CSV, with its texts as they were before they were escaped."""
    return _map_texts(table, unescape_cell)


def format_csv(table: "pd.DataFrame", **options: Any) -> str:
    """A table as CSV without its index, in which no cell is a formula; `options` are those of `to_csv`."""
    return escape_table(table).to_csv(index=False, lineterminator="\n", **options)


def read_csv(source: Path | IO[bytes], **types: Any) -> "pd.DataFrame":
    """Read a table that `format_csv` wrote: IDs and names are text, and only blanks are missing.

    Args:
        source: The file.
        types: Types of further columns by name.
    """
    import pandas as pd

    dtype = dict.fromkeys(_TEXTS, str) | types
    return unescape_table(pd.read_csv(source, dtype=dtype, keep_default_na=False, na_values=[""]))


def _map_texts(table: "pd.DataFrame", change: Callable[[str], str]) -> "pd.DataFrame":
    import pandas as pd

    texts = [name for name in table.columns if not pd.api.types.is_numeric_dtype(table[name])]
    return table.assign(
        **{
            str(name): pd.Series(
                [change(cell) if isinstance(cell, str) else cell for cell in table[name]],
                index=table.index,
                dtype=table[name].dtype,
            )
            for name in texts
        }
    )
