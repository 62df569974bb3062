"""The values of the release's cells, such as `1: Male`, `.: Missing Form`, `.T`, `0166...`, `07/08/2005`."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from jsl_core.cohort.persons import normalise_participant

__all__ = [
    "Values",
    "barcode_of",
    "barcodes",
    "codes_of",
    "date_of",
    "dates_of",
    "numbers_of",
    "participants_of",
    "sides_of",
]

_MISSING = re.compile(r"(\.[A-Z]?)\s*(?::.*)?")  # `.` or `.P`, with or without a label; `.5` is a number
_LABELLED = re.compile(r"'?\s*([^:']*?)\s*'?\s*:.*")
_PARTICIPANT = re.compile(r"\d{1,12}")
_BARCODE = re.compile(r"\d{4,12}")
_AMERICAN = re.compile(r"(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>(20)?\d{2})")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_SAS = re.compile(rf"(?P<day>\d{{1,2}})-?(?P<month>{'|'.join(_MONTHS)})-?(?P<year>(20)?\d{{2}})")
_TIME = re.compile(r"(?<=\d)[ T]\d.*")
_PLAIN = re.compile(r"(?:19|20)\d{6}")
_SIDES = {"R": "1", "RIGHT": "1", "L": "2", "LEFT": "2"}
_SERIES = 8  # digits of a series folder; a barcode is 0166 and these


@dataclass(frozen=True)
class Values:
    """A column as numbers, and why a number is missing: `.`, `.A`, ..., `blank` or `unreadable`, else ""."""

    numbers: pd.Series
    missing: pd.Series


def codes_of(cells: pd.Series) -> pd.Series:
    """The codes of `code: label` cells, in capitals; missing codes keep their dot, empty cells are ""."""
    return _map_distinct(_code_of, cells)


def numbers_of(
    cells: pd.Series, low: float = -np.inf, high: float = np.inf, *, whole: bool = False
) -> Values:
    """The numbers of a column.

    Args:
        cells: Text cells.
        low: The lowest number that is possible; one below is `unreadable`.
        high: The highest number that is possible.
        whole: Whether numbers with a fraction are `unreadable`.
    """
    codes = codes_of(cells)
    numbers = pd.to_numeric(codes, errors="coerce").astype(float)
    numbers = numbers.where(numbers.between(low, high) & ((numbers % 1 == 0) | (not whole)))
    return Values(numbers, _map_distinct(_reason_of, codes).where(numbers.isna(), ""))


def participants_of(cells: pd.Series) -> pd.Series:
    """Participant numbers as text, "" where a cell holds none."""
    return _map_distinct(_participant_of, cells)


def sides_of(cells: pd.Series) -> pd.Series:
    """The sides of cells such as `1: Right`, `2` or `L`: 1 right, 2 left, 0 for neither."""
    sides = pd.to_numeric(codes_of(cells).replace(_SIDES), errors="coerce")
    return sides.where(sides.isin((1, 2)), 0).astype(int)


def barcodes(cells: pd.Series) -> pd.Series:
    """The `barcode_of` each cell."""
    return _map_distinct(barcode_of, cells)


def dates_of(cells: pd.Series) -> pd.Series:
    """The `date_of` each cell."""
    return _map_distinct(date_of, cells)


def barcode_of(cell: str) -> str:
    """The eight digits that name the series' folder, "" where a cell holds no barcode.

    Barcodes come as 12 digits (`0166` and the series), and without the zeros that a spreadsheet took.
    """
    digits = cell.strip().removesuffix(".0")
    return digits[-_SERIES:].zfill(_SERIES) if _BARCODE.fullmatch(digits) else ""


def date_of(cell: str) -> str:
    """A date as YYYYMMDD, "" where a cell holds none.

    07/08/2005 (month first), 08JUL05 (as SAS writes it), 2005-07-08 or 20050708. The study began in 2004: a
    year of two digits is of this century.
    """
    text = _TIME.sub("", cell.strip().upper())
    if not (match := _AMERICAN.fullmatch(text) or _SAS.fullmatch(text)):
        plain = text.replace("-", "")
        return plain if _PLAIN.fullmatch(plain) else ""
    month = match["month"]
    number = _MONTHS.index(month) + 1 if month in _MONTHS else int(month)
    return f"20{match['year'][-2:]}{number:02d}{match['day']:0>2}"


def _map_distinct(function: Callable[[str], str], cells: pd.Series) -> pd.Series:
    """Apply a function once to each distinct cell; most columns have few."""
    return cells.map({cell: function(cell) for cell in cells.unique()}).astype(object)


def _code_of(cell: str) -> str:
    text = cell.strip().upper()
    match = _MISSING.fullmatch(text) or _LABELLED.fullmatch(text)
    return match[1] if match else text


def _reason_of(code: str) -> str:
    if not code:
        return "blank"
    return code if _MISSING.fullmatch(code) else "unreadable"


def _participant_of(cell: str) -> str:
    digits = normalise_participant(cell)
    return digits if _PARTICIPANT.fullmatch(digits) else ""
