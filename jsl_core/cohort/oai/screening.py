"""Screening: the exclusion of knees step by step, with the reason of each (a CONSORT flow)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from jsl_core.cohort.columns import EVENT, OARSI, VISIT_GRADE
from jsl_core.cohort.oai.films import Film
from jsl_core.cohort.oai.findings import Finding
from jsl_core.cohort.oai.labels import Labels

__all__ = ["COLUMNS", "ENDS", "MILESTONES", "Cohort", "Step", "screen", "screen_rows"]

Step = tuple[str, pd.Series, pd.Series | str]  # its name, the rows that fall out, and why each does

COLUMNS = (
    *("ID", "Age", "Sex", "Race", "BMI", "Knee_Injury", "Alignment_degree", "BL_KL_grade", "JSL_Prog"),
    *("JSL_mm", "BL_mJSW_mm", "FU_mJSW_mm", "Replaced_days", "Cohort", "Site", "Barcode", "Scan", "Missing"),
)
ENDS = ("progressed", "stable")
START, START_OF_VISITS = "knees of all participants", "knees of all participants at each visit"
_IN_TABLE, _LABELLED = "in the cohort table", "with a progression label"
MILESTONES = (START, START_OF_VISITS, _IN_TABLE, _LABELLED, *ENDS)
_WHOLE = (
    *("Age", "Sex", "Race", "Knee_Injury", "BL_KL_grade", "JSL_Prog", "Replaced_days", "Cohort"),
    *(VISIT_GRADE, "KL_37_grade", *OARSI, "JSW_positions_differ", "Died_days", "Last_contact_months", EVENT),
)
_MEASURED_AT = {"no baseline mJSW": "BL_mJSW_mm", "no follow-up mJSW": "FU_mJSW_mm"}


@dataclass(frozen=True)
class Cohort:
    """A cohort table and how it was made.

    `table` has `COLUMNS`, or `VISIT_COLUMNS` of knees at several visits; `excluded` has ID (and visit), step
    and reason of every row that is not in the table or has no label; `flow` has step, excluded and remaining,
    in the order in which they fall out.
    """

    table: pd.DataFrame
    excluded: pd.DataFrame
    flow: pd.DataFrame
    films: tuple[Film, ...]
    findings: tuple[Finding, ...]

    @property
    def scans(self) -> tuple[str, ...]:
        """The films of the table's knees, each once, by their names in the release."""
        return tuple(name for name in self.table["Scan"].unique() if name)


def screen(
    knees: pd.DataFrame,
    reasons: pd.DataFrame,
    labels: Labels,
    films: Sequence[Film] = (),
    findings: Sequence[Finding] = (),
) -> Cohort:
    """Exclude knees step by step, first from the table, then from having a label.

    A step whose table or films are missing altogether is left out.

    Args:
        knees: From `join_tables`.
        reasons: Why values are missing, from `join_tables`.
        labels: Of the knees.
        films: Baseline films, used or rejected.
        findings: Oddities of the release, kept as they are.
    """
    usable = {film.participant: film for film in films if not film.reason}
    film_columns = {
        column: [getattr(usable.get(name), field, "") for name in knees["participant"]]
        for column, field in (("Scan", "file"), ("Barcode", "barcode"))
    }
    knees = knees.assign(**film_columns)
    steps = _exclusion_steps(knees, reasons, films)
    return screen_rows(knees, reasons, labels, steps, films, findings)


def screen_rows(
    rows: pd.DataFrame,
    reasons: pd.DataFrame,
    labels: Labels,
    steps: Iterable[Step],
    films: Sequence[Film],
    findings: Sequence[Finding],
    columns: Sequence[str] = COLUMNS,
    start: str = START,
) -> Cohort:
    """Exclude rows of knees, or of knees and visits, step by step.

    Args:
        rows: With the films' columns, indexed by what names a row, which the tables show.
        reasons: Why values are missing, of the same rows.
        labels: Of the same rows.
        steps: From the table, in this order; those of the labels follow.
        films: Used or rejected.
        findings: Oddities of the release, kept as they are.
        columns: Of the table.
        start: What the flow begins with.
    """
    rows = rows.join(labels.table)
    included = pd.Series(True, index=rows.index)
    excluded: list[pd.DataFrame] = []
    flow = [(start, 0, len(rows))]

    def drop(step: str, falls_out: pd.Series, reason: pd.Series | str) -> None:
        leaving = included & falls_out
        included[leaving] = False
        flow.append((step, int(leaving.sum()), int(included.sum())))
        excluded.append(pd.DataFrame({"step": step, "reason": reason}, index=rows.index)[leaving])

    for step, falls_out, reason in steps:
        drop(step, falls_out, reason)
    table = rows[included]
    flow.append((_IN_TABLE, 0, len(table)))
    for step in map(str, labels.falls_out):
        reason = reasons[_MEASURED_AT[step]] if _MEASURED_AT.get(step, "") in reasons else step
        drop(step, labels.falls_out[step], reason)
    progressed = int((rows.loc[included, "JSL_Prog"] == 1).sum())
    count = int(included.sum())
    counts = (count, progressed, count - progressed)
    flow += [(step, 0, count) for step, count in zip((_LABELLED, *ENDS), counts, strict=True)]
    return Cohort(
        _format_table(table, reasons, columns),
        pd.concat(excluded).sort_index(kind="stable").reset_index(),
        pd.DataFrame(flow, columns=["step", "excluded", "remaining"]),
        tuple(films),
        tuple(findings),
    )


def _exclusion_steps(knees: pd.DataFrame, missing: pd.DataFrame, films: Sequence[Film]) -> Iterator[Step]:
    yield "not enrolled", ~knees["enrolled"], "not in enrollees.txt"
    yield "replaced at baseline", knees["at_baseline"], "prosthesis on the baseline film"
    if any(film.file for film in films):
        reasons = {film.participant: film.reason for film in films if film.reason}
        yield "no baseline film", knees["Scan"] == "", knees["participant"].map(reasons)
    if (missing["BL_KL_grade"] != "no table").any():
        yield "no KL grade", knees["BL_KL_grade"].isna(), missing["BL_KL_grade"]


def _format_table(rows: pd.DataFrame, reasons: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    table = rows.reset_index()
    table["Missing"] = [
        "; ".join(f"{column} {reason}" for column, reason in zip(reasons.columns, row, strict=True) if reason)
        for row in reasons.loc[rows.index].itertuples(index=False)
    ]
    for column in (name for name in _WHOLE if name in columns):
        numbers = table[column].astype(float)
        whole = (numbers.dropna() % 1 == 0).all()  # an age may have a fraction: nothing is rounded
        table[column] = numbers.astype("Int64") if whole else numbers
    return table[list(columns)]
