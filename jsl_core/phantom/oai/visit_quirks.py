"""Quirks of a release's later visits, and the truth they lead to. One function a quirk."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from jsl_core.phantom.oai.case import VISIT_MONTHS, Case, PlannedFilm, Visits
from jsl_core.phantom.oai.followup import film_of, jsw_rows, sq_rows

__all__ = ["VISIT_QUIRKS", "remove_lists_of_visits", "visit_quirk_of"]

_BOTH = (1, 2)
_NO_FILM, _NO_GRADE = "no film of the visit", "no KL grade"


def visit_quirk_of(index: int) -> Callable[[Case], None] | None:
    """The quirk of a participant: every second one has one until all are used; None for the others."""
    return VISIT_QUIRKS[index // 2] if index % 2 and index // 2 < len(VISIT_QUIRKS) else None


# Grades and features


def grades_of_one_project_differ(case: Case) -> None:
    right = sq_rows(case, "03", 1)[0]
    _visits(case).sq["03"].append(right | {"V03XRKL": _other(right["V03XRKL"])})
    _exclude(case, "03", _NO_GRADE, "contradictory", (1,))


def another_project_decides(case: Case) -> None:
    """Project 15 contradicts itself, and project 37 read the knee, too."""
    right = sq_rows(case, "06", 1)[0]
    _visits(case).sq["06"].append(right | {"V06XRKL": _other(right["V06XRKL"])})
    _tell(case, "06", {"KL_project": "37"}, (1,))


def read_by_42_alone(case: Case) -> None:
    for side in _BOTH:
        sq_rows(case, "05", side)[0]["READPRJ"] = "42"
    _tell(case, "05", {"KL_project": "42"})


def project_37_goes_before_42(case: Case) -> None:
    """Two names of one project that say different grades: the first counts."""
    for side in _BOTH:
        row = sq_rows(case, "08", side, "37")[0]
        _visits(case).sq["08"].insert(0, row | {"READPRJ": "42", "V08XRKL": _other(row["V08XRKL"])})


def other_project_stands_first(case: Case) -> None:
    rows = _visits(case).sq["03"]
    rows[:0] = [row | {"READPRJ": "37", "V03XRKL": _other(row["V03XRKL"])} for row in rows]


def no_grade_in_15(case: Case) -> None:
    for side in _BOTH:
        sq_rows(case, "06", side)[0]["V06XRKL"] = ".A: Not Expected"
    _tell(case, "06", {"KL_project": "37"})


def features_blank(case: Case) -> None:
    sq_rows(case, "01", 2)[0] |= {"V01XROSFM": ".", "V01XRSCTL": "", "V01XRJSL": ".T"}
    _tell(case, "01", dict.fromkeys(("OST_FM", "SCL_TL", "JSN_lateral")), (2,))


def features_differ(case: Case) -> None:
    """Two rows of one reading agree on the grade and differ in a feature, which is then not known."""
    row = sq_rows(case, "03", 1)[0]
    _visits(case).sq["03"].append(row | {"V03XROSTM": str((int(row["V03XROSTM"]) + 1) % 4)})
    _tell(case, "03", {"OST_TM": None}, (1,))


def feature_out_of_range(case: Case) -> None:
    sq_rows(case, "00", 2)[0]["V00XROSFL"] = "4"
    _tell(case, "00", {"OST_FL": None}, (2,))


def narrowing_within_a_grade(case: Case) -> None:
    sq_rows(case, "05", 1)[0]["V05XRJSM"] = "1.4"
    _tell(case, "05", {"JSN_medial": 1.4}, (1,))


# Widths


def minimum_not_measurable(case: Case) -> None:
    jsw_rows(case, "00", 1)[0] |= {"V00MCMJSW": ".T", "V00NOMMJSW": "1: Yes"}
    jsw_rows(case, "00", 1, "37")[0] |= {"V00MCMJSW": ".T"}
    _tell(case, "00", {"mJSW_mm": None}, (1,))


def flag_contradicts_the_minimum(case: Case) -> None:
    jsw_rows(case, "06", 2)[0]["V06NOMMJSW"] = "1"
    jsw_rows(case, "06", 2, "37")[0]["V06MCMJSW"] = ""
    _tell(case, "06", {"mJSW_mm": None}, (2,))


def flag_of_fixed_locations_is_not_the_minimums(case: Case) -> None:
    row = jsw_rows(case, "05", 1)[0]
    row |= {"V05NOMJSWX": "1"} | {f"V05JSW{x}": ".T" for x in range(150, 301, 25)}
    _tell(case, "05", {f"JSW_{x:04d}_mm": None for x in range(150, 301, 25)}, (1,))


def widths_differ(case: Case) -> None:
    row = jsw_rows(case, "08", 2, "37")[0]
    _visits(case).jsw["08"].append(row | {"V08MCMJSW": "9.11"})
    _tell(case, "08", {"mJSW_mm": None}, (2,))


def positions_differ(case: Case) -> None:
    jsw_rows(case, "06", 1)[0]["V06INCSTPS"] = "1"
    _tell(case, "06", {"JSW_positions_differ": 1}, (1,))


# Films


def followup_in_the_screening_package(case: Case) -> None:
    _change_film(case, "03", release="0.C.2", visit="03", package="OAIScreeningImages/results")


def visit_contradicts_its_folder(case: Case) -> None:
    _change_film(case, "01", time_point="36 month Annual Visit", in_clinic=False, listed=False)
    _exclude(case, "01", _NO_FILM, "visit_contradiction")


def header_of_another(case: Case) -> None:
    _change_film(case, "06", header_participant=str(int(case.number) - 1))
    _exclude(case, "06", _NO_FILM, "participant_contradiction")


def header_of_another_day(case: Case) -> None:
    _change_film(case, "08", header_date="20010101")
    _exclude(case, "08", _NO_FILM, "date_contradiction")


def one_barcode_twice(case: Case) -> None:
    """The films of two visits have one barcode: which it is cannot be told."""
    film = film_of(case, "05")
    _change_film(case, "06", barcode=film.barcode)
    for visit in ("05", "06"):
        _exclude(case, visit, _NO_FILM, "date_contradiction")


def no_film(case: Case) -> None:
    case.films.remove(film_of(case, "05"))
    _exclude(case, "05", _NO_FILM, "no_film")


def missed_a_visit(case: Case) -> None:
    visits = _visits(case)
    case.films.remove(film_of(case, "08"))
    visits.sq["08"], visits.jsw["08"] = [], []
    _exclude(case, "08", _NO_FILM, "no_film")


def damaged_film(case: Case) -> None:
    _change_film(case, "10", storage="damaged")
    _exclude(case, "10", _NO_FILM, "not_dicom")


def film_in_tar(case: Case) -> None:
    _change_film(case, "06", storage="tar")


def found_by_header(case: Case) -> None:
    _change_film(case, "03", listed=False, in_clinic=False)
    for row in _visits(case).sq["03"]:
        row["V03BARCDBU"] = ""


def interim_visit_too(case: Case) -> None:
    """At 18 months a film was taken, which belongs to no visit of the study's films."""
    film = film_of(case, "01")
    case.films.append(
        replace(
            film,
            taken=film.taken + timedelta(days=180),
            barcode=f"{int(film.barcode) + 2:08d}",
            release="2.D.2",
            time_point="18 month Interim Visit",
            package="images/18m",
            in_clinic=False,
        )
    )


def reads_the_older_film(case: Case) -> None:
    film = film_of(case, "03")
    newer = replace(film, taken=film.taken + timedelta(days=20), barcode=f"{int(film.barcode) + 2:08d}")
    case.films.append(newer)


# Outcomes


def replaced_between_visits(case: Case) -> None:
    assert case.outcome is not None
    case.outcome |= {"V99ERKRPCF": "3: Replacement adjudicated, confirmed", "V99ERKDAYS": "900"}
    for (visit, side), row in _visits(case).truth.items():
        if side == 1:
            row["Replaced_days"] = 900
            if VISIT_MONTHS[visit] >= 36:
                _exclude(case, visit, "replaced before the visit", "prosthesis", (1,))


def died(case: Case) -> None:
    assert case.outcome is not None
    case.outcome |= {"V99RNTCNT": "6: 48-month", "V99EDDCF": "3: confirmed", "V99EDDDAYS": "2000"}
    visits = _visits(case)
    for visit in ("08", "10"):
        case.films.remove(film_of(case, visit))
        visits.sq[visit], visits.jsw[visit] = [], []
        visits.clinical.pop(visit, None)
        _exclude(case, visit, _NO_FILM, "no_film")
    for row in visits.truth.values():
        row |= {"Died_days": 2000, "Last_contact_months": 48}


def remove_lists_of_visits(case: Case) -> None:
    """Remove from the truth what only lists say: which film was read, and which is missing or there twice."""
    visits = _visits(case)
    for visit, rows in visits.sq.items():
        for row in rows:
            row[f"V{visit}BARCDBU"] = ""
    for key, (step, reason) in visits.excluded.items():
        if reason == "not_dicom":
            visits.excluded[key] = (step, "no_film")
        elif reason == "date_contradiction" and key[0] in ("05", "06"):
            visits.excluded[key] = (step, "barcode_of_two_visits")
    for (visit, _), row in visits.truth.items():
        of_visit = [film for film in case.films if film.taken_at == visit]
        if of_visit:
            row["Barcode"] = max(of_visit, key=lambda film: film.taken).barcode


def _visits(case: Case) -> Visits:
    assert case.at_visits is not None
    return case.at_visits


def _other(grade: str) -> str:
    return str((int(grade) + 1) % 5)


def _tell(case: Case, visit: str, values: dict[str, Any], sides: tuple[int, ...] = _BOTH) -> None:
    for side in sides:
        _visits(case).truth[visit, side] |= values


def _exclude(case: Case, visit: str, step: str, reason: str, sides: tuple[int, ...] = _BOTH) -> None:
    for side in sides:
        _visits(case).excluded[visit, side] = (step, reason)


def _change_film(case: Case, at: str, **changes: Any) -> PlannedFilm:
    film = film_of(case, at)
    changed = replace(film, **changes)
    case.films[case.films.index(film)] = changed
    return changed


VISIT_QUIRKS: tuple[Callable[[Case], None], ...] = (
    grades_of_one_project_differ, another_project_decides, read_by_42_alone, project_37_goes_before_42,
    other_project_stands_first, no_grade_in_15, features_blank, features_differ, feature_out_of_range,
    narrowing_within_a_grade, minimum_not_measurable, flag_contradicts_the_minimum,
    flag_of_fixed_locations_is_not_the_minimums, widths_differ, positions_differ,
    followup_in_the_screening_package, visit_contradicts_its_folder, header_of_another, header_of_another_day,
    one_barcode_twice, no_film, missed_a_visit, damaged_film, film_in_tar, found_by_header, interim_visit_too,
    reads_the_older_film, replaced_between_visits, died,
)  # fmt: skip
