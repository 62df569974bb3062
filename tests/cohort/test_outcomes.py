"""Labels of every outcome, against a reckoning row by row and cases worked by hand."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jsl_core.cohort import read_cohort
from jsl_core.cohort.columns import JSW, OARSI
from jsl_core.cohort.outcomes import Labels, describe_outcome, describe_outcome_of, label_outcome
from jsl_core.cohort.relabel import relabel
from jsl_core.config.outcome import LabelSettings, OutcomeSettings
from jsl_core.errors import BadTable

NAN = math.nan
DAYS = 365.25 / 12
VISITS = (0, 12, 24, 36, 48, 72, 96)
BLANK = {
    **dict.fromkeys(("KL_grade", "KL_37_grade", *OARSI, "JSN_37_medial", "mJSW_mm", "mJSW_37_mm", *JSW), NAN),
    **dict.fromkeys(("JSW_37_0250_mm", "JSW_positions_differ"), NAN),
    **dict.fromkeys(("Replaced_days", "Died_days", "Last_contact_months"), NAN),
    **dict.fromkeys(("KL_project", "JSW_project"), "15"),
    **dict.fromkeys(("Barcode", "JSW_barcode"), ""),
}


def knee(name: str, **by_visit: Mapping[int, Any] | Any) -> list[dict[str, Any]]:
    """Rows of a knee; a value by month, or the same at all visits."""
    months = sorted({m for values in by_visit.values() if isinstance(values, dict) for m in values} or {0})
    return [
        {"ID": name, "months": month, **BLANK}
        | {
            column: values.get(month, BLANK[column]) if isinstance(values, dict) else values
            for column, values in by_visit.items()
        }
        for month in months
    ]


def label(rows: list[dict[str, Any]], **settings: Any) -> Labels:
    return label_outcome(pd.DataFrame(rows), OutcomeSettings(**settings))


def outcome_of(labels: Labels, row: int = 0) -> float | str:
    """The label of a row, or the first step at which it fell out."""
    steps = labels.falls_out.iloc[row]
    return str(steps.idxmax()) if steps.any() else float(labels.table["JSL_Prog"].iloc[row])


@pytest.mark.parametrize(
    ("values", "settings", "expected"),
    [
        ({"mJSW_mm": {0: 3.9, 48: 3.2}}, {}, 1),  # 0.7 to the thousandth, whatever floats say
        ({"mJSW_mm": {0: 3.9, 48: 3.201}}, {}, 0),
        ({"mJSW_mm": {0: 3.9, 24: 3.2}}, {}, "no mJSW at follow-up"),
        ({"mJSW_mm": {0: 3.9, 24: 3.2}}, {"followup_months": 24}, 1),
        ({"mJSW_mm": {0: 0.6, 48: 0.0}}, {}, "too narrow to progress"),
        ({"mJSW_mm": {0: 0.9, 48: 0.0}}, {"narrowest_mm": 1}, "less than 1 mm at the film"),
        ({"JSW_0250_mm": {0: 5.0, 48: 4.4}, "mJSW_mm": {0: 4.0, 48: 1.0}}, {"outcome": "jsl_0250"}, 0),
        ({"JSW_0250_mm": {0: 5.0, 48: 4.4}}, {"outcome": "jsl_0250", "progression_mm": 0.6}, 1),
        ({"JSN_medial": {0: 1.0, 48: 1.3}}, {"outcome": "jsn", "progression_grades": 0.3}, 1),
        ({"JSN_medial": {0: 1.0, 48: 1.3}}, {"outcome": "jsn"}, 0),
        ({"JSN_medial": {0: 3.0, 48: 3.0}}, {"outcome": "jsn"}, "too high to progress"),
        ({"KL_grade": {0: 2, 48: 3}}, {"outcome": "kl"}, 1),
        ({"KL_grade": {0: 4, 48: 4}}, {"outcome": "kl"}, "too high to progress"),
        ({"KL_grade": {0: 1, 48: 2}}, {"outcome": "incident"}, 1),
        ({"KL_grade": {0: 0, 48: 1}}, {"outcome": "incident"}, 0),
        ({"KL_grade": {0: 2, 48: 3}}, {"outcome": "incident"}, "KL 2 or above at the film"),
    ],
)
def test_a_knee_has_the_outcome_that_its_readings_say(
    values: dict[str, Any], settings: dict[str, Any], expected: float | str
) -> None:
    assert outcome_of(label(knee("1000001_1", **values), **settings)) == expected


def test_widths_of_two_projects_are_not_compared_but_those_of_project_37_are() -> None:
    apart = {"mJSW_mm": {24: 4.0, 72: 3.0}, "JSW_project": {24: "15", 72: "37"}}
    assert outcome_of(label(knee("1000001_1", **apart))) == "read by different projects"
    again = {"mJSW_37_mm": {24: 3.5, 72: 3.0}}
    assert outcome_of(label(knee("1000001_1", **apart, **again))) == 0


@pytest.mark.parametrize(
    ("outcome", "column", "project", "of_37", "start", "end"),
    [
        ("jsn", "JSN_medial", "KL_project", "JSN_37_medial", 1.0, 2.0),
        ("kl", "KL_grade", "KL_project", "KL_37_grade", 2.0, 3.0),
        ("jsl_0250", "JSW_0250_mm", "JSW_project", "JSW_37_0250_mm", 5.0, 4.0),
    ],
)
def test_every_reading_is_compared_by_project_37_where_15_did_not_read_both(
    outcome: str, column: str, project: str, of_37: str, start: float, end: float
) -> None:
    apart = {column: {0: start + 1, 96: end}, project: {0: "15", 96: "42"}}
    settings = {"outcome": outcome, "followup_months": 96}
    assert outcome_of(label(knee("1000001_1", **apart), **settings)) == "read by different projects"
    assert outcome_of(label(knee("1000001_1", **apart, **{of_37: {0: start, 96: end}}), **settings)) == 1


def test_widths_that_were_read_on_another_film_than_the_one_used_are_no_outcome() -> None:
    widths = {"mJSW_mm": {0: 4.0, 48: 3.0}}
    film = {"Barcode": {0: "10000001", 48: "10000002"}}
    assert outcome_of(label(knee("1000001_1", **widths, **film, JSW_barcode={0: "10000001"}))) == 1
    other = label(knee("1000001_1", **widths, **film, JSW_barcode={0: "10000009"}))
    assert outcome_of(other) == "widths read on another film"
    later = label(knee("1000001_1", **widths, **film, JSW_barcode={48: "10000009"}))
    assert outcome_of(later) == "follow-up read on another film"
    grades = {"KL_grade": {0: 2, 48: 3}, "JSW_barcode": {0: "10000009"}}
    assert outcome_of(label(knee("1000001_1", **grades, **film), outcome="kl")) == 1


@pytest.mark.parametrize(
    ("replaced", "expected"),
    [("excluded", "replaced before follow-up"), ("progressed", 1), ("competing", 0)],
)
def test_a_knee_replaced_before_follow_up_is_what_the_setting_says(
    replaced: str, expected: float | str
) -> None:
    rows = knee("1000001_1", mJSW_mm={0: 4.0, 48: 2.0}, Replaced_days=1000)
    assert outcome_of(label(rows, replaced=replaced)) == expected


@pytest.mark.parametrize("replaced", ["excluded", "progressed", "competing"])
def test_a_knee_replaced_on_an_unknown_day_has_no_label(replaced: str) -> None:
    rows = knee("1000001_1", mJSW_mm={0: 4.0, 48: 2.0}, Replaced_days=0)
    assert outcome_of(label(rows, replaced=replaced)) == "replaced before follow-up"


def test_inclusion_rules_hold_only_where_they_are_set() -> None:
    rows = knee("1000001_1", mJSW_mm={0: 4.0, 48: 3.0}, JSW_positions_differ=1, JSN_lateral=2, JSN_medial=1)
    assert outcome_of(label(rows)) == 1
    assert outcome_of(label(rows, positions="consistent")) == "positioning differs between visits"
    assert outcome_of(label(rows, lateral="excluded")) == "lateral disease"


@pytest.mark.parametrize(
    ("values", "event", "months", "expected"),
    [
        ({"Replaced_days": 30 * DAYS, "Last_contact_months": 96}, 1, 30, 1),
        ({"Replaced_days": 60 * DAYS, "Last_contact_months": 96}, 1, 60, 0),  # after the 48 months
        ({"Died_days": 30 * DAYS, "Last_contact_months": 24}, 2, 30, 0),  # it was not replaced by then
        ({"Replaced_days": 20 * DAYS, "Died_days": 30 * DAYS}, 1, 20, 1),
        ({"Last_contact_months": 48}, 0, 48, 0),
        ({"Last_contact_months": 36}, 0, 36, "followed for less than 48 months"),
        ({"Last_contact_months": 0}, NAN, NAN, "not followed after the film"),
        ({"Replaced_days": 0}, NAN, NAN, "day of replacement unknown"),
        ({"Replaced_days": 900, "Died_days": 800}, NAN, NAN, "replaced after death"),
    ],
)
def test_time_to_replacement_ends_with_it_with_death_or_with_the_last_contact(
    values: dict[str, float], event: float, months: float, expected: float | str
) -> None:
    labels = label(knee("1000001_1", **values), outcome="replacement")
    assert labels.table["Event"].iloc[0] == pytest.approx(event, nan_ok=True)
    assert labels.table["Event_months"].iloc[0] == pytest.approx(months, nan_ok=True)
    assert outcome_of(labels) == expected


def test_every_visit_is_a_baseline_of_its_own() -> None:
    rows = knee("1000001_1", mJSW_mm={0: 5.0, 24: 4.5, 48: 4.2, 72: 3.0}, Replaced_days=80 * DAYS)
    rows += knee("1000001_2", mJSW_mm={24: 4.0, 72: 3.9})
    labels = label(rows)
    assert [outcome_of(labels, row) for row in range(6)] == [
        *(1, 1, "replaced before follow-up", "replaced before follow-up"),
        *(0, "no mJSW at follow-up"),
    ]
    times = label(rows, outcome="replacement").table["Event_months"]
    assert times[:4].tolist() == pytest.approx([80, 56, 32, 8])


@pytest.mark.parametrize("replaced", ["excluded", "progressed", "competing"])
def test_labels_of_many_knees_are_those_of_a_reckoning_row_by_row(replaced: str) -> None:
    rng = np.random.default_rng(7)
    rows = []
    for number in range(200):
        gone = float(rng.integers(1, 3500)) if rng.random() < 0.2 else NAN
        for month in VISITS:
            if rng.random() < 0.8:
                width = round(float(rng.uniform(0.3, 5)), 2) if rng.random() < 0.9 else NAN
                row = {"ID": f"{1000001 + number}_1", "months": month, **BLANK}
                rows.append(row | {"mJSW_mm": width, "Replaced_days": gone})
    labels = label(rows, replaced=replaced)
    width_at = {(row["ID"], row["months"]): row["mJSW_mm"] for row in rows}
    for place, row in enumerate(rows):
        start = row["mJSW_mm"]
        end = width_at.get((row["ID"], row["months"] + 48), NAN)
        days = row["months"] * DAYS
        if (row["Replaced_days"] <= days and days > 0) or math.isnan(start) or start < 0.7:
            expected = NAN
        elif row["Replaced_days"] < days + 48 * DAYS:
            expected = {"excluded": NAN, "progressed": 1.0, "competing": 0.0}[replaced]
        else:
            expected = NAN if math.isnan(end) else float(round(start - end, 3) >= 0.7)
        assert labels.table["JSL_Prog"].iloc[place] == pytest.approx(expected, nan_ok=True)
    assert labels.falls_out.any(axis=1).eq(labels.table["JSL_Prog"].isna()).all()


def test_every_outcome_has_words_that_name_amount_and_months() -> None:
    assert describe_outcome("jsl", 0.7, 48) == (
        "a loss of at least 0.7 mm of least medial joint space width over 48 months"
    )
    assert describe_outcome("replacement", NAN, 96) == "replacement of the knee within 96 months"


HEADER = "ID,JSL_Prog,Outcome,Outcome_amount,Outcome_months,Event,Event_months\n"


def read(tmp_path: Path, rows: str) -> pd.DataFrame:
    (tmp_path / "cohort.csv").write_text(HEADER + rows)
    return read_cohort(tmp_path / "cohort.csv")


def test_a_cohort_table_says_what_its_label_is(tmp_path: Path) -> None:
    times = read(tmp_path, "1000001_1,1,replacement,,96,1,40\n1000001_2,,replacement,,96,0,60\n")
    assert describe_outcome_of(times) == "replacement of the knee within 96 months"
    assert times["Event_months"].tolist() == [40, 60]
    widths = read(tmp_path, "1000001_1,1,jsl,0.7,48,,\n1000001_2,0,jsl,0.7,48,,\n")
    assert describe_outcome_of(widths).startswith("a loss of at least 0.7 mm")
    assert describe_outcome_of(read(tmp_path, "1000001_1,1,,,,,\n")) == ""
    assert describe_outcome_of(read(tmp_path, "1000001_1,1,our own,,24,,\n")) == "our own"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("1000001_1,1,kl,1,48,,\n1000001_2,1,jsl,1,48,,\n", "row 3: Outcome is 'jsl', and 'kl'"),
        ("1000001_1,1,kl,1,48,,\n1000001_2,1,kl,1,96,,\n", "row 3: Outcome_months is 96, and 48"),
        ("1000001_1,1,kl,1,48,,\n1000001_2,1,kl,2,48,,\n", "row 3: Outcome_amount is 2, and 1"),
        ("1000001_1,1,jsl,,48,,\n", "Outcome is jsl, which has Outcome_amount; fill"),
        ("1000001_1,1,incident,,,,\n", "Outcome is incident, which has Outcome_months; fill"),
        ("1000001_1,1,replacement,,96,1,\n", "row 2: Event and Event_months go together"),
        (
            "1000001_1,1,replacement,,96,0,60\n",
            "row 2: JSL_Prog is 1, but Event 0 after 60 months says 0 at 96",
        ),
        (
            "1000001_1,0,replacement,,96,1,60\n",
            "row 2: JSL_Prog is 0, but Event 1 after 60 months says 1 at 96",
        ),
        (
            "1000001_1,0,replacement,,96,0,60\n",
            "row 2: JSL_Prog is 0, but follow-up ended after 60 months",
        ),
        ("1000001_1,1,our own,,,1,40\n", "times need Event, Event_months and Outcome_months"),
        ("1000001_1,1,replacement,,96,3,40\n", "row 2: Event is 3; it must be 0, 1, 2 or blank"),
    ],
)
def test_a_table_whose_labels_contradict_their_times_is_refused(
    tmp_path: Path, rows: str, message: str
) -> None:
    with pytest.raises(BadTable, match=message):
        read(tmp_path, rows)


def visits_table(tmp_path: Path) -> Path:
    """A table of three knees at enrolment and 48 months later, as `jsl oai --visits` writes it."""
    kl = {"1000001_1": (1, 2), "1000001_2": (0, 0), "1000002_1": (3, 4)}
    widths = {"1000001_1": (4.0, 3.9), "1000001_2": (4.0, 3.0), "1000002_1": (3.0, 2.0)}
    rows = [
        row | {"ID": name, "participant": name[:-2], "visit": visit, "BL_KL_grade": kl[name][0]}
        for name in kl
        for row, visit in zip(
            knee(
                name,
                KL_grade=dict(zip((0, 48), kl[name], strict=True)),
                mJSW_mm=dict(zip((0, 48), widths[name], strict=True)),
                Barcode={0: "00330000", 48: "00330001"},
                JSW_barcode={0: "00330009" if name == "1000002_1" else "00330000", 48: "00330001"},
            ),
            ("00", "06"),
            strict=True,
        )
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "visits.csv", index=False)
    return tmp_path / "visits.csv"


def test_a_run_makes_another_outcome_of_a_table_with_several_visits(tmp_path: Path) -> None:
    table = read_cohort(visits_table(tmp_path))
    first = table["visit"] == "00"
    grades = relabel(table, LabelSettings(outcome="kl"))
    assert grades.loc[first, "JSL_Prog"].tolist() == [1, 0, 1]
    assert grades.loc[~first, "JSL_Prog"].isna().all()
    assert describe_outcome_of(grades) == "a KL grade that is higher by at least 1 after 48 months"
    widths = relabel(table, LabelSettings(outcome="jsl"))
    assert widths.loc[first, "JSL_Prog"].tolist() == pytest.approx([0, 1, NAN], nan_ok=True)  # another film
    same = relabel(table, LabelSettings())
    assert same["JSL_Prog"].isna().all()
    assert not {"mJSW_mm", "Barcode", "Replaced_days"} & {*grades, *widths, *same}


def test_no_barcode_of_a_film_is_kept_of_a_cohort_table(tmp_path: Path) -> None:
    table = read_cohort(visits_table(tmp_path))
    assert "0033" not in table.to_csv()
    table.to_csv(tmp_path / "again.csv", index=False)  # as a run with pseudonyms stores it
    again = relabel(read_cohort(tmp_path / "again.csv"), LabelSettings(outcome="jsl"))
    assert again["JSL_Prog"].tolist() == pytest.approx([0, NAN, 1, NAN, NAN, NAN], nan_ok=True)


def test_an_outcome_that_a_table_cannot_give_is_refused_in_a_line(tmp_path: Path) -> None:
    table = read_cohort(visits_table(tmp_path))
    with pytest.raises(BadTable, match="no knee of the cohort table has outcome kl after 24 months; make"):
        relabel(table, LabelSettings(outcome="kl", followup_months=24))
    (tmp_path / "plain.csv").write_text("ID,BL_KL_grade\n1000001_1,2\n")
    with pytest.raises(BadTable, match="of which outcome kl is made; make it with jsl oai --visits"):
        relabel(read_cohort(tmp_path / "plain.csv"), LabelSettings(outcome="kl"))


@pytest.mark.parametrize(
    ("months", "message"),
    [
        (NAN, "row 3: visit of 1000001_1 has no months; fill that column"),
        (0.0, "row 3: a second visit of 1000001_1 at months 0; keep one, or correct it"),
    ],
)
def test_visits_of_which_nobody_knows_the_order_have_no_outcome(
    tmp_path: Path, months: float, message: str
) -> None:
    table = read_cohort(visits_table(tmp_path))
    table.loc[3, "months"] = months
    with pytest.raises(BadTable, match=message):
        relabel(table, LabelSettings(outcome="kl"))
