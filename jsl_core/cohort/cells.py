"""Any table file to its header and rows of text cells: the one reader, which cuts and pads nothing."""

import io
import zipfile
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jsl_core.cohort.persons import clean_text
from jsl_core.cohort.text_table import decode_text, split_rows
from jsl_core.cohort.workbook import read_parquet_rows, read_workbook_rows
from jsl_core.errors import BadTable

__all__ = ["TABLE_SUFFIXES", "Cells", "fold_name", "read_cells"]

TABLE_SUFFIXES = (
    ".csv",
    ".tsv",
    ".txt",
    ".xlsx",
    ".xlsm",
    ".xls",
    ".ods",
    ".parquet",
)  # the reader refuses some

_FOREIGN = {  # by the bytes a file begins with
    b"\xd0\xcf\x11\xe0": "an old Excel workbook, or one with a password; save it as plain .xlsx, or as CSV",
    b"\x1f\x8b": "compressed; unpack it",
    b"BZh": "compressed; unpack it",
    b"\xfd7zXZ": "compressed; unpack it",
    b"%PDF": "a PDF; export the table as CSV",
}
_SHOWN_CELLS, _SHOWN_LETTERS = 8, 20


@dataclass(frozen=True)
class Cells:
    """A table as text, every row as long as the header.

    Attributes:
        name: The file's name, for messages.
        header: The names of the columns, without blanks around them; blank where the first has none.
        rows: The cells of each row that has any.
        numbers: The number of each row as a spreadsheet counts; the header is 1, blank rows count.
        separator: Between cells; a comma for what is no text.
    """

    name: str
    header: tuple[str, ...]
    rows: list[list[str]]
    numbers: list[int]
    separator: str = ","

    def places_of(self, *names: str) -> list[int]:
        """Where the columns of one of these names are, whatever their case, blanks and hyphens."""
        wanted = {fold_name(name) for name in names}
        return [place for place, name in enumerate(self.header) if fold_name(name) in wanted]

    def column(self, place: int) -> list[str]:
        """The cells of a column, as they stand in the file."""
        return [row[place] for row in self.rows]

    def describe(self, places: Sequence[int]) -> str:
        """Columns by number and name, such as `columns 2 (KL) and 4 (grade)`."""
        *first, last = (f"{place + 1} ({self.header[place]})" for place in places)
        return f"columns {', '.join(first)} and {last}" if first else f"column {last}"


def fold_name(name: str) -> str:
    """A column's name as it is compared: `KL grade`, `kl-grade` and `KL_Grade` are one."""
    return "_".join(clean_text(name).casefold().replace("-", " ").split())


def read_cells(path: Path, key_names: Collection[str] = (), measured: Sequence[str] = ()) -> Cells:
    """Read a table of any kind: CSV in all its dialects, .xlsx or .parquet, by its content.

    Args:
        path: The file.
        key_names: Names of which a header has at least one: they tell a workbook's table from other sheets.
        measured: Columns in which an unquoted decimal comma is the likeliest fault, the likeliest first.

    Raises:
        BadTable: If it is no table, is empty, or has a row of more or fewer cells than the header.
    """
    try:
        data = path.read_bytes()
    except IsADirectoryError as error:
        raise BadTable(
            f"{path}: cannot be read ({error.strerror}); give a table, which jsl cohort makes of a folder"
        ) from None
    except OSError as error:
        raise BadTable(f"{path}: cannot be read ({error.strerror}); give the path of a table") from error
    rows, separator = _read_rows(data, path.name, key_names)
    return _check_rows(path.name, rows, separator, measured)


def _read_rows(data: bytes, name: str, key_names: Collection[str]) -> tuple[list[list[str]], str]:
    """All rows of the file, blank ones too, and what separates cells."""
    for magic, what in _FOREIGN.items():
        if data.startswith(magic):
            raise BadTable(f"{name}: {what}")
    if data.startswith(b"PAR1"):
        return read_parquet_rows(data, name), ","
    if data.startswith(b"PK\x03\x04"):
        _refuse_other_archives(data, name)
        return _pick_sheet(read_workbook_rows(data, name), name, key_names), ","
    text = split_rows(decode_text(data, name), name)
    return text.rows, text.separator


def _refuse_other_archives(data: bytes, name: str) -> None:
    try:
        files = zipfile.ZipFile(io.BytesIO(data)).namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        raise BadTable(f"{name}: a damaged workbook or zip; copy it again") from None
    if "xl/workbook.xml" not in files:
        raise BadTable(f"{name}: not an Excel workbook; save the table as .xlsx or as CSV")


def _pick_sheet(sheets: dict[str, list[list[str]]], name: str, key_names: Collection[str]) -> list[list[str]]:
    """The rows of the only sheet, or of the only one whose header has a key name."""
    if len(sheets) > 1:
        keys = {fold_name(key) for key in key_names}
        tables = {
            title: rows
            for title, rows in sheets.items()
            if keys & {fold_name(cell) for cell in next(row for row in rows if any(row))}
        }
        if len(tables) != 1:
            raise BadTable(
                f"{name}: {len(tables) or len(sheets)} sheets ({', '.join(tables or sheets)}) could be the "
                "table; keep one, or save it as CSV"
            )
        sheets = tables
    return next(iter(sheets.values()), [])


def _check_rows(name: str, records: list[list[str]], separator: str, measured: Sequence[str]) -> Cells:
    numbered = [(number, row) for number, row in enumerate(records, 1) if any(map(str.strip, row))]
    if not numbered:
        raise BadTable(f"{name}: not a table (it is empty); give one row per knee below a header")
    header = [clean_text(cell) for cell in numbered[0][1]]
    uneven = [(number, row) for number, row in numbered[1:] if len(row) != len(header)]
    if uneven:
        _refuse_uneven(name, header, uneven, len(numbered) - 1, separator, measured)
    rows = [row for _, row in numbered[1:]]
    numbers = [number for number, _ in numbered[1:]]
    if not rows:
        raise BadTable(f"{name}: no rows; give one row per knee")
    used = [place for place, column in enumerate(header) if column or _has_cells(rows, place)]
    for place in used:
        if not header[place] and place:  # the first is the row's name, as pandas and R write it
            number, row = next(
                (number, row) for number, row in zip(numbers, rows, strict=True) if row[place].strip()
            )
            raise BadTable(
                f"{name}, row {number}: column {place + 1} has no name but holds {row[place]!r}; name or "
                "clear it"
            )
    if len(used) < len(header):
        rows = [[row[place] for place in used] for row in rows]
    return Cells(name, tuple(header[place] for place in used), rows, numbers, separator)


def _has_cells(rows: list[list[str]], place: int) -> bool:
    return any(row[place].strip() for row in rows)


def _refuse_uneven(
    name: str,
    header: list[str],
    uneven: list[tuple[int, list[str]]],
    total: int,
    separator: str,
    measured: Sequence[str],
) -> None:
    """Refuse rows that do not fit the header, showing the first."""
    number, row = uneven[0]
    same = Counter(len(cells) for _, cells in uneven)[len(row)]
    alike = ", as every row" if same == total > 1 else f", as {same - 1} more" if same > 1 else ""
    cells = " · ".join([*map(_shorten, row[:_SHOWN_CELLS]), *(["…"] if len(row) > _SHOWN_CELLS else [])])
    count = f"{len(row)} cell{_s(row)} under {len(header)} name{_s(header)}"
    problem = f"{name}, row {number}{alike}: {count}: {cells}"
    if len(row) < len(header):
        rest = header[len(row) :]
        left = f"{', '.join(rest)} {'has' if len(rest) == 1 else 'have'} none"
        raise BadTable(f"{problem}; {left}, so give each row all its separators")
    example = next(_decimal_commas(header, row, measured), "") if separator == "," else ""
    likely = f", such as {example}" if example else ""
    raise BadTable(f"{problem}; quote cells that hold a separator{likely}")


def _decimal_commas(header: list[str], row: list[str], measured: Sequence[str]) -> Iterator[str]:
    """Numbers with a decimal comma that the comma has cut in two, by the names of their columns."""
    names = [fold_name(column) for column in header]
    for column in measured:
        place = names.index(fold_name(column)) if fold_name(column) in names else len(row)
        halves = [cell.strip() for cell in row[place : place + 2]]
        if len(halves) == 2 and all(half.isdigit() for half in halves):
            yield f"the decimal comma of {header[place]} {','.join(halves)}"


def _s(items: Sequence[str]) -> str:
    return "" if len(items) == 1 else "s"


def _shorten(cell: str) -> str:
    cell = " ".join(cell.split())
    return cell if len(cell) <= _SHOWN_LETTERS else f"{cell[: _SHOWN_LETTERS - 1]}…"
