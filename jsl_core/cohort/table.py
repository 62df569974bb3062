"""The cohort table: one row a knee, or a knee and visit, in the columns of the seed's `JSL.csv`."""

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from jsl_core.cohort.cell_values import describe_bad_value, is_missing, is_missing_word, parse_number
from jsl_core.cohort.cells import Cells, fold_name, read_cells
from jsl_core.cohort.column_synonyms import KEY_NAMES, NUMBERS, find_columns
from jsl_core.cohort.columns import (
    MONTHS,
    OARSI,
    OUTCOME,
    SITE,
    SPLIT_BY_KNEE,
    SPLITS,
    VISIT,
    VISIT_NUMBERS,
    WIDTHS,
)
from jsl_core.cohort.identity import identify_knees, refuse_doubtful_persons
from jsl_core.cohort.outcome_columns import OUTCOME_NUMBERS, check_outcomes, read_outcomes
from jsl_core.cohort.persons import clean_text
from jsl_core.cohort.pictures import refuse_shared_pictures
from jsl_core.cohort.relabel import read_visit_texts
from jsl_core.errors import BadTable
from jsl_core.system.spreadsheet import unescape_cell

__all__ = ["check_cohort_cells", "normalise_split", "read_cohort", "read_visits"]

_LIKELY_CUT = ("BMI", "Alignment_degree", "Age")  # by a comma that was meant for a decimal one
_FIRST_VISITS = ("baseline", "enrolment", "enrollment")
_SPLIT_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validating"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}


def read_cohort(path: Path, needs: Sequence[str] = (), any_split: bool = False) -> pd.DataFrame:
    """Read and check a cohort table: the one reader of training, evaluation, scores and factors.

    CSV in any dialect, .xlsx or .parquet. Columns go by this project's names or those that `find_columns`
    knows, IDs by all that `parse_knee` understands, splits by any word for train, val and test. Blank cells,
    NA, NaN, NULL, #N/A and codes that start with a dot (`.`, `.P`) are missing values. Nothing is rounded,
    cut or padded. A column `split_by_knee` is a `split` in which a participant's knees may lie in two parts.

    Args:
        path: The file.
        needs: Columns that must be there besides `ID`; with `Img_path`, no two knees may share a picture.
        any_split: Whether splits may have other names than train, val and test, which are kept as they are.

    Returns:
        One row per knee in the file's order with `ID`, `participant`, `side` (1 right, 2 left), `split` and
        `Img_path` ("" where missing), the six factors, `BL_KL_grade` and `JSL_Prog` (float, NaN where
        missing); and joint space widths, OARSI features, `Site` (text), what the label is and times where the
        file has them. With a column `visit` (text) there may be a row per knee and visit, and `BL_KL_grade`
        is then the grade of the row's own film, `KL_grade`, where the file has that; what outcomes are made
        of is kept. Other columns are left out. The index, `row`, counts as a spreadsheet does: the header is
        row 1.

    Raises:
        BadTable: If the file cannot be read, a row does not fit the header, a column is missing or there
            twice, a cell cannot be understood, a knee is there twice, or two participants may be one person.
    """
    cells = read_cells(path, KEY_NAMES, _LIKELY_CUT)
    return check_cohort_cells(cells, needs, any_split)


def check_cohort_cells(cells: Cells, needs: Sequence[str] = (), any_split: bool = False) -> pd.DataFrame:
    """Check the cells of a cohort table and convert them; as `read_cohort`."""
    places = find_columns(cells, needs)
    knees = identify_knees(cells, places)
    columns: dict[str, list[str] | list[float] | list[int]] = {
        "ID": [f"{participant}_{side}" for participant, side in knees],
        "participant": [participant for participant, _ in knees],
        "side": [side for _, side in knees],
        "split": _read_splits(cells, places.get("split"), any_split),
        "Img_path": _read_paths(cells, places.get("Img_path")),
    }
    if VISIT in places:
        columns[VISIT] = read_visits(cells, places[VISIT])
    if SITE in places:
        columns[SITE] = ["" if is_missing(cell) else clean_text(cell) for cell in cells.column(places[SITE])]
    if OUTCOME in places:
        columns[OUTCOME] = read_outcomes(cells, places[OUTCOME])
    optional = [MONTHS, *OARSI, *WIDTHS, *OUTCOME_NUMBERS]
    if VISIT in places:
        columns |= read_visit_texts(cells, places)
        optional += VISIT_NUMBERS
    present = [name for name in optional if name in places]
    numbers = {column: _read_numbers(cells, column, places.get(column)) for column in (*NUMBERS, *present)}
    check_outcomes(cells, numbers, str(columns[OUTCOME][0]) if OUTCOME in columns else "")
    columns |= numbers
    table = pd.DataFrame(columns, index=pd.Index(cells.numbers, name="row"))
    refuse_doubtful_persons(table, cells.name)
    if "split" in places and fold_name(cells.header[places["split"]]) != SPLIT_BY_KNEE:
        _refuse_two_splits(table, cells.name)
    if "Img_path" in needs:
        refuse_shared_pictures(table, cells.name)
    return table


def normalise_split(name: str) -> str:
    """A split's name: train, val or test where it is a word for one, "" where missing, else as it is."""
    if is_missing(name):
        return ""
    word = re.sub(r"[\s_\-]*(set|split|part|data)$", "", name.strip().casefold())
    return _SPLIT_WORDS.get(word, name.strip())


def _read_splits(cells: Cells, place: int | None, any_split: bool) -> list[str]:
    if place is None:
        return [""] * len(cells.rows)
    splits = [normalise_split(cell) for cell in cells.column(place)]
    for number, split, cell in zip(cells.numbers, splits, cells.column(place), strict=True):
        if not any_split and split and split not in SPLITS:
            raise BadTable(
                f"{cells.name}, row {number}: {_name(cells, 'split', place)} is {cell.strip()!r}; it must be "
                f"{', '.join(SPLITS)} or blank"
            )
    return splits


def read_visits(cells: Cells, place: int) -> list[str]:
    """Read a column of visits as text, the release's numbers as `06`.

    `V06`, and `6` where a spreadsheet took the zero, are `06`; `baseline` and `enrolment` are `00`.

    Raises:
        BadTable: If one is blank.
    """
    visits = [clean_text(cell).removesuffix(".0") for cell in cells.column(place)]
    for number, visit in zip(cells.numbers, visits, strict=True):
        if is_missing(visit):
            raise BadTable(f"{cells.name}, row {number}: visit is blank; name the visit, such as 00 or 06")
    return [_visit_number(visit) for visit in visits]


def _visit_number(visit: str) -> str:
    folded = visit.casefold()
    number = "0" if folded in _FIRST_VISITS else folded.removeprefix("v")
    return number.zfill(2) if number.isdigit() else visit


def _read_paths(cells: Cells, place: int | None) -> list[str]:
    if place is None:
        return [""] * len(cells.rows)
    return ["" if is_missing_word(cell) else unescape_cell(cell).strip() for cell in cells.column(place)]


def _read_numbers(cells: Cells, column: str, place: int | None) -> list[float]:
    """The numbers of a column, NaN where missing, judged as they stand in the file."""
    if place is None:
        return [float("nan")] * len(cells.rows)
    numbers: dict[str, float] = {}  # by cell: most columns have few different ones
    for number, cell in zip(cells.numbers, cells.column(place), strict=True):
        if cell in numbers:
            continue
        value = parse_number(cell)
        problem = describe_bad_value(column, value)
        if is_missing(cell):
            numbers[cell] = float("nan")
        elif value is None or problem:
            text = repr(cell.strip()) if value is None else cell.strip()
            raise BadTable(f"{cells.name}, row {number}: {_name(cells, column, place)} is {text}; {problem}")
        else:
            numbers[cell] = value
    return [numbers[cell] for cell in cells.column(place)]


def _name(cells: Cells, column: str, place: int) -> str:
    """A column by the name that the file gives it, and this project's where that is another."""
    there = cells.header[place]
    return column if there.casefold() == column.casefold() else f"{there} ({column})"


def _refuse_two_splits(table: pd.DataFrame, name: str) -> None:
    assigned = table[table["split"] != ""]
    splits = assigned.groupby("participant")["split"].nunique()
    if (splits > 1).any():
        participant = splits[splits > 1].index[0]
        rows = assigned[assigned["participant"] == participant]
        places = " and ".join(
            f"row {row} {split}" for row, split in zip(rows.index, rows["split"], strict=True)
        )
        raise BadTable(
            f"{name}: the knees of participant {participant} are in two splits ({places}); put "
            "both into the same one"
        )
