"""The columns of a cohort table that say what its label is, and the times of an outcome that has some."""

import math
from typing import get_args

from jsl_core.cohort.cell_values import is_missing
from jsl_core.cohort.cells import Cells
from jsl_core.cohort.columns import EVENT, EVENT_MONTHS, OUTCOME, OUTCOME_AMOUNT, OUTCOME_MONTHS, PROGRESSION
from jsl_core.cohort.persons import clean_text
from jsl_core.config.outcome import OutcomeName
from jsl_core.errors import BadTable

__all__ = ["OUTCOME_NUMBERS", "check_outcomes", "read_outcomes"]

OUTCOME_NUMBERS = (OUTCOME_AMOUNT, OUTCOME_MONTHS, EVENT_MONTHS, EVENT)
_NO_AMOUNT = ("incident", "replacement")  # outcomes that their name and months tell whole
_LONGEST = 60  # characters of a name


def read_outcomes(cells: Cells, place: int) -> list[str]:
    """The outcome's name in every row, which must be the same.

    Raises:
        BadTable: It is not, or is too long for a name.
    """
    names = ["" if is_missing(cell) else clean_text(cell) for cell in cells.column(place)]
    for number, name in zip(cells.numbers, names, strict=True):
        if name != names[0]:
            raise BadTable(
                f"{cells.name}, row {number}: {OUTCOME} is {name!r}, and {names[0]!r} in the first row; keep "
                "rows of one outcome"
            )
        if len(name) > _LONGEST:
            raise BadTable(f"{cells.name}, row {number}: {OUTCOME} is longer than a name; shorten it")
    return names


def check_outcomes(cells: Cells, columns: dict[str, list[float]], outcome: str = "") -> None:
    """Check that amount and months are told once, that events have times, and that labels say what times say.

    Args:
        cells: The table, for its name and its rows' numbers.
        columns: Those of `OUTCOME_NUMBERS` that it has, and the label.
        outcome: Its name; "" where the table names none.

    Raises:
        BadTable: Where one does not hold.
    """
    for name in (OUTCOME_MONTHS, OUTCOME_AMOUNT):
        values = columns.get(name, [])
        for number, value in zip(cells.numbers, values, strict=False):
            if not _same(value, values[0]):
                raise BadTable(
                    f"{cells.name}, row {number}: {name} is {value:g}, and {values[0]:g} in the first row; "
                    "keep rows of one outcome"
                )
        needed = outcome in get_args(OutcomeName) and not (name == OUTCOME_AMOUNT and outcome in _NO_AMOUNT)
        if needed and (not values or math.isnan(values[0])):
            raise BadTable(f"{cells.name}: {OUTCOME} is {outcome}, which has {name}; fill that column")
    horizons = columns.get(OUTCOME_MONTHS, [])
    if all(math.isnan(value) for name in (EVENT, EVENT_MONTHS) for value in columns.get(name, ())):
        return
    if not {EVENT, EVENT_MONTHS, OUTCOME_MONTHS} <= set(columns) or math.isnan(horizons[0]):
        raise BadTable(
            f"{cells.name}: times need {EVENT}, {EVENT_MONTHS} and {OUTCOME_MONTHS}; add the column that is "
            "missing, or take the others out"
        )
    rows = zip(cells.numbers, columns[EVENT], columns[EVENT_MONTHS], columns[PROGRESSION], strict=True)
    for number, event, months, label in rows:
        where = f"{cells.name}, row {number}"
        if math.isnan(event) != math.isnan(months):
            raise BadTable(f"{where}: {EVENT} and {EVENT_MONTHS} go together; fill both, or empty both")
        replaced = event == 1 and months <= horizons[0]
        if not math.isnan(event) and not math.isnan(label) and bool(label) != replaced:
            raise BadTable(
                f"{where}: {PROGRESSION} is {label:g}, but {EVENT} {event:g} after {months:g} months says "
                f"{int(replaced)} at {horizons[0]:g}; correct one"
            )
        if event == 0 and months < horizons[0] and not math.isnan(label):
            raise BadTable(
                f"{where}: {PROGRESSION} is {label:g}, but follow-up ended after {months:g} months, before "
                f"the outcome's {horizons[0]:g}; leave it empty"
            )


def _same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))
