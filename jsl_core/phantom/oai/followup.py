"""The later visits of an invented participant: readings by project, films, and the rows to be made."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from jsl_core.config import PhantomSettings
from jsl_core.phantom.anatomy import KneeAnatomy, draw_anatomy, make_generator
from jsl_core.phantom.oai.case import VISIT_MONTHS, Case, PlannedFilm, Row, Visits
from jsl_core.phantom.reading import FEATURES, oarsi_features
from jsl_core.phantom.visits import wear_knees

__all__ = ["ALL_VISITS", "add_visits", "film_of", "finish_truth", "jsw_rows", "sq_rows", "width_at"]

ALL_VISITS = ("00", "01", "03", "05", "06", "08", "10")
_PROJECTS = {"08": "37", "10": "42"}  # of the later visits; 15 read the others
_SIDES = {1: "1: Right", 2: "2: Left"}
_BOTH = (1, 2)
_COLUMNS = {  # of a feature in the release, without the visit
    "JSN_medial": "XRJSM",
    "JSN_lateral": "XRJSL",
    **{name: f"XR{'OS' if name[0] == 'O' else 'SC'}{name[-2:]}" for name in FEATURES[2:]},
}
_MEDIAL, _LATERAL = range(150, 301, 25), range(700, 901, 25)
_DAYS_PER_YEAR = 365.25


def add_visits(case: Case, settings: PhantomSettings) -> None:
    """Give a participant without quirks all visits, each with films and readings, and their truth."""
    case.at_visits = visits = Visits()
    anatomy = draw_anatomy(make_generator(settings.seed, case.index, "anatomy"))
    first = case.films[0]
    for number, (visit, months) in enumerate((v, VISIT_MONTHS[v]) for v in ALL_VISITS):
        film = replace(
            first,
            taken=first.taken + timedelta(days=round(months / 12 * _DAYS_PER_YEAR)),
            barcode=f"{int(first.barcode) + 1_000_000 * number:08d}",
            release=f"{int(visit)}.{'C.2' if case.index % 2 else 'E.1'}",
            time_point="Screening Visit" if visit == "00" else f"{months} month Annual Visit",
            package=_package(visit, case.index),
        )
        if visit != "00":
            case.films.append(film)
        knees = wear_knees(anatomy, settings.seed, case.index, months)
        projects = [_PROJECTS.get(visit, "15"), *(["37"] if visit in ("00", "06") else [])]
        visits.sq[visit] = [
            row
            for project in projects
            for knee in knees
            for row in [_sq_row(case, visit, knee, project, film)]
        ]
        visits.jsw[visit] = [
            row
            for project in projects
            for knee in knees
            for row in [_jsw_row(case, visit, knee, project, film)]
        ]
        if visit in ("06", "10"):
            visits.clinical[visit] = {
                "ID": case.number,
                "VERSION": "6.2.2",
                f"V{visit}AGE": str(knees[0].age + months // 12),
                f"V{visit}BMI": f"{knees[0].bmi + 0.1 * months:.1f}",
            }
        for side in _BOTH:
            visits.truth[visit, side] = _truth_row(case, visit, side, knees[side - 1], film)
    assert case.outcome is not None
    case.outcome |= {"V99RNTCNT": "10: 96-month", "V99EDDCF": ".", "V99EDDDAYS": ""}


def _package(visit: str, index: int) -> str:
    """A package by its NDA name, or a plain folder."""
    months = VISIT_MONTHS[visit]
    if index % 3:
        return f"images/{months:02d}m"
    return f"OAI{months}MonthImages/results" if months else "OAIBaselineImages/results"


def _sq_row(case: Case, visit: str, knee: KneeAnatomy, project: str, film: PlannedFilm) -> Row:
    features = oarsi_features(knee)
    return {
        "ID": case.number,
        "SIDE": _SIDES[knee.side],
        "READPRJ": project,
        "VERSION": "0.8",
        f"V{visit}XRKL": str(knee.kl),
        f"V{visit}BARCDBU": f"0166{film.barcode}",
        **{f"V{visit}{column}": str(features[name]) for name, column in _COLUMNS.items()},
    }


def _jsw_row(case: Case, visit: str, knee: KneeAnatomy, project: str, film: PlannedFilm) -> Row:
    medial, lateral = max(round(knee.mjsw_medial, 2), 0.0), round(knee.mjsw_lateral, 2)
    shift = 0.05 if project in ("37", "42") else 0.0  # projects differ
    return {
        "ID": case.number,
        "SIDE": _SIDES[knee.side],
        "READPRJ": project,
        "VERSION": "0.8",
        f"V{visit}BARCDJD": f"0166{film.barcode}",
        f"V{visit}MCMJSW": f"{medial + shift:.2f}",
        **{f"V{visit}{flag}": "0" for flag in ("NOMMJSW", "NOMJSWX", "NOLJSWX", "INCSTPS")},
        **{f"V{visit}JSW{x}": f"{medial + shift + (x - 100) / 500:.2f}" for x in _MEDIAL},
        **{f"V{visit}LJSW{x}": f"{lateral + (x - 600) / 500:.2f}" for x in _LATERAL},
    }


def _truth_row(case: Case, visit: str, side: int, knee: KneeAnatomy, film: PlannedFilm) -> dict[str, Any]:
    months, project = VISIT_MONTHS[visit], _PROJECTS.get(visit, "15")
    read = _jsw_row(case, visit, knee, project, film)
    base = case.truth[side]
    aged = knee.bmi + 0.1 * months if visit in ("06", "10") else knee.bmi
    return {
        "ID": base["ID"],
        "visit": visit,
        "months": months,
        "side": side,
        "Age": knee.age + months // 12,
        "BMI": float(f"{aged:.1f}"),
        "Sex": base["Sex"],
        "Alignment_degree": base["Alignment_degree"],
        "Knee_Injury": base["Knee_Injury"],
        "BL_KL_grade": base["BL_KL_grade"],
        "KL_grade": knee.kl,
        "KL_project": project,
        **oarsi_features(knee),
        "mJSW_mm": float(read[f"V{visit}MCMJSW"]),
        "JSW_project": project,
        **{f"JSW_{x:04d}_mm": float(read[f"V{visit}JSW{x}"]) for x in _MEDIAL},
        **{f"JSW_{x:04d}_mm": float(read[f"V{visit}LJSW{x}"]) for x in _LATERAL},
        "JSW_barcode": film.barcode,
        "JSW_positions_differ": 0,
        "JSL_Prog": None,
        "JSL_mm": None,
        "Replaced_days": None,
        "Died_days": None,
        "Last_contact_months": 96,
        "Barcode": film.barcode,
    }


def film_of(case: Case, visit: str) -> PlannedFilm:
    """The participant's film of a visit."""
    return next(film for film in case.films if film.taken_at == visit)


def sq_rows(case: Case, visit: str, side: int, project: str = "15") -> list[Row]:
    """A knee's readings of grades by one project."""
    assert case.at_visits is not None
    return _rows_of(case.at_visits.sq[visit], side, project)


def jsw_rows(case: Case, visit: str, side: int, project: str = "15") -> list[Row]:
    """A knee's readings of widths by one project."""
    assert case.at_visits is not None
    return _rows_of(case.at_visits.jsw[visit], side, project)


def _rows_of(rows: list[Row], side: int, project: str) -> list[Row]:
    return [row for row in rows if row["SIDE"] == _SIDES[side] and row["READPRJ"] == project]


def width_at(case: Case, visit: str, side: int, projects: Sequence[str]) -> float | None:
    """The least width that one of these projects has read, if it says one."""
    cells = [
        (row[f"V{visit}MCMJSW"], row[f"V{visit}NOMMJSW"])
        for project in projects
        for row in jsw_rows(case, visit, side, project)
    ]
    known = {float(cell) for cell, flag in cells if flag[0] == "0" and cell[:1].isdigit()}
    return known.pop() if len(known) == 1 else None


def finish_truth(case: Case, followup: int = 48, loss_mm: float = 0.7) -> None:
    """Fill in the outcome of each row that has one: the loss until so many months later, in one project.

    Rows that were excluded from the table have no truth; a knee's reading is still seen at follow-up.
    """
    visits = case.at_visits
    assert visits is not None
    by_months = {VISIT_MONTHS[visit]: visit for visit in ALL_VISITS}
    for (visit, side), row in visits.truth.items():
        later = by_months.get(row["months"] + followup)
        step, _ = visits.excluded.get((visit, side), ("", ""))
        if step or later is None or _replaced(case, side, row["months"] + followup):
            continue
        for projects in (("15",), ("37", "42")):
            start, end = (width_at(case, v, side, projects) for v in (visit, later))
            if start is not None and end is not None:
                if start >= loss_mm:
                    lost = round(start - end, 3)
                    row |= {"JSL_mm": lost, "JSL_Prog": int(lost >= loss_mm)}
                break
    for key in visits.excluded:
        visits.truth.pop(key, None)


def _replaced(case: Case, side: int, months: int) -> bool:
    assert case.outcome is not None
    days = case.outcome[f"V99E{' RL'[side]}KDAYS"]
    return bool(days) and float(days) < months / 12 * _DAYS_PER_YEAR
