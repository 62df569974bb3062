"""Quirks of a release's participants, and the truth they lead to. One function a quirk."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from jsl_core.phantom.oai.case import Case, PlannedFilm

__all__ = ["QUIRKS", "quirk_of"]

_BOTH = (1, 2)


def quirk_of(index: int) -> Callable[[Case], None] | None:
    """The quirk of a participant: every second one has one until all are used; None for the others."""
    return QUIRKS[index // 2] if index % 2 and index // 2 < len(QUIRKS) else None


# Readings


def read_twice(case: Case) -> None:
    case.sq += [dict(row) for row in case.sq]


def other_project_first(case: Case) -> None:
    """A reader that drops duplicates of ID and SIDE keeps the wrong reading."""
    case.sq[:0] = [row | {"READPRJ": "37", "V00XRKL": str((int(row["V00XRKL"]) + 1) % 5)} for row in case.sq]


def only_in_project_42(case: Case) -> None:
    case.sq = [row | {"READPRJ": "42"} for row in case.sq]
    case.exclude("no KL grade", "not read")


def grades_contradict(case: Case) -> None:
    right = case.sq[0]
    case.sq.append(right | {"V00XRKL": str((int(right["V00XRKL"]) + 1) % 5)})
    case.exclude("no KL grade", "contradictory", (1,))


def grade_missing(case: Case) -> None:
    case.sq[1]["V00XRKL"] = ".A: Not Expected"
    case.exclude("no KL grade", ".A", (2,))


def not_measurable(case: Case) -> None:
    case.set_widths(1, 4.0, 3.9)
    case.jsw00[0] |= {"V00MCMJSW": ".T", "V00NOMJSWX": "1"}
    case.exclude("no baseline mJSW", "not measurable", (1,))
    case.clear_truth("BL_mJSW_mm", (1,))


def prosthesis_at_followup(case: Case) -> None:
    case.set_widths(2, 4.0, 3.9)
    case.jsw06[1]["V06MCMJSW"] = ".P"
    case.exclude("no follow-up mJSW", ".P", (2,))
    case.clear_truth("FU_mJSW_mm", (2,))


def lost_to_followup(case: Case) -> None:
    for side in _BOTH:
        case.set_widths(side, 4.0, 3.9)
    case.jsw06 = []
    case.exclude("no follow-up mJSW", "not read")
    case.clear_truth("FU_mJSW_mm")


def too_narrow(case: Case) -> None:
    case.set_widths(1, 0.69, 0.1)


def at_the_threshold(case: Case) -> None:
    """3.9 - 3.2 is a little less than 0.7 in floating point."""
    case.set_widths(1, 3.9, 3.2)
    case.set_widths(2, 3.9, 3.21)


def widths_contradict(case: Case) -> None:
    case.set_widths(1, 4.0, 3.9)
    case.jsw06.append(case.jsw06[0] | {"V06MCMJSW": "2.1"})
    case.exclude("no follow-up mJSW", "contradictory", (1,))
    case.clear_truth("FU_mJSW_mm", (1,))


def widths_of_another_project(case: Case) -> None:
    """Project 15 read the baseline only: its width must not be compared with project 16's."""
    case.set_widths(1, 4.0, 3.9)
    case.jsw06[0]["READPRJ"] = "16"
    case.jsw00.append(case.jsw00[0] | {"READPRJ": "16", "V00MCMJSW": "4.7"})
    case.truth[1] |= {"BL_mJSW_mm": 4.7, "JSL_mm": 0.8, "JSL_Prog": 1}


# Outcomes


def replaced_before(case: Case) -> None:
    _replace_right_knee(case, "3: Replacement adjudicated, confirmed", "", "900")
    case.jsw06 = case.jsw06[1:]
    case.exclude("replaced before follow-up", "replaced before follow-up", (1,))
    case.clear_truth("FU_mJSW_mm", (1,))


def replaced_after(case: Case) -> None:
    _replace_right_knee(case, "3: Replacement adjudicated, confirmed", "", "2100")


def not_replaced_after_all(case: Case) -> None:
    _replace_right_knee(case, "0: Replacement adjudicated, failed to confirm", "", "800")
    case.truth[1]["Replaced_days"] = None


def replaced_by_the_film(case: Case) -> None:
    _replace_right_knee(
        case, "0: Replacement adjudicated, failed to confirm", "1: Yes, replacement seen on FU xray", "1100"
    )
    case.exclude("replaced before follow-up", "replaced before follow-up", (1,))


def replaced_at_baseline(case: Case) -> None:
    assert case.outcome is not None
    case.outcome["V99ELKBLRP"] = "1: Yes"
    case.exclude("replaced at baseline", "prosthesis on the baseline film", (2,))


def _replace_right_knee(case: Case, status: str, seen_on_film: str, days: str) -> None:
    assert case.outcome is not None
    case.set_widths(1, 4.0, 3.9)
    case.outcome |= {"V99ERKRPCF": status, "V99ERKRPSN": seen_on_film, "V99ERKDAYS": days}
    case.truth[1]["Replaced_days"] = int(days)


# Persons


def sex_missing(case: Case) -> None:
    assert case.enrollee is not None
    case.enrollee["P02SEX"] = ".: Missing Form/Incomplete Workbook"
    case.clear_truth("Sex")


def bmi_blank(case: Case) -> None:
    assert case.clinical is not None
    case.clinical["P01BMI"] = " "
    case.clear_truth("BMI")


def alignment_missing(case: Case) -> None:
    case.fta[0]["V00FTANGLE"] = ".T"
    case.clear_truth("Alignment_degree", (1,))


def alignment_with_leading_dot(case: Case) -> None:
    """`.5` is a number and no missing code."""
    case.fta[0]["V00FTANGLE"] = ".5"
    case.truth[1]["Alignment_degree"] = 0.5


def no_clinical_form(case: Case) -> None:
    case.clinical = None
    for column in ("Age", "BMI", "Knee_Injury"):
        case.clear_truth(column)


def not_enrolled(case: Case) -> None:
    case.enrollee = None
    case.exclude("not enrolled", "not in enrollees.txt")


def in_no_table(case: Case) -> None:
    case.enrollee = case.clinical = case.outcome = None
    case.sq, case.jsw00, case.jsw06, case.fta = [], [], [], []
    case.change_film(in_clinic=False)
    case.truth, case.baseline_film = {}, None


# Films


def no_film(case: Case) -> None:
    case.films = []
    _remove_film(case, "no_film")


def header_of_another(case: Case) -> None:
    case.change_film(header_participant=str(int(case.number) - 1))
    _remove_film(case, "participant_contradiction")


def header_of_another_day(case: Case) -> None:
    case.change_film(header_date="20010101")
    _remove_film(case, "date_contradiction")


def header_of_another_barcode(case: Case) -> None:
    """In the true archives a few barcodes differ by one between list and header."""
    barcode = int(case.films[0].barcode) + 1
    case.change_film(header_barcode=f"0166{barcode:08d}")
    _remove_film(case, "barcode_contradiction")


def followup_film_at_baseline(case: Case) -> None:
    case.change_film(time_point="48 month Annual Visit")
    _remove_film(case, "visit_contradiction")


def hand_under_the_knees_barcode(case: Case) -> None:
    case.change_film(header_description="PA Right Hand")
    _remove_film(case, "view_contradiction")


def damaged_film(case: Case) -> None:
    case.change_film(storage="damaged")
    _remove_film(case, "not_dicom")


def reads_the_older(case: Case) -> None:
    """Of two accepted films the central readers read the older one."""
    case.films.append(_second_film(case, days=30))


def newest_of_two(case: Case) -> None:
    """No list says which of two accepted films was read: the newest is used."""
    case.films.append(_second_film(case, days=30))
    _remove_reading(case, case.films[1])


def newest_not_accepted(case: Case) -> None:
    case.films.append(replace(_second_film(case, days=30), accepted="N"))
    _remove_reading(case, case.films[0])


def film_in_zip(case: Case) -> None:
    case.change_film(storage="zip")


def film_in_tar(case: Case) -> None:
    case.change_film(storage="tar")


def found_by_barcode(case: Case) -> None:
    case.change_film(listed=False)


def found_by_header(case: Case) -> None:
    case.change_film(listed=False, in_clinic=False)
    _remove_reading(case, case.films[0])


def other_films_too(case: Case) -> None:
    """A hand, an MR series and the knees at 48 months lie beside the baseline film."""
    later = replace(
        _second_film(case, days=1470), release="6.E.1", time_point="48 month Annual Visit", in_clinic=False
    )
    hand = replace(
        _second_film(case, days=0),
        barcode=f"{int(case.films[0].barcode) + 3:08d}",
        description="PA Right Hand",
    )
    case.films += [
        later,
        hand,
        replace(hand, barcode="1" + hand.barcode[1:], description="SAG_3D_DESS_RIGHT"),
    ]


def description_with_blanks(case: Case) -> None:
    case.change_film(header_description="Bilateral PA  Fixed Flexion Knee ")


def _remove_film(case: Case, reason: str) -> None:
    case.baseline_film = None
    case.exclude("no baseline film", reason)


def _second_film(case: Case, days: int) -> PlannedFilm:
    first = case.films[0]
    return replace(first, taken=first.taken + timedelta(days=days), barcode=f"{int(first.barcode) + 2:08d}")


def _remove_reading(case: Case, baseline_film: PlannedFilm) -> None:
    for row in case.sq:
        row["V00BARCDBU"] = ""
    case.baseline_film = baseline_film
    for side in _BOTH:
        case.truth[side]["Barcode"] = baseline_film.barcode


QUIRKS: tuple[Callable[[Case], None], ...] = (
    read_twice, other_project_first, only_in_project_42, grades_contradict, grade_missing, not_measurable,
    prosthesis_at_followup, lost_to_followup, too_narrow, at_the_threshold, widths_contradict,
    widths_of_another_project, replaced_before, replaced_after, not_replaced_after_all, replaced_by_the_film,
    replaced_at_baseline, sex_missing, bmi_blank, alignment_missing, alignment_with_leading_dot,
    no_clinical_form, not_enrolled, in_no_table, no_film, header_of_another, header_of_another_day,
    header_of_another_barcode, followup_film_at_baseline, hand_under_the_knees_barcode, damaged_film,
    reads_the_older, newest_of_two, newest_not_accepted, film_in_zip, film_in_tar, found_by_barcode,
    found_by_header, other_films_too, description_with_blanks,
)  # fmt: skip
