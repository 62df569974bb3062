"""The cells of a table as numbers, judged before they are converted: nothing is rounded."""

import re

from jsl_core.cohort.columns import (
    EVENT,
    EVENT_MONTHS,
    GRADE,
    MONTHS,
    OARSI,
    OUTCOME_AMOUNT,
    OUTCOME_MONTHS,
    PROGRESSION,
    WIDTHS,
)
from jsl_core.cohort.persons import clean_text

__all__ = ["describe_bad_value", "is_missing", "is_missing_word", "parse_number"]

_CODES: dict[str, tuple[int, ...]] = {
    "Sex": (1, 2),
    "Race": (0, 1, 2, 3),
    "Knee_Injury": (0, 1),
    GRADE: (0, 1, 2, 3, 4),
    PROGRESSION: (0, 1),
    EVENT: (0, 1, 2),
}
_RANGES: dict[str, tuple[float, float]] = {
    "Age": (0, 120),
    "BMI": (5, 120),
    "Alignment_degree": (-60, 60),
    **dict.fromkeys(WIDTHS, (0, 20)),
    OUTCOME_AMOUNT: (0, 20),
    OUTCOME_MONTHS: (1, 1200),
    EVENT_MONTHS: (0, 1200),
    MONTHS: (0, 1200),
    **dict.fromkeys(OARSI, (0, 3)),
}

# What pandas, R, SPSS, SQL and spreadsheets write for no value, in any case.
_MISSING = {
    *("", ".", "na", "n/a", "<na>", "#n/a", "#na", "#n/a n/a", "null", "none"),
    *("nan", "-nan", "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan"),
}
# `.`, `.P` or `.: Missing Form`, as SAS and the OAI write
_MISSING_CODE = re.compile(r"\.[a-z_]?\s*(:.*)?", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)


def is_missing(cell: str) -> bool:
    """Whether a cell stands for no value: blank, NA, NaN, NULL, None, #N/A, or a dot and a letter's code."""
    text = clean_text(cell)
    return is_missing_word(text) or bool(_MISSING_CODE.fullmatch(text))


def is_missing_word(cell: str) -> bool:
    """As `is_missing`, without codes behind a dot: `../knee.png` is a path."""
    return cell.strip().casefold() in _MISSING


def parse_number(cell: str) -> float | None:
    """The number of a cell, with a decimal point or comma.

    Returns:
        None where the cell is not a plain number: `inf`, `1.234,5` and `2 mm` are none.
    """
    text = clean_text(cell)
    if _DECIMAL_COMMA.fullmatch(text):
        text = text.replace(",", ".")
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    return number if abs(number) < float("inf") else None


def describe_bad_value(column: str, value: float | None) -> str:
    """Say what is wrong with a value of a cohort table's column.

    Args:
        column: By this project's name.
        value: From `parse_number`.

    Returns:
        The end of a message; "" where the value is possible.
    """
    codes = ", ".join(map(str, _CODES.get(column, ())))
    if value is None:
        return f"give a number{f', one of {codes},' if codes else ''} or a blank"
    if codes and value not in _CODES[column]:
        return f"it must be {codes} or blank"
    low, high = _RANGES.get(column, (value, value))
    return "" if low <= value <= high else f"it must lie between {low} and {high}"
