"""The phantom's table with a row a knee and visit: its grade, features and width, and what comes after."""

import pandas as pd

from jsl_core.config import PhantomSettings
from jsl_core.phantom.anatomy import FIRST_PARTICIPANT, draw_anatomy, make_generator
from jsl_core.phantom.reading import oarsi_features
from jsl_core.phantom.risk import LOSS_MM
from jsl_core.phantom.visits import HORIZON, wear_knees

__all__ = ["tabulate_visits", "visit_name"]

_NAMES = {0: "00", 12: "01", 24: "03", 36: "05", 48: "06", 72: "08", 96: "10"}  # of the OAI


def visit_name(months: int) -> str:
    """The OAI's number of a visit, or its months where it has none."""
    return _NAMES.get(months, f"{months}m")


def tabulate_visits(settings: PhantomSettings, study: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Make the table, as `jsl oai --visits` would (docs/table.md).

    Each visit is a baseline: `JSL_Prog` is the loss of 0.7 mm within 48 months of it, where the settings have
    a visit then, and the knee has so much to lose.

    Args:
        settings: Of the cohort.
        study: The study's table, a row a knee.
        truth: The truth, a row a film and knee.
    """
    widths = truth.pivot_table(index="ID", columns="visit", values="mjsw_medial_mm")
    films = truth.set_index(["ID", "visit"])["file"]
    parts = []
    for months in settings.visits:
        read = [_read_knee(settings, name, months) for name in study["ID"]]
        table = study.join(pd.DataFrame(read, index=study.index))
        table = table.assign(visit=visit_name(months), months=months)
        if "Age" in table:
            table["Age"] += months // 12
        table["mJSW_mm"] = study["ID"].map(widths[months])
        if months:
            table["JSL_Prog"] = _losses(table, widths, months)
        table["Scan"] = [films[name, months] for name in study["ID"]]
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def _read_knee(settings: PhantomSettings, name: str, months: int) -> dict[str, int]:
    participant, _, side = name.partition("_")
    index = int(participant) - FIRST_PARTICIPANT
    anatomy = draw_anatomy(make_generator(settings.seed, index, "anatomy"))
    knee = wear_knees(anatomy, settings.seed, index, months)[int(side) - 1]
    return {"KL_grade": knee.kl, **oarsi_features(knee)}


def _losses(table: pd.DataFrame, widths: pd.DataFrame, months: int) -> "pd.Series[int]":
    """Whether 0.7 mm are lost within 48 months of a visit, blank where that is not known."""
    start = table["mJSW_mm"]
    end = table["ID"].map(widths[months + HORIZON]) if months + HORIZON in widths else start * float("nan")
    lost = (start - end).round(3) >= LOSS_MM
    return lost.astype("Int64").where((start >= LOSS_MM) & end.notna() & table["JSL_Prog"].notna())
