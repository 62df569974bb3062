"""The report's flow of participants, from films and the cohort table to the parts, and what the films are."""

from typing import Any

import pandas as pd

from jsl_core.cohort.columns import GRADE, PROGRESSION, SPLITS
from jsl_core.cohort.persons import normalise_knee, parse_knee

__all__ = ["tabulate_films", "tabulate_flow"]

Rows = list[list[str]]

_PARTS = {"train": "Training", "val": "Validation", "test": "Test"}
_LATERALITY = {"R": "right", "L": "left", "B": "both", "": "not told"}


def tabulate_flow(table: pd.DataFrame, rejected: pd.DataFrame, scans: int | None) -> Rows:
    """Tabulate how many films, knees and participants there are at each step.

    Args:
        table: The packed dataset's.
        rejected: With ID and reason, and the file where a film or a knee of it was rejected; rows without a
            file are rows of the cohort table without a joint, and joints without a row there.
        scans: Films that were found; None where the cohort table names ready crops.
    """
    rejected = rejected.reindex(columns=["file", "ID", "reason"])
    on_films, unpaired = rejected[rejected["file"].notna()], rejected[rejected["file"].isna()]
    strangers = unpaired[unpaired["reason"] == "no_row"]
    packed = set(table["ID"])
    lost = unpaired[(unpaired["reason"] != "no_row") & ~unpaired["ID"].map(normalise_knee).isin(packed)]
    rows = []
    if scans is not None:
        rows.append(["Films found", f"{scans:,}", "", ""])
        rows.append(["– rejected, or one of their knees", f"{on_films['file'].nunique():,}", "", ""])
    known = [*table["ID"], *lost["ID"]]
    rows.append(["In the cohort table", "", f"{len(known):,}", f"{_count_people(known):,}"])
    for reason, knees in lost.groupby("reason")["ID"]:
        sentence = f"– out: {str(reason).replace('_', ' ')}"
        rows.append([sentence, "", f"{len(knees):,}", f"{_count_people(knees):,}"])
    if len(strangers):
        count = f"{len(strangers):,}"
        rows.append(
            ["Joints without a row there (not used)", "", count, f"{_count_people(strangers['ID']):,}"]
        )
    whole = [[*row, "", "", ""] for row in rows]
    parts = {"With a joint and a row": table} | {
        f"– {_PARTS[split]}": table[table["split"] == split] for split in SPLITS
    }
    head = ["", "Films", "Knees", "Participants", "With an outcome", "Progressed", "With a KL grade"]
    return [head, *whole, *([name, *_count_knees(part)] for name, part in parts.items())]


def tabulate_films(films: pd.DataFrame) -> Rows:
    """Tabulate what is known of how the accepted films were made; the header alone where there are none.

    Args:
        films: One row per film with view, laterality, spacing_mm (NaN where unknown), spacing_source, width,
            height (pixels) and bits.
    """
    if films.empty:
        return [[""]]
    spacing = films["spacing_mm"].dropna()
    rows = [
        ["Accepted", f"{len(films):,}"],
        ["Projection", _count_values(films["view"].replace("", "not told"))],
        ["Knees on the film, by its tags", _count_values(films["laterality"].map(_LATERALITY))],
        ["Size, pixels (median)", f"{films['width'].median():.0f} × {films['height'].median():.0f}"],
        ["Bits a pixel", _count_values(films["bits"])],
        ["Scale from", _count_values(films["spacing_source"].replace("", "nowhere"))],
    ]
    if len(spacing):
        ends = f"{spacing.min():.3f} to {spacing.max():.3f}"
        rows.append(["Pixel spacing, mm (median; range)", f"{spacing.median():.3f}; {ends}"])
    return [["", "Films"], *rows]


def _count_knees(rows: pd.DataFrame) -> list[str]:
    counts = [
        len(rows),
        rows["participant"].nunique(),
        rows[PROGRESSION].notna().sum(),
        (rows[PROGRESSION] == 1).sum(),
        rows[GRADE].notna().sum(),
    ]
    return ["", *(f"{count:,}" for count in counts)]


def _count_people(knees: Any) -> int:
    return len({(parse_knee(knee) or (knee,))[0] for knee in knees})


def _count_values(values: pd.Series) -> str:
    counts = values.value_counts()
    return ", ".join(f"{value}: {count:,}" for value, count in counts.items())
