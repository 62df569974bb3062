"""Figures of times and their section of the report, on knees drawn from hazards that are known."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jsl_core.config import EvaluateSettings
from jsl_core.evaluation.report.content import ReportContent
from jsl_core.evaluation.report.page import write_report
from jsl_core.evaluation.report.papers import write_papers
from jsl_core.evaluation.study_design import StudyDesign
from jsl_core.evaluation.summary import evaluate_predictions
from jsl_core.evaluation.time_figures import time_figures

MONTHS = np.array([24.0, 48.0, 72.0, 96.0])
SETTINGS = EvaluateSettings(bootstrap=60)


def draw_knees(people: int = 250, seed: int = 1) -> tuple[pd.DataFrame, np.ndarray]:
    """Two knees a person with times to replacement, death or loss, and the true chances by each month."""
    rng = np.random.default_rng(seed)
    score = (rng.normal(size=people)[:, None] + 0.7 * rng.normal(size=(people, 2))).ravel()
    rate, death = np.exp(score) / 400, 1 / 600
    every = np.stack(
        [
            np.repeat(rng.uniform(20, 130, people), 2),
            rng.exponential(1 / rate),
            np.repeat(rng.exponential(1 / death, people), 2),
        ]
    )
    months, event = every.min(axis=0), every.argmin(axis=0)
    label = ((months <= 96) & (event == 1)).astype(float)
    label[(months < 96) & (event == 0)] = np.nan
    names = [f"{1000001 + number}" for number in range(people)]
    table = pd.DataFrame(
        {
            "ID": [f"{name}_{side}" for name in names for side in (1, 2)],
            "participant": np.repeat(names, 2),
            "side": np.tile([1, 2], people),
            "split": "test",
            "BL_KL_grade": rng.integers(0, 5, 2 * people).astype(float),
            "JSL_Prog": label,
            **dict.fromkeys(("Age", "Sex", "Race", "BMI", "Knee_Injury", "Alignment_degree"), 1.0),
            "Outcome": "replacement",
            "Outcome_amount": np.nan,
            "Outcome_months": 96.0,
            "Event": event.astype(float),
            "Event_months": months,
        }
    )
    together = rate[:, None] + death
    return table, rate[:, None] / together * (1 - np.exp(-together * MONTHS))


def with_risks(table: pd.DataFrame, risks: np.ndarray) -> pd.DataFrame:
    columns = {f"jsl_risk_{month:g}m": risks[:, place] for place, month in enumerate(MONTHS)}
    return table.assign(jsl_risk=risks[:, -1], **columns)


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    table, true = draw_knees()
    told = time_figures(with_risks(table, true))
    assert told is not None
    return told


def test_true_risks_are_calibrated_and_their_figures_have_intervals_by_participant(
    figures: dict[str, Any],
) -> None:
    assert figures["observed"]["low"] < figures["expected"] < figures["observed"]["high"]
    assert figures["ratio"]["low"] < 1 < figures["ratio"]["high"]
    assert figures["c_index"]["low"] > 0.6
    assert figures["brier_skill"]["value"] > 0.1
    assert [row["months"] for row in figures["by_month"]] == MONTHS.tolist()
    for row in figures["by_month"]:
        assert row["auc"]["low"] < row["auc"]["value"] < row["auc"]["high"]
        assert row["observed"]["low"] < row["expected"] < row["observed"]["high"]
    inside = [
        row["observed"]["low"] < row["expected"] < row["observed"]["high"] for row in figures["calibration"]
    ]
    assert sum(inside) >= 4  # of five, at 95 % each
    json.dumps(figures, allow_nan=False)


def test_knees_of_both_sides_are_not_two_people(figures: dict[str, Any]) -> None:
    table, true = draw_knees()
    rows = with_risks(table, true)
    twice = pd.concat([rows, rows.assign(ID=rows["ID"] + "b")])
    again = time_figures(twice)
    assert again is not None
    for name in ("c_index", "observed"):
        widths = [one[name]["high"] - one[name]["low"] for one in (again, figures)]
        assert widths[0] == pytest.approx(widths[1], rel=0.1)


def test_risks_twice_too_high_are_seen_in_the_ratio_and_not_in_the_c_index(figures: dict[str, Any]) -> None:
    table, true = draw_knees()
    high = time_figures(with_risks(table, np.minimum(true * 2, 1)))
    assert high is not None
    assert high["ratio"]["high"] < 0.9
    assert high["c_index"]["value"] == pytest.approx(figures["c_index"]["value"], abs=0.01)


def test_a_model_of_the_label_has_figures_at_the_horizon_alone() -> None:
    table, true = draw_knees()
    told = time_figures(table.assign(jsl_risk=true[:, -1]))
    assert told is not None
    assert [row["months"] for row in told["by_month"]] == [96]
    assert told["integrated_brier"] is None


@pytest.mark.parametrize("table_horizon", [60.0, 72.0])
def test_a_model_of_longer_times_is_judged_by_the_last_month_that_the_table_reaches(
    table_horizon: float,
) -> None:
    table, true = draw_knees()
    told = time_figures(with_risks(table, true).assign(Outcome_months=table_horizon))
    assert told is not None
    reached = np.flatnonzero(table_horizon >= MONTHS)
    assert [row["months"] for row in told["by_month"]] == MONTHS[reached].tolist()
    assert told["horizon"] == MONTHS[reached[-1]]
    assert told["expected"] == pytest.approx(true[:, reached[-1]].mean())
    assert told["observed"]["low"] < told["expected"] < told["observed"]["high"]


def test_a_model_of_shorter_times_is_not_held_against_what_came_after_them() -> None:
    table, true = draw_knees()
    rows = with_risks(table, true)
    rows = rows.drop(columns=["jsl_risk_72m", "jsl_risk_96m"]).assign(jsl_risk=rows["jsl_risk_48m"])
    told = time_figures(rows)
    assert told is not None
    assert told["horizon"] == 48
    inside = [
        row["observed"]["low"] < row["expected"] < row["observed"]["high"] for row in told["calibration"]
    ]
    assert sum(inside) >= 4  # of five, at 95 % each
    assert "first risk is by 24 months" in (time_figures(rows.assign(Outcome_months=12.0)) or {})["reason"]


def test_a_handful_of_replacements_is_no_figure_and_no_times_are_no_section() -> None:
    table, true = draw_knees()
    few = with_risks(table, true)[table["Event"] != 1]
    assert "0 were replaced" in (time_figures(few) or {})["reason"]
    assert time_figures(with_risks(table, true).drop(columns="Event")) is None


@pytest.fixture(scope="module")
def content() -> ReportContent:
    table, true = draw_knees()
    table["mm_per_pixel"] = np.nan
    told = {
        "jsl-joint": with_risks(table, true),
        "risk-factors": table.assign(jsl_risk=np.clip(true[:, -1] * 0.8 + 0.05, 0, 1)),
    }
    models = {name: evaluate_predictions(rows, 0.3, SETTINGS) for name, rows in told.items()}
    summary = {
        "models": models,
        "part": "test",
        "design": StudyDesign.of(table).to_json(),
        "comparisons": [],
        "grade_comparisons": [],
        "best_attainable": None,
        "dataset": {},
        "seeds": {},
    }
    settings: dict[str, Any] = {"training": {}, "pack": {"size": 64}}
    return ReportContent("a run", "", False, summary, table, settings, {"JSL": "0"})


def test_the_report_has_a_section_of_times_and_names_the_outcome(
    content: ReportContent, tmp_path: Path
) -> None:
    write_papers(content, tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert 'href="#time"' in page
    section = page[page.index('<section id="time">') :]
    time = content.figures["models"]["jsl-joint"]["time"]
    assert (
        f"{time['replaced']} were replaced, {time['died']} died before, {time['lost']} were lost" in section
    )
    assert f"{time['c_index']['value']:.2f}" in section
    assert "replacement of the knee within 96 months" in page
    card = (tmp_path / "cards" / "jsl-joint.md").read_text(encoding="utf-8")
    assert "Outcome: replacement of the knee within 96 months." in card
    assert "the risk of replacement of the knee within 96 months" in card


def test_a_report_without_times_has_no_such_section(content: ReportContent, tmp_path: Path) -> None:
    models = {name: model | {"time": None} for name, model in content.figures["models"].items()}
    figures = {**content.figures, "models": models}
    write_report(ReportContent(**{**vars(content), "figures": figures}), tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"id=.time.|#time", page)
