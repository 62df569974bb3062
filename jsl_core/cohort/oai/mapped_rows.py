"""The knees of another cohort's table and their values, as its mapping file says that they read."""

import re
from collections import abc
from collections.abc import Iterator

from jsl_core.cohort.cell_values import describe_bad_value, is_missing, is_missing_word, parse_number
from jsl_core.cohort.cells import Cells
from jsl_core.cohort.columns import GRADE
from jsl_core.cohort.identity import refuse_shortened_participant
from jsl_core.cohort.oai.mapping_file import MappedColumn, Mapping
from jsl_core.cohort.persons import clean_text, normalise_participant
from jsl_core.errors import BadTable

__all__ = ["MappedRows"]

_LARGEST = 1e9  # beyond, a number is a mistake, and whole ones do not fit their column
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+")  # or a decimal comma and three digits: nobody can tell
_LIKE = {"FU_KL_grade": GRADE, "BL_JSN_medial": "JSN_medial", "FU_JSN_medial": "JSN_medial"}
_NOISE = 1e-9  # 0.1 * 20 is 2, whatever floats say


class MappedRows:
    """Another cohort's table, one entry per knee; a row that is a participant gives both.

    Attributes:
        participants: Of each knee, normalised.
        sides: Of each knee, 1 right and 2 left.
        numbers: The row of each knee, as a spreadsheet counts.
    """

    def __init__(self, plan: Mapping, cells: Cells) -> None:
        self._plan, self._cells = plan, cells
        self._places = {name: self._find(name) for name in sorted(plan.names)}
        knees = list(self._knees())
        self.rows = [row for row, _, _, _ in knees]
        self.numbers = [number for _, number, _, _ in knees]
        self.participants = [participant for _, _, participant, _ in knees]
        self.sides = [side for _, _, _, side in knees]

    def read(self, target: str, source: MappedColumn) -> list[float]:
        """Read a column of the cohort table.

        Args:
            target: Its name there.
            source: Where it comes from.

        Returns:
            One number a knee, NaN where the cell is missing.

        Raises:
            BadTable: If a cell is neither number nor code, or its number cannot be one of the column's.
        """
        return [
            self._value(target, source, name, row[self._places[name]], number)
            for row, number, side in zip(self.rows, self.numbers, self.sides, strict=True)
            for name in [source.column or (source.right if side == 1 else source.left)]
        ]

    def read_text(self, source: MappedColumn) -> list[str]:
        """Read a column of text, one cell a knee, "" where it is missing."""
        cells = [
            clean_text(row[self._places[source.column or (source.right if side == 1 else source.left)]])
            for row, side in zip(self.rows, self.sides, strict=True)
        ]
        return ["" if is_missing_word(cell) or cell in self._plan.missing else cell for cell in cells]

    def _find(self, name: str) -> int:
        exact = [
            place for place, there in enumerate(self._cells.header) if there.casefold() == name.casefold()
        ]
        places = exact or self._cells.places_of(name)
        if not places:
            there = ", ".join(column for column in self._cells.header if column)
            raise BadTable(
                f"{self._cells.name}: no column {name}, which the mapping names; there are {there}"
            )
        if len(places) > 1:
            numbers = " and ".join(str(place + 1) for place in places)
            raise BadTable(f"{self._cells.name}: columns {numbers} are both called {name}; keep one")
        return places[0]

    def _knees(self) -> Iterator[tuple[list[str], int, str, int]]:
        plan, name = self._plan, self._cells.name
        for row, number in zip(self._cells.rows, self._cells.numbers, strict=True):
            cell = row[self._places[plan.participant]]
            participant = "" if is_missing(cell) else normalise_participant(cell)
            if not participant:
                raise BadTable(f"{name}, row {number}: no participant; fill {plan.participant}")
            refuse_shortened_participant(participant, number, name)
            if not plan.side:
                yield from ((row, number, participant, side) for side in (1, 2))
                continue
            side = _look_up(plan.side_codes, clean_text(row[self._places[plan.side]]))
            if side is None:
                raise BadTable(
                    f"{name}, row {number}: side is none of {', '.join(plan.side_codes)}; add it to "
                    "side_codes"
                )
            yield row, number, participant, side

    def _value(self, target: str, source: MappedColumn, column: str, cell: str, row: int) -> float:
        text, where = clean_text(cell), f"{self._cells.name}, row {row}"
        code = _look_up(source.codes, text)
        if code is None and (is_missing(text) or _canonical(text) in map(_canonical, self._plan.missing)):
            return float("nan")
        if code is None and source.codes:
            raise BadTable(
                f"{where}: a cell of {column} is none of the codes, {text!r}; add it to them, or list it "
                "as missing"
            )
        number = None if code is None and _THOUSANDS.fullmatch(text) else parse_number(text)
        value = float(code) if code is not None else None if number is None else number * source.factor
        if value is None or abs(value) > _LARGEST:
            raise BadTable(
                f"{where}: a cell of {column} is none of the numbers, {text!r}; give codes, or list it "
                "as missing"
            )
        value = round(value) if abs(value - round(value)) < _NOISE else value
        if problem := describe_bad_value(_LIKE.get(target, target), value):
            raise BadTable(
                f"{where}: {column} is {text}, no {target}, and nothing is rounded; {problem}, so give "
                "codes or mend it"
            )
        return value


def _look_up(codes: abc.Mapping[str, int], text: str) -> int | None:
    """The code of a cell; `1.0` is that of `1`."""
    return codes.get(text, codes.get(_canonical(text)))


def _canonical(text: str) -> str:
    number = parse_number(text)
    return text if number is None else f"{number:.12g}"
