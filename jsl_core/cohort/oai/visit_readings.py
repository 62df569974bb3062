"""What the central readers saw at one visit: grades, OARSI features and widths of each knee, of one project.

A knee may be read in several projects. Its values at a visit are those of one reading: of project 15, or else
37, or else 42 (DOMAIN: as public readers take them), whichever gave the grade, or the least width.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from jsl_core.cohort.columns import VISIT_GRADE
from jsl_core.cohort.oai.readings import CONTRADICTORY, WIDEST_MM
from jsl_core.cohort.oai.specs import FEATURES, LOCATIONS
from jsl_core.cohort.oai.values import barcodes, codes_of, numbers_of, participants_of, sides_of

__all__ = ["PROJECTS", "VisitReadings", "read_visit_grades", "read_visit_widths"]

PROJECTS = ("15", "37", "42")  # in this order; the last two are one project, which was renamed
_WIDTH = "mJSW_mm"
_UNMEASURABLE = "not measurable"


@dataclass(frozen=True)
class VisitReadings:
    """By knee ID the values at a visit, and the reason why each is missing ("" where it is not)."""

    table: pd.DataFrame
    reasons: pd.DataFrame


@dataclass(frozen=True)
class _Source:
    """A column of the release: the values that are possible, and the column that flags it as unmeasurable."""

    column: str
    highest: float
    whole: bool = False
    flag: str = ""


def read_visit_grades(table: pd.DataFrame, visit: str) -> VisitReadings:
    """Read the KL grade and the OARSI features of a visit.

    Args:
        table: KXR_SQ_BU of the visit.
        visit: Its number, such as `06`.

    Returns:
        `KL_grade`, `KL_project`, the features of `OARSI`, and `KL_37_grade` and `JSN_37_medial`. Grades and
        osteophytes are whole; narrowing has fractions where readers saw a change within a grade.
    """
    sources = {VISIT_GRADE: _Source(f"V{visit}XRKL", 4, whole=True)}
    for name, column in FEATURES.items():
        sources[name] = _Source(f"V{visit}{column}", 3, whole=not name.startswith("JSN"))
    of_37 = {VISIT_GRADE: "KL_37_grade", "JSN_medial": "JSN_37_medial"}
    return _read(table, sources, VISIT_GRADE, "KL_project", of_37)


def read_visit_widths(table: pd.DataFrame, visit: str) -> VisitReadings:
    """Read the joint space widths of a visit, in mm.

    Args:
        table: KXR_QJSW_DURYEA of the visit.
        visit: Its number, such as `06`.

    Returns:
        `mJSW_mm`, `JSW_project`, the fixed locations of `JSW`, `mJSW_37_mm` and `JSW_37_0250_mm`,
        `JSW_barcode` and `JSW_positions_differ`. A width that a flag calls unmeasurable is none, whatever
        number stands there.
    """
    sources = {_WIDTH: _Source(f"V{visit}MCMJSW", WIDEST_MM, flag=f"V{visit}NOMMJSW")}
    for name, column in LOCATIONS.items():
        flag = f"V{visit}{'NOMJSWX' if column.startswith('J') else 'NOLJSWX'}"
        sources[name] = _Source(f"V{visit}{column}", WIDEST_MM, flag=flag)
    sources["JSW_positions_differ"] = _Source(f"V{visit}INCSTPS", 1, whole=True)
    of_37 = {_WIDTH: "mJSW_37_mm", "JSW_0250_mm": "JSW_37_0250_mm"}
    readings = _read(table, sources, _WIDTH, "JSW_project", of_37)
    column = next((f"V{visit}{name}" for name in ("BARCDJD", "BARCDBU") if f"V{visit}{name}" in table), "")
    films = _barcodes_by_reading(table, column)
    chosen = pd.MultiIndex.from_arrays([readings.table.index, readings.table["JSW_project"]])
    readings.table["JSW_barcode"] = films.reindex(chosen).fillna("").to_numpy()
    return readings


def _read(
    table: pd.DataFrame, sources: Mapping[str, _Source], leading: str, project: str, of_37: Mapping[str, str]
) -> VisitReadings:
    """One reading a knee: of the first project that gave the leading value.

    `of_37` names the columns of what project 37 (or 42) read, by those of the chosen reading.
    """
    keys = _keys(table)
    values = pd.DataFrame(index=table.index)
    reasons = pd.DataFrame(index=table.index)
    names = {source.flag for source in sources.values()} & set(table)
    flags = {name: numbers_of(table[name]).numbers == 1 for name in names}
    for name, source in sources.items():
        if source.column not in table:
            values[name], reasons[name] = float("nan"), "no column"
            continue
        column = numbers_of(table[source.column], 0, source.highest, whole=source.whole)
        values[name], reasons[name] = column.numbers, column.missing
        if source.flag in flags:
            flagged = flags[source.flag]
            reasons[name] = (
                reasons[name]
                .mask(flagged & column.numbers.isna(), _UNMEASURABLE)
                .mask(flagged & column.numbers.notna(), CONTRADICTORY)
            )
            values[name] = values[name].mask(flagged)
    usable = (keys["participant"] != "") & (keys["side"] > 0)
    values, reasons = _one_reading_each(values[usable], reasons[usable], keys[usable])
    order = _rank([str(name) for name in values.index.get_level_values("project")])
    lacking = values[leading].isna().to_numpy() + 1 * values.isna().all(axis=1).to_numpy()
    ranked = pd.Series(order + 1000.0 * lacking, index=values.index)
    ranked = ranked.sort_values(kind="stable")
    first = ranked.index[~ranked.index.get_level_values("knee").duplicated()]
    chosen = values.loc[first].reset_index("project")
    chosen[project] = chosen.pop("project").where(chosen[list(sources)].notna().any(axis=1), "")
    of_both = values[list(of_37)][values.index.get_level_values("project").isin(("37", "42"))]
    grouped = of_both.rename(columns=of_37).groupby("knee")
    chosen = chosen.join(grouped.min().where(grouped.min() == grouped.max()))
    return VisitReadings(chosen, reasons.loc[first].droplevel("project"))


def _keys(table: pd.DataFrame) -> pd.DataFrame:
    participants, sides = participants_of(table["ID"]), sides_of(table["SIDE"])
    return pd.DataFrame(
        {
            "participant": participants,
            "side": sides,
            "knee": participants + "_" + sides.astype(str),
            "project": codes_of(table["READPRJ"]).str.removesuffix(".0"),
        }
    )


def _one_reading_each(
    values: pd.DataFrame, reasons: pd.DataFrame, keys: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One row a knee and project; a value that differs between two rows of one is none."""
    index = pd.MultiIndex.from_frame(keys[["knee", "project"]])
    values, reasons = values.set_axis(index), reasons.set_axis(index)
    if index.is_unique:
        return values, reasons
    grouped = values.groupby(level=["knee", "project"], sort=False)
    low, high = grouped.min(), grouped.max()
    contradictory = low.notna() & low.ne(high)
    first = reasons[~index.duplicated()]
    reasons = first.loc[low.index].mask(low.notna(), "").mask(contradictory, CONTRADICTORY)
    return low.mask(contradictory), reasons


def _rank(projects: Sequence[str]) -> "pd.Index[float]":
    """15, 37 and 42, then the others by number."""
    named = {project: float(place) for place, project in enumerate(PROJECTS)}
    return pd.Index([named.get(name, 100.0 + float(name)) if name.isdigit() else 999.0 for name in projects])


def _barcodes_by_reading(table: pd.DataFrame, column: str) -> pd.Series:
    """The barcode of each knee and project; "" where two rows of one differ."""
    keys = _keys(table)
    cells = barcodes(table[column]) if column else pd.Series("", index=table.index)
    read = pd.DataFrame({"film": cells, "knee": keys["knee"], "project": keys["project"]})
    read = read[read["film"] != ""].drop_duplicates()
    films = read.set_index(["knee", "project"])["film"]
    doubtful = films.index.duplicated(keep=False)
    films = films.mask(doubtful, "")
    return films[~films.index.duplicated()]
