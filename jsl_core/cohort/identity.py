"""Whose knee each row of a table is, and the refusal of what leaves that in doubt."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from jsl_core.cohort.cell_values import is_missing
from jsl_core.cohort.cells import Cells
from jsl_core.cohort.column_synonyms import participant_places, side_places
from jsl_core.cohort.columns import VISIT, row_names
from jsl_core.cohort.persons import (
    is_shortened_number,
    normalise_participant,
    parse_knee,
    parse_side,
    person_key,
)
from jsl_core.errors import BadTable

__all__ = [
    "identify_knees",
    "refuse_doubtful_persons",
    "refuse_near_equal_participants",
    "refuse_shortened_participant",
]


def identify_knees(cells: Cells, places: Mapping[str, int]) -> list[tuple[str, int]]:
    """Read the participant, normalised, and the side (1 right, 2 left) of each row.

    Args:
        cells: The table.
        places: Of its columns, by this project's names.

    Raises:
        BadTable: If a row names no participant or side, or its columns contradict one another.
    """
    knees = [
        _read_knee(cells, row, number, places) for row, number in zip(cells.rows, cells.numbers, strict=True)
    ]
    for number, (participant, _) in zip(cells.numbers, knees, strict=True):
        refuse_shortened_participant(participant, number, cells.name)
    if "ID" in places:
        _refuse_other_sides(cells, knees)
        _refuse_other_persons(cells, knees)
    return knees


def _read_knee(cells: Cells, row: Sequence[str], number: int, places: Mapping[str, int]) -> tuple[str, int]:
    side = parse_side(row[places["side"]]) if "side" in places else None
    if "ID" in places:
        text = row[places["ID"]].strip()
        knee = parse_knee(text)
        if knee is None and side and not is_missing(text):  # the side stands in a column of its own
            knee = normalise_participant(text), side
        if knee is None:
            raise BadTable(
                f"{cells.name}, row {number}: ID is {text!r}; it must be <participant>_1 (right) or _2 (left)"
            )
        return knee
    text = row[places["participant"]].strip()
    participant = "" if is_missing(text) else normalise_participant(text)
    if not participant:
        raise BadTable(
            f"{cells.name}, row {number}: no participant; fill {cells.header[places['participant']]}"
        )
    if not side:
        raise BadTable(
            f"{cells.name}, row {number}: {cells.header[places['side']]} is {row[places['side']].strip()!r}; "
            "it must be 1 (right) or 2 (left), R or L"
        )
    return participant, side


def _refuse_other_sides(cells: Cells, knees: Sequence[tuple[str, int]]) -> None:
    for place in side_places(cells):
        for number, (participant, side), cell in zip(cells.numbers, knees, cells.column(place), strict=True):
            other = parse_side(cell)
            if other and other != side:
                raise BadTable(
                    f"{cells.name}, row {number}: ID says {participant}_{side}, and {cells.header[place]} "
                    f"says {cell.strip()}; make them agree"
                )


def _refuse_other_persons(cells: Cells, knees: Sequence[tuple[str, int]]) -> None:
    """Refuse a column of participants that puts knees together otherwise than the IDs do."""
    for place in participant_places(cells):
        names: list[dict[str, tuple[str, int]]] = [{}, {}]
        for number, (participant, _), cell in zip(cells.numbers, knees, cells.column(place), strict=True):
            other = "" if is_missing(cell) else normalise_participant(cell)
            if not other:
                continue
            for known, key, name in zip(names, (participant, other), (other, participant), strict=True):
                first, row = known.setdefault(key, (name, number))
                if first != name:
                    raise BadTable(
                        f"{cells.name}, rows {row} and {number}: ID and {cells.header[place]} disagree on "
                        f"who is one person ({key}: {first}, {name}); make them agree"
                    )


def refuse_shortened_participant(participant: str, row: int, name: str) -> None:
    """Refuse a number as a spreadsheet shortens it, 9.00E+06: the digits that tell persons apart are lost.

    Args:
        participant: Normalised.
        row: Where it stands.
        name: What messages call the table.

    Raises:
        BadTable: With the row.
    """
    if is_shortened_number(participant):
        raise BadTable(
            f"{name}, row {row}: participant {participant} is a number that a spreadsheet has shortened; "
            "write all its digits"
        )


def refuse_doubtful_persons(table: pd.DataFrame, name: str) -> None:
    """Refuse a knee that is there twice at one visit, and two participants who may be one person.

    Args:
        table: With `ID` and `participant`, and `visit` where there are several, by row.
        name: What messages call the table.

    Raises:
        BadTable: With the rows of both.
    """
    keys = pd.Series(row_names(table), table.index)
    repeated = keys.duplicated(keep=False)
    if repeated.any():
        knee, rows = table.loc[repeated, "ID"].iloc[0], table.index[keys == keys[repeated].iloc[0]]
        where, unit = f"{name}, row {rows[1]}", "per knee"
        if VISIT in table:
            where, unit = f"{where}, visit {table.loc[rows[1], VISIT]}", "per knee and visit"
        raise BadTable(f"{where}: ID is {knee!r}, as in row {rows[0]}; keep one row {unit}")
    refuse_near_equal_participants(zip(table.index, table["participant"], strict=True), name)


def refuse_near_equal_participants(
    participants: Iterable[tuple[int | str, str]], name: str, unit: str = "rows"
) -> None:
    """Refuse participants who differ only in case, leading zeros and the like.

    Args:
        participants: The row, or the file, and the participant, normalised.
        name: What messages call the table.
        unit: What messages call the rows.

    Raises:
        BadTable: With both and their rows.
    """
    spellings: dict[str, dict[str, int | str]] = defaultdict(dict)
    for row, participant in participants:
        spellings[person_key(participant)].setdefault(participant, row)
    doubtful = [rows for rows in spellings.values() if len(rows) > 1]
    if doubtful:
        (first, row), (second, other_row), *_ = doubtful[0].items()
        more = f" (and {len(doubtful) - 1} more such pairs)" if len(doubtful) > 1 else ""
        raise BadTable(
            f"{name}, {unit} {row} and {other_row}: {first} and {second} may be one person{more}; write "
            "one person alike, or give two persons names that differ in more than case, zeros and signs"
        )
