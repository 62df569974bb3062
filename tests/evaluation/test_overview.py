"""The overview of all models: what the console ends with, and what Prefect's artifact shows."""

from typing import Any

import pytest

from jsl_core.cohort.outcomes import USUAL_OUTCOME, describe_outcome
from jsl_core.evaluation.report.overview import format_overview
from jsl_core.evaluation.report.published import INFORMATION, TITLES, published_auc


@pytest.fixture
def figures() -> dict[str, Any]:
    figure = {"value": 0.8214, "low": 0.7826, "high": 0.8541}
    models = {
        name: {
            "kl": {"accuracy": figure, "kappa": figure, "n": 60} if name in ("kl", "multitask") else None,
            "jsl": {"auc": figure, "n": 60, "progressed": 19} if name in INFORMATION else None,
        }
        for name in TITLES
    }
    attainable = {"risk-factors": 0.699, "image": 0.815, "image+factors": 0.865}
    return {"models": models, "comparisons": [], "best_attainable": attainable, "part": "test"}


def test_the_console_shows_every_model_in_a_hundred_columns(figures: dict[str, Any]) -> None:
    lines = format_overview(figures).splitlines()
    assert max(map(len, lines)) <= 100
    assert [line.startswith(title) for line, title in zip(lines[2:8], TITLES.values(), strict=True)] == [
        True
    ] * 6
    assert lines[8:] == ["Progressed: 19 of 60 knees.", "With an expert's KL grade: 60 knees."]


@pytest.mark.parametrize(
    ("model", "attainable"),
    [("risk-factors", "0.699"), ("jsl-image", "0.815"), ("multitask", "0.815"), ("jsl-joint", "0.865")],
)
def test_a_model_stands_beside_the_best_attainable_from_what_it_sees(
    figures: dict[str, Any], model: str, attainable: str
) -> None:
    [line] = [line for line in format_overview(figures).splitlines() if line.startswith(TITLES[model] + "  ")]
    assert f"0.821 [0.783–0.854]  {attainable:>15}" in line


def test_columns_that_no_model_fills_are_left_out(figures: dict[str, Any]) -> None:
    real = {**figures, "best_attainable": None, "models": {"kl": figures["models"]["kl"]}}
    table = format_overview(real)
    assert "AUC" not in table
    assert "attainable" not in table
    assert "0.821 [0.783–0.854]" in table


def test_markdown_marks_the_published_figures_as_not_comparable(figures: dict[str, Any]) -> None:
    table = format_overview(figures, "markdown")
    assert table.splitlines()[1].strip("|- :") == ""
    assert "Published AUC*" in table
    assert "not comparable" in table


def test_figures_of_validation_knees_say_so(figures: dict[str, Any]) -> None:
    assert "Validation knees" in format_overview({**figures, "part": "val"})


def test_published_figures_stand_beside_their_own_outcome_alone() -> None:
    assert published_auc("jsl-image", {}) == 0.721
    assert published_auc("jsl-image", {"outcome": USUAL_OUTCOME}) == 0.721
    assert published_auc("jsl-image", {"outcome": describe_outcome("kl", 1, 48)}) is None
    assert published_auc("kl", {}) is None
