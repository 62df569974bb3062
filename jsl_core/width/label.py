"""Labels of progression from the widths of two visits."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from jsl_core.cohort.persons import normalise_knee
from jsl_core.errors import BadTable
from jsl_core.system.spreadsheet import read_csv
from jsl_core.width.doubts import TWO_RIMS

__all__ = ["LABEL_COLUMNS", "PROGRESSION_MM", "label_progression", "read_widths"]

PROGRESSION_MM = 0.7  # loss of least medial width from which on a knee has progressed (docs/architecture.md)
LABEL_COLUMNS = [
    "ID",
    "side",
    "mjsw_baseline_mm",
    "mjsw_followup_mm",
    "JSL_mm",
    "JSL_Prog",
    "reason",
    "sentence",
]
_MJSW = "mjsw_medial_mm"


@dataclass(frozen=True)
class _Reading:
    """One knee at one visit: its least medial width in mm, None with a reason."""

    side: int | None
    width: float | None
    reason: str
    sentence: str


def read_widths(file: Path) -> pd.DataFrame:
    """Read a `widths.csv`, its knees under their normalised IDs.

    Raises:
        BadTable: Where the file cannot be read, is no such table, or has a knee twice.
    """
    try:
        table = read_csv(file)
    except (OSError, ValueError) as error:
        raise BadTable(f"{file}: cannot be read; give a widths.csv of jsl measure") from error
    missing = {"ID", "side", _MJSW, "reason", "sentence"} - set(table.columns)
    if missing:
        raise BadTable(f"{file}: lacks {', '.join(sorted(missing))}; give a widths.csv of jsl measure")
    table = table[table["ID"].notna()].assign(ID=lambda rows: rows["ID"].map(normalise_knee))
    repeated = table.loc[table["ID"].duplicated() & (table["reason"].fillna("") != "duplicate"), "ID"]
    if len(repeated):
        raise BadTable(f"{file}: knee {repeated.iloc[0]} is there twice; measure one film of each visit")
    return table


def label_progression(baseline: pd.DataFrame, followup: pd.DataFrame) -> pd.DataFrame:
    """Label each knee that either visit shows.

    Args:
        baseline: From `read_widths`, of the first visit.
        followup: Of the second.

    Returns:
        A row a knee with `LABEL_COLUMNS`: the loss of least medial width in mm, and 1 where it is 0.7 mm or
        more, 0 where it is less; or neither, and a reason.
    """
    before, after = _readings(baseline), _readings(followup)
    rows = []
    for knee in dict.fromkeys([*before, *after]):
        first, second = before.get(knee), after.get(knee)
        side = next((reading.side for reading in (first, second) if reading and reading.side), None)
        row: dict[str, object] = {"ID": knee, "side": side}
        row["mjsw_baseline_mm"] = first and first.width
        row["mjsw_followup_mm"] = second and second.width
        rows.append(row | _label(first, second))
    table = pd.DataFrame(rows, columns=LABEL_COLUMNS)
    return table.astype({"side": "Int64", "JSL_Prog": "Int64"})


def _label(first: _Reading | None, second: _Reading | None) -> dict[str, object]:
    for visit, reading in (("baseline", first), ("follow-up", second)):
        if reading is None:
            return {
                "reason": f"no_{visit.replace('-', '')}",
                "sentence": f"the knee is not among the {visit}'s",
            }
        if reading.width is None:
            return {"reason": reading.reason, "sentence": f"{visit}: {reading.sentence}"}
    assert first is not None and first.width is not None  # noqa: PT018
    assert second is not None and second.width is not None  # noqa: PT018
    if first.width < PROGRESSION_MM:
        return {
            "reason": "nothing_to_lose",
            "sentence": f"with less than {PROGRESSION_MM} mm at baseline the knee cannot lose as much",
        }
    loss = round(first.width - second.width, 3)
    return {"JSL_mm": loss, "JSL_Prog": int(loss >= PROGRESSION_MM), "reason": "", "sentence": ""}


def _readings(table: pd.DataFrame) -> dict[str, _Reading]:
    readings: dict[str, _Reading] = {}
    for row in table.to_dict("records"):
        reason, sentence = (
            str(row[name]) if isinstance(row[name], str) else "" for name in ("reason", "sentence")
        )
        if reason == "duplicate" and row["ID"] in readings:
            continue
        width = None if pd.isna(row[_MJSW]) else float(row[_MJSW])
        if row.get("doubt") == TWO_RIMS[0]:
            width, (reason, sentence) = None, TWO_RIMS
        if width is None and not reason:
            reason, sentence = "no_spacing", "the film does not say how many mm a pixel is"
        side = None if pd.isna(row["side"]) else int(row["side"])
        readings[row["ID"]] = _Reading(side, width, reason, sentence)
    return readings
