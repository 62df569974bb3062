"""Column names that other makers of cohort tables use, and what this project calls them."""

import re
from collections.abc import Sequence

from jsl_core.cohort.cell_values import parse_number
from jsl_core.cohort.cells import Cells, fold_name
from jsl_core.cohort.columns import (
    EVENT,
    EVENT_MONTHS,
    FACTORS,
    GRADE,
    MONTHS,
    OARSI,
    OUTCOME,
    OUTCOME_AMOUNT,
    OUTCOME_MONTHS,
    PROGRESSION,
    SITE,
    SPLIT_BY_KNEE,
    VISIT,
    VISIT_GRADE,
    VISIT_NUMBERS,
    VISIT_TEXTS,
    WIDTHS,
)
from jsl_core.cohort.persons import parse_side
from jsl_core.errors import BadTable

__all__ = ["KEY_NAMES", "NUMBERS", "find_columns", "participant_places", "side_places"]

NUMBERS = (*FACTORS, GRADE, PROGRESSION)

# Understood whatever their case, blanks and hyphens, as are this project's own names.
_SYNONYMS = {
    "ID": ("knee", "knee_id"),
    "participant": ("participant_id", "participantid", "patient", "patient_id", "subject", "src_subject_id"),
    "side": ("laterality",),
    "split": (SPLIT_BY_KNEE,),
    "Img_path": ("file", "filename", "file_name", "path", "image", "image_path", "img"),
    **dict.fromkeys((*FACTORS, *WIDTHS, OUTCOME, OUTCOME_AMOUNT, OUTCOME_MONTHS, EVENT, EVENT_MONTHS), ()),
    **dict.fromkeys((VISIT, MONTHS, *OARSI, *VISIT_NUMBERS, *VISIT_TEXTS), ()),
    SITE: ("v00site", "centre", "center"),
    GRADE: ("kl", "kl_grade", "klg", "grade", "label", "v00xrkl"),
    PROGRESSION: ("progression", "progressed"),
}
_COPY = re.compile(r"(?P<name>.+)\.\d+")
KEY_NAMES = tuple(name for own in ("ID", "participant") for name in (own, *_SYNONYMS[own]))


def find_columns(cells: Cells, needs: Sequence[str] = ()) -> dict[str, int]:
    """Find where each of this project's columns is.

    Args:
        cells: The table.
        needs: Columns that must be there, besides `ID`, or a participant and a side.

    Returns:
        Places by this project's names.

    Raises:
        BadTable: If a needed column is missing, one is there twice, or two stand for the same and disagree.
    """
    places: dict[str, int] = {}
    for own, synonyms in _SYNONYMS.items():
        own_places, others = cells.places_of(own), cells.places_of(*synonyms)
        if own == GRADE and cells.places_of(VISIT) and (of_visit := cells.places_of(VISIT_GRADE)):
            own_places, others = of_visit, []  # beside it the grade at enrolment is another
        if renamed := _renamed_copies(cells, [*own_places, *others]):
            _refuse_rivals(cells, own, sorted([*own_places, *others, *renamed]))
        needed = (
            own not in ("participant", "side") or "ID" not in places
        )  # beside an ID they are only evidence
        if needed and (len(own_places) > 1 or (len(others) > 1 and not own_places)):
            _refuse_rivals(cells, own, own_places or others)
        if own in (GRADE, PROGRESSION) and own_places:
            _refuse_disagreement(cells, own, own_places[0], others)
        if own_places or others:
            places[own] = (own_places or others)[0]
    _take_knee_for_side(cells, places)
    if "ID" not in places and {"participant", "side"} <= places.keys():
        needs = [column for column in needs if column != "ID"]
    else:
        needs = ["ID", *(column for column in needs if column != "ID")]
    for column in needs:
        if column not in places:
            there = ", ".join(name for name in cells.header if name)
            raise BadTable(
                f"{cells.name}: no column {column}; the table needs {', '.join(needs)} and has {there}"
            )
    return places


def participant_places(cells: Cells) -> list[int]:
    """Where all columns are that name the participant: beside an ID they are evidence of who is who."""
    return cells.places_of("participant", *_SYNONYMS["participant"])


def side_places(cells: Cells) -> list[int]:
    """Where all columns are that name the side."""
    return cells.places_of("side", *_SYNONYMS["side"])


def _refuse_rivals(cells: Cells, own: str, places: Sequence[int]) -> None:
    names = {fold_name(cells.header[place]) for place in places}
    if len(names) == 1:
        numbers = " and ".join(str(place + 1) for place in places)
        name = cells.header[places[0]]
        raise BadTable(f"{cells.name}: columns {numbers} are both called {name}; keep one")
    raise BadTable(f"{cells.name}: {cells.describe(places)} both stand for {own}; keep or rename one")


def _renamed_copies(cells: Cells, places: Sequence[int]) -> list[int]:
    """Where columns are that pandas or R have called `KL.1`, because there was a `KL` already."""
    names = {fold_name(cells.header[place]) for place in places}
    copies = ((place, _COPY.fullmatch(fold_name(name))) for place, name in enumerate(cells.header))
    return [place for place, match in copies if match and match["name"] in names]


def _refuse_disagreement(cells: Cells, own: str, place: int, others: Sequence[int]) -> None:
    """A column of this project's name goes before others, unless they say something else."""
    for other in others:
        for number, row in zip(cells.numbers, cells.rows, strict=True):
            if row[other].strip() != row[place].strip() and parse_number(row[other]) != parse_number(
                row[place]
            ):
                raise BadTable(
                    f"{cells.name}, row {number}: {cells.describe([place, other])} both stand for {own} "
                    f"and say {row[place].strip()!r} and {row[other].strip()!r}; keep or rename one"
                )


def _take_knee_for_side(cells: Cells, places: dict[str, int]) -> None:
    """A column `knee` of R and L beside a participant is the side."""
    knee = places.get("ID")
    if knee in cells.places_of("knee") and "participant" in places and "side" not in places:
        assert knee is not None
        if all(parse_side(cell) for cell in cells.column(knee)):
            places["side"] = places.pop("ID")
