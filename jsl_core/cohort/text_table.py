"""Text to rows of cells: any encoding, separator and line end that spreadsheets and databases write."""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from jsl_core.errors import BadTable

__all__ = ["TextRows", "decode_text", "split_rows"]

_SEPARATORS = ",;\t|"
_BOMS = (  # that of UTF-32 begins as one of UTF-16 does
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LATIN = ("cp1252", "latin-1")  # the first lacks five of the second's control characters
_DOS_END = "\x1a"  # ends a text file of DOS, and of SAS on it
# Spreadsheets take this line for a setting and show the header as row 1.
_SEPARATOR_LINE = re.compile(r'"?sep=(?P<separator>[^\r\n"])"?[,;\t| ]*(\r\n|\r|\n|$)', re.IGNORECASE)


@dataclass(frozen=True)
class TextRows:
    """The rows of a text table, blank ones too: row i is i + 1 in a spreadsheet."""

    rows: list[list[str]]
    separator: str


def decode_text(data: bytes, name: str) -> str:
    """Decode UTF-8, UTF-16 or UTF-32 with its BOM or (but for UTF-32) without, or else Windows-1252.

    Args:
        data: A file's content.
        name: What messages call the file.

    Raises:
        BadTable: If it is no text.
    """
    bom, encoding = next(((bom, code) for bom, code in _BOMS if data.startswith(bom)), (b"", ""))
    encoding = encoding or _utf_16_without_bom(data)
    encodings = [encoding] if encoding.startswith(("utf-16", "utf-32")) else [encoding or "utf-8", *_LATIN]
    text = None
    for candidate in encodings:
        with suppress(UnicodeDecodeError):
            text = data[len(bom) :].decode(candidate)
            break
    if text is None or "\0" in text:
        raise BadTable(f"{name}: not a text table; save it as CSV in UTF-8")
    return text.rstrip(_DOS_END)


def _utf_16_without_bom(data: bytes) -> str:
    """UTF-16 by its zeros: in a table most characters are ASCII, whose upper byte is zero."""
    even, odd = (data[start : 1 << 16 : 2] for start in (0, 1))
    shares = [part.count(0) / max(len(part), 1) for part in (even, odd)]
    if shares[1] > 0.5 and shares[0] < 0.05:
        return "utf-16-le"
    return "utf-16-be" if shares[0] > 0.5 and shares[1] < 0.05 else ""


def split_rows(text: str, name: str) -> TextRows:
    """Split text into rows of cells; a line `sep=;` at its beginning is obeyed and is no row.

    Args:
        text: A whole file.
        name: What messages call the file.

    Raises:
        BadTable: If the columns could be separated in two ways, or quotation marks do not match.
    """
    line = _SEPARATOR_LINE.match(text)
    if line:
        text, separator = text[line.end() :], line["separator"]
    else:
        separator = _find_separator(text, name)
    rows: list[list[str]] = []
    try:
        rows.extend(_parse(text, separator))
    except csv.Error as error:  # what came before it is in `rows`
        raise BadTable(
            f"{name}, row {len(rows) + 1}: not a row of a CSV table ({error}); check its quotation marks"
        ) from None
    return TextRows(rows, separator)


def _parse(text: str, separator: str) -> Iterator[list[str]]:
    blank_before_quotation = f'{separator} "' in text  # which by RFC 4180 would be part of the cell
    return csv.reader(
        io.StringIO(text, newline=""),
        delimiter=separator,
        skipinitialspace=blank_before_quotation,
        strict=True,
    )


def _find_separator(text: str, name: str) -> str:
    """The sign that cuts the header into most names; of equals, the one that cuts every row into as many."""
    widths = {sign: _header_width(text, sign) for sign in _SEPARATORS}
    widest = max(widths.values())
    if widest < 2:
        return ","
    candidates = [sign for sign in _SEPARATORS if widths[sign] == widest]
    if len(candidates) > 1:
        candidates = [sign for sign in candidates if _is_even(text, sign, widest)] or candidates
    if len(candidates) > 1:
        signs = " or ".join("tab" if sign == "\t" else sign for sign in candidates)
        raise BadTable(f"{name}, row 1: the columns could be separated by {signs}; quote the names")
    return candidates[0]


def _header_width(text: str, separator: str) -> int:
    try:
        return len(next((row for row in _parse(text, separator) if any(map(str.strip, row))), []))
    except csv.Error:
        return 0


def _is_even(text: str, separator: str, width: int) -> bool:
    try:
        return all(len(row) == width for row in _parse(text, separator) if any(map(str.strip, row)))
    except csv.Error:
        return False
