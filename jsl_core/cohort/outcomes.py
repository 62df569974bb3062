"""What becomes of a knee after a film: every outcome by its name, and why a knee has none.

Each visit of a knee is a baseline for what comes in the months after it (a landmark; van Houwelingen, Scand J
Stat 34 (2007) 70). Grades and widths of two visits are compared within one reading project only.
"""

import math
from dataclasses import dataclass
from typing import get_args

import pandas as pd

from jsl_core.cohort.columns import (
    EVENT,
    EVENT_MONTHS,
    MONTHS,
    OUTCOME,
    OUTCOME_AMOUNT,
    OUTCOME_MONTHS,
    PROGRESSION,
    VISIT_GRADE,
)
from jsl_core.config.outcome import OutcomeName, OutcomeSettings
from jsl_core.errors import BadTable

__all__ = [
    "DAYS_PER_MONTH",
    "USUAL_OUTCOME",
    "Labels",
    "describe_outcome",
    "describe_outcome_of",
    "label_outcome",
    "refuse_without_times",
]

DAYS_PER_MONTH = 365.25 / 12
_DIGITS = 3  # widths are given to a thousandth of a millimetre; 3.9 - 3.2 is 0.7, whatever floats say
_WIDTHS = ("jsl", "jsl_0250")
_HIGHEST = {"jsn": 3, "kl": 4}  # grades
_INCIDENT_FROM = 2  # definite radiographic osteoarthritis (Kellgren and Lawrence 1957)
# By outcome: what is read at both visits, the project that read it, the same by project 37, its step's words.
_READINGS = {
    "jsl": ("mJSW_mm", "JSW_project", "mJSW_37_mm", "mJSW"),
    "jsl_0250": ("JSW_0250_mm", "JSW_project", "JSW_37_0250_mm", "JSW(0.25)"),
    "jsn": ("JSN_medial", "KL_project", "JSN_37_medial", "JSN grade"),
    "kl": (VISIT_GRADE, "KL_project", "KL_37_grade", "KL grade"),
    "incident": (VISIT_GRADE, "KL_project", "KL_37_grade", "KL grade"),
}


@dataclass(frozen=True)
class Labels:
    """Labels by row.

    `table` has `JSL_Prog`, NaN where a row has no label, and other columns of the outcome. `falls_out` has a
    bool column for every exclusion step, in their order: the rows that have no label for this reason.
    """

    table: pd.DataFrame
    falls_out: pd.DataFrame


def describe_outcome(outcome: OutcomeName, amount: float, months: float) -> str:
    """An outcome in words.

    Args:
        outcome: Its name.
        amount: Millimetres or grades that count; of no meaning to some.
        months: After the film.
    """
    what = {
        "jsl": f"a loss of at least {amount:g} mm of least medial joint space width over",
        "jsl_0250": f"a loss of at least {amount:g} mm of joint space width at x = 0.25 over",
        "jsn": f"medial joint space narrowing that is worse by at least {amount:g} OARSI grade after",
        "kl": f"a KL grade that is higher by at least {amount:g} after",
        "incident": "a KL grade of 2 or above, of knees below it before, after",
        "replacement": "replacement of the knee within",
    }[outcome]
    return f"{what} {months:g} months"


def describe_outcome_of(table: pd.DataFrame) -> str:
    """The outcome that a cohort table names, in words; "" where it names none."""
    names = table[OUTCOME].dropna() if OUTCOME in table else pd.Series(dtype=str)
    if names.empty or names.iloc[0] not in get_args(OutcomeName):
        return "" if names.empty else str(names.iloc[0])
    amount, months = (
        float(table[column].iloc[0]) if column in table else math.nan
        for column in (OUTCOME_AMOUNT, OUTCOME_MONTHS)
    )
    return describe_outcome(names.iloc[0], amount, months)


# What a model predicts whose table named no outcome: what tables had before they named any.
USUAL_OUTCOME = describe_outcome("jsl", 0.7, 48)


def refuse_without_times(table: pd.DataFrame, loss: str) -> None:
    """Refuse a cohort table that has no times where a model is to learn them.

    Args:
        table: From `read_cohort`.
        loss: The setting that asks for them.

    Raises:
        BadTable: It has none.
    """
    if not {EVENT, EVENT_MONTHS, OUTCOME_MONTHS} <= set(table) or table[EVENT_MONTHS].isna().all():
        outcome = describe_outcome_of(table) or "not named"
        raise BadTable(
            f"the cohort table's outcome is {outcome} and has no times ({EVENT_MONTHS}, {EVENT}), which "
            f"jsl_loss = {loss} learns; make the table with outcome replacement, or set jsl_loss to label"
        )


def label_outcome(rows: pd.DataFrame, settings: OutcomeSettings) -> Labels:
    """Label every row of a table with several rows a knee.

    Args:
        rows: One row a knee and visit, in the columns of `VISIT_COLUMNS` (docs/table.md); both the visits
            that get a label and those at which they are looked at again.
        settings: The outcome, and which knees can have it.

    Returns:
        Of a replacement also `Event_months`, from the film to the event or the end of follow-up, and `Event`:
        0 none, 1 replaced, 2 died before. Its label is whether the knee was replaced within the months of
        follow-up; one that died before was not, and one lost before has a time, but no label.
    """
    days = rows[MONTHS] * DAYS_PER_MONTH
    rules = {
        "replaced before the film": (rows["Replaced_days"] <= days) & (rows[MONTHS] > 0),
        **_inclusion_rules(rows, settings),
    }
    label = _label_replacement if settings.outcome == "replacement" else _label_change
    table, reasons = label(rows, days, settings)
    steps = pd.DataFrame(rules | reasons, index=rows.index)
    table = table.where(~steps.any(axis=1))
    if settings.outcome == "replacement":
        lost = table[EVENT].notna() & table[PROGRESSION].isna()
        steps[f"followed for less than {settings.followup_months} months"] = lost
    table[OUTCOME], table[OUTCOME_AMOUNT] = settings.outcome, _amount(settings)
    table[OUTCOME_MONTHS] = float(settings.followup_months)
    return Labels(table, steps)


def _amount(settings: OutcomeSettings) -> float:
    if settings.outcome in _WIDTHS:
        return settings.progression_mm
    return settings.progression_grades if settings.outcome in _HIGHEST else math.nan


def _inclusion_rules(rows: pd.DataFrame, settings: OutcomeSettings) -> dict[str, pd.Series]:
    rules: dict[str, pd.Series] = {}
    if settings.positions == "consistent":
        rules["positioning differs between visits"] = rows["JSW_positions_differ"] == 1
    if settings.lateral == "excluded":
        rules["lateral disease"] = rows["JSN_lateral"] > rows["JSN_medial"]
    if settings.narrowest_mm:
        rules[f"less than {settings.narrowest_mm:g} mm at the film"] = rows["mJSW_mm"] < settings.narrowest_mm
    return rules


def _label_change(
    rows: pd.DataFrame, days: pd.Series, settings: OutcomeSettings
) -> tuple[pd.DataFrame, dict[str, pd.Series]]:
    """Labels by what is read at a row's visit and again after the months of follow-up."""
    column, project, column_37, word = _READINGS[settings.outcome]
    later, amount = _rows_later(rows, settings.followup_months), _amount(settings)
    start, end = rows[column], later[column]
    apart = start.notna() & end.notna() & (rows[project] != later[project])
    start, end = start.mask(apart, rows[column_37]), end.mask(apart, later[column_37])
    gone = rows["Replaced_days"] < days + settings.followup_months * DAYS_PER_MONTH
    decided = gone & (rows["Replaced_days"] > 0) & (settings.replaced != "excluded")
    widths = settings.outcome in _WIDTHS
    reasons = {f"no {word} at the film": rows[column].isna()}
    if widths:
        reasons["widths read on another film"] = _differ(rows["JSW_barcode"], rows["Barcode"])
        reasons["too narrow to progress"] = start < amount
    elif settings.outcome == "incident":
        reasons["KL 2 or above at the film"] = start >= _INCIDENT_FROM
    else:
        reasons["too high to progress"] = start + amount > _HIGHEST[settings.outcome]
    reasons["replaced before follow-up"] = gone & ~decided
    reasons[f"no {word} at follow-up"] = later[column].isna() & ~decided
    reasons["read by different projects"] = apart & (start.isna() | end.isna()) & ~decided
    if widths:
        other_film = _differ(later["JSW_barcode"], later["Barcode"])
        reasons["follow-up read on another film"] = other_film & ~decided
    change = (start - end if widths else end - start).round(_DIGITS)
    progressed = end >= _INCIDENT_FROM if settings.outcome == "incident" else change >= amount
    progressed = progressed.mask(decided, settings.replaced == "progressed")
    table = pd.DataFrame({PROGRESSION: progressed.astype(float)})
    return table.assign(JSL_mm=change.mask(decided)) if widths else table, reasons


def _label_replacement(
    rows: pd.DataFrame, days: pd.Series, settings: OutcomeSettings
) -> tuple[pd.DataFrame, dict[str, pd.Series]]:
    """Labels and times by the day of replacement, the day of death, and the last contact."""
    replaced, died = rows["Replaced_days"], rows["Died_days"]
    end = (rows["Last_contact_months"] * DAYS_PER_MONTH).mask(died.notna(), died)
    event = pd.Series(0.0, rows.index).mask(died.notna(), 2).mask(replaced.notna(), 1)
    months = (end.mask(replaced.notna(), replaced) - days) / DAYS_PER_MONTH
    horizon = settings.followup_months
    label = ((months <= horizon) & (event == 1)).astype(float)
    reasons = {
        "day of replacement unknown": replaced == 0,
        "replaced after death": replaced > died,
        "not followed after the film": ~(months > 0),
    }
    label = label.mask((months < horizon) & (event == 0))
    return pd.DataFrame({PROGRESSION: label, EVENT_MONTHS: months, EVENT: event}), reasons


def _rows_later(rows: pd.DataFrame, months: int) -> pd.DataFrame:
    """Of each row the knee's row so many months later, blank where there is none."""
    later = rows.set_index([rows["ID"], rows[MONTHS] - months])
    later = later.reindex(pd.MultiIndex.from_arrays([rows["ID"], rows[MONTHS]]))
    return later.set_axis(rows.index)


def _differ(one: pd.Series, other: pd.Series) -> pd.Series:
    """Whether two barcodes are both there and not the same."""
    one, other = one.fillna("").astype(str), other.fillna("").astype(str)
    return (one != "") & (other != "") & (one != other)
