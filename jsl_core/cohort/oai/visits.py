"""The cohort of a release at several visits: a row a knee and visit, with its film and its outcome."""

from collections.abc import Iterator, Sequence

import pandas as pd

from jsl_core.cohort.columns import (
    EVENT,
    EVENT_MONTHS,
    MONTHS,
    PROGRESSION,
    VISIT,
    VISIT_COLUMNS,
    VISIT_GRADE,
)
from jsl_core.cohort.oai.films import Film
from jsl_core.cohort.oai.findings import Finding
from jsl_core.cohort.oai.join_visits import join_visits
from jsl_core.cohort.oai.screening import START_OF_VISITS, Cohort, Step, screen_rows
from jsl_core.cohort.oai.specs import MONTHS_OF, VISIT_OF
from jsl_core.cohort.outcomes import DAYS_PER_MONTH, Labels, label_outcome
from jsl_core.config import OaiSettings

__all__ = ["screen_visits", "visits_read"]


def visits_read(settings: OaiSettings) -> tuple[str, ...]:
    """The visits whose readings are wanted: those of films, enrolment, and those of outcomes."""
    starts = {MONTHS_OF[visit] for visit in settings.visits}
    ends = {months + settings.followup_months for months in starts}
    return tuple(VISIT_OF[months] for months in sorted({0} | starts | (ends & VISIT_OF.keys())))


def screen_visits(
    tables: dict[str, pd.DataFrame], films: Sequence[Film], findings: Sequence[Finding], settings: OaiSettings
) -> Cohort:
    """Make the cohort of a release's tables and films at several visits.

    Args:
        tables: By name, as `read_tables` gives them.
        films: Of all wanted visits, used or rejected.
        findings: Oddities of the release so far.
        settings: The visits, and the outcome of each.
    """
    rows, reasons = join_visits(tables, visits_read(settings))
    used = {(film.participant, film.visit): film for film in films if not film.reason}
    keys = list(zip(rows["participant"], rows.index.get_level_values(VISIT), strict=True))
    rows["Scan"] = [used[key].file if key in used else "" for key in keys]
    rows["Barcode"] = [used[key].barcode if key in used else "" for key in keys]
    labels = _label(rows, settings)
    wanted = rows.index.get_level_values(VISIT).isin(settings.visits)
    rows, reasons = rows[wanted], reasons[wanted]
    labels = Labels(labels.table[wanted], labels.falls_out[wanted])
    films, unmatched = _match_films(films, rows)
    columns = [*VISIT_COLUMNS, *(str(name) for name in labels.table if name not in VISIT_COLUMNS)]
    return screen_rows(
        rows,
        reasons,
        labels,
        _steps(rows, reasons, films, settings),
        films,
        sorted([*findings, *unmatched]),
        [name for name in columns if name in {*rows, *labels.table, "ID", VISIT, "Missing"}],
        START_OF_VISITS,
    )


def _label(rows: pd.DataFrame, settings: OaiSettings) -> Labels:
    """The outcome of each row by those of later visits; a knee replaced before enrolment has none."""
    labels = label_outcome(rows.reset_index(), settings)
    table, falls_out = labels.table.set_axis(rows.index), labels.falls_out.set_axis(rows.index)
    falls_out.insert(0, "replaced at enrolment", rows["at_baseline"])
    if settings.landmarks == "enrolment":
        falls_out.insert(0, "no landmark", rows[MONTHS] > 0)
    unlabelled = falls_out.iloc[:, :2].any(axis=1)
    values = [name for name in (PROGRESSION, "JSL_mm", EVENT, EVENT_MONTHS) if name in table]
    table[values] = table[values].mask(unlabelled)
    return Labels(table, falls_out)


def _steps(
    rows: pd.DataFrame, reasons: pd.DataFrame, films: Sequence[Film], settings: OaiSettings
) -> Iterator[Step]:
    yield "not enrolled", ~rows["enrolled"], "not in enrollees.txt"
    if settings.implants == "excluded":
        yield "replaced at baseline", rows["at_baseline"], "prosthesis on the baseline film"
        replaced = (rows["Replaced_days"] <= rows[MONTHS] * DAYS_PER_MONTH) & (rows[MONTHS] > 0)
        yield "replaced before the visit", replaced, "prosthesis"
    if any(film.file for film in films):
        why = {(film.participant, film.visit): film.reason for film in films if film.reason}
        keys = zip(rows["participant"], rows.index.get_level_values(VISIT), strict=True)
        absent = pd.Series([why.get(key, "no_film") for key in keys], index=rows.index)
        yield "no film of the visit", rows["Scan"] == "", absent
    if rows[VISIT_GRADE].notna().any():
        yield "no KL grade", rows[VISIT_GRADE].isna(), reasons[VISIT_GRADE]


def _match_films(films: Sequence[Film], rows: pd.DataFrame) -> tuple[list[Film], list[Finding]]:
    """Keep the films of participants in the tables; a finding for those in one of the two only."""
    if not films:
        sentence = "the release holds no films; rows are not excluded for want of one"
        return [], [Finding("no_scans", "release", sentence)]
    people = set(rows["participant"])
    matched = [film for film in films if film.participant in people]
    findings = [
        Finding("scan_without_table", film.file, "no table names this participant")
        for film in films
        if film.participant not in people
    ]
    read = rows.index[rows[VISIT_GRADE].notna() | rows["mJSW_mm"].notna()]
    read_at = set(zip(rows.loc[read, "participant"], read.get_level_values(VISIT), strict=True))
    for name, visit in sorted(read_at - {(film.participant, film.visit) for film in matched}):
        matched.append(Film(name, "", reason="no_film", visit=visit))
        sentence = f"read at visit {visit}, but there is no film"
        findings.append(Finding("participant_without_scan", f"{name}, visit {visit}", sentence))
    return sorted(matched, key=lambda film: (film.participant, film.visit, film.file)), findings
