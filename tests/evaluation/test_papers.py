"""What lies beside a report: checklists that claim no more than the page has, and a card of each model."""

import platform
import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jsl_core.config import EvaluateSettings, PipelineSettings
from jsl_core.evaluation.report import checklist
from jsl_core.evaluation.report.checklist import anchors_of, fill_checklists
from jsl_core.evaluation.report.content import ReportContent
from jsl_core.evaluation.report.flow_tables import tabulate_films, tabulate_flow
from jsl_core.evaluation.report.page import SECTIONS
from jsl_core.evaluation.report.papers import write_papers
from jsl_core.evaluation.study_design import StudyDesign
from jsl_core.evaluation.summary import evaluate_predictions
from jsl_core.system.machine import describe_machine, describe_software

FOLDER = Path(checklist.__file__).parent


def test_both_guidelines_are_whole_and_in_their_order() -> None:
    tripod, claim = fill_checklists(frozenset())
    # 27 items, of which these have parts (Collins et al. 2024, table 2).
    parts = {3: 3, 5: 2, 6: 3, 8: 3, 9: 3, 12: 7, 18: 6, 20: 3, 23: 2, 27: 3}
    numbers = [
        f"{number}{'abcdefg'[part]}" if number in parts else str(number)
        for number in range(1, 28)
        for part in range(parts.get(number, 1))
    ]
    assert [item.number for item in tripod.items] == numbers
    assert [item.number for item in claim.items] == [str(number) for number in range(1, 45)]


def test_every_place_is_a_section_of_the_page_and_has_a_name() -> None:
    table = tomllib.loads((FOLDER / "checklist.toml").read_text())
    used = {place for guideline in table["guideline"] for item in guideline["items"] for place in item[2]}
    assert used == set(table["places"])
    page = "".join((FOLDER / "sections" / file).read_text() for file in SECTIONS)
    assert used - {"cards", "models"} <= anchors_of(page)


def test_an_item_whose_section_a_run_does_not_have_is_blank() -> None:
    full, _ = fill_checklists(frozenset({"decision", "flow", "rejected"}))
    bare, _ = fill_checklists(frozenset({"rejected"}))
    answers = {item.number: item.answers for item in full.items}
    assert answers["24"] == (("Champion and challenger", "report.html#decision"),)
    assert answers["18a"] == ()
    assert {item.number: item.answers for item in bare.items}["24"] == ()
    assert all(item.answers or not item.remark for item in full.items)
    assert 0 < bare.answered < full.answered < len(full.items)


@pytest.fixture(scope="module")
def content() -> ReportContent:
    """A run of one model on 80 knees, 30 of them tested on and 4 of these lost."""
    draw = np.random.default_rng(3)
    progressed = (draw.random(80) < 0.4).astype(float)
    risk = 1 / (1 + np.exp(0.6 - progressed - draw.normal(0, 0.8, 80)))
    progressed[60:64] = np.nan
    table = pd.DataFrame(
        {
            "ID": [f"{100 + knee // 2}_{knee % 2 + 1}" for knee in range(80)],
            "participant": [str(100 + knee // 2) for knee in range(80)],
            "split": np.repeat(["train", "val", "test"], [40, 10, 30]),
            "Age": draw.normal(61, 9, 80).round(),
            "Sex": np.repeat(draw.integers(1, 3, 40), 2),
            "BL_KL_grade": draw.integers(0, 5, 80).astype(float),
            "JSL_Prog": progressed,
        }
    )
    predictions = table.assign(jsl_risk=risk)
    jsl = evaluate_predictions(predictions, 0.4, EvaluateSettings(bootstrap=20))
    figures: dict[str, Any] = {
        "models": {"jsl-joint": jsl},
        "comparisons": [],
        "grade_comparisons": [],
        "best_attainable": None,
        "part": "test",
        "design": StudyDesign.of(table).to_json(),
        "seeds": {"jsl-joint": {"auc": {"values": [0.6, 0.8], "mean": 0.7, "deviation": 0.1414}}},
    }
    return ReportContent(
        name="a run",
        date="",
        phantom=False,
        figures=figures,
        table=table,
        settings=PipelineSettings().model_dump(mode="json"),
        versions={"JSL": "0.1.0"},
    )


@pytest.fixture(scope="module")
def papers(content: ReportContent, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("papers")
    write_papers(content, folder)
    return folder


def test_the_checklist_points_to_sections_that_the_page_has(papers: Path) -> None:
    lists = (papers / "checklist.html").read_text()
    page = (papers / "report.html").read_text()
    targets = re.findall(r'href="report.html#([^"]+)"', lists)
    assert len(targets) > 40
    assert set(targets) <= anchors_of(page)
    assert "saliency" not in targets, "this run has no gallery"
    assert 'href="cards/jsl-joint.md"' in lists
    assert lists.count("<tr>") == 52 + 44 + 2


def test_the_card_has_use_population_figures_with_intervals_and_limits(
    papers: Path, content: ReportContent
) -> None:
    card = (papers / "cards" / "jsl-joint.md").read_text()
    jsl = content.figures["models"]["jsl-joint"]["jsl"]
    auc = jsl["auc"]
    for heading in ("Model", "Intended use", "Whom it learned from and was measured on", "Figures", "Limits"):
        assert f"\n## {heading}\n" in card
    assert "For research use only" in card
    assert f"| AUC | {auc['value']:.3f} [{auc['low']:.3f}–{auc['high']:.3f}] |" in card
    assert f"{jsl['progressed']} of 26 knees progressed" in card
    assert "AUC 0.700 ± 0.141 (0.600–0.800)" in card
    lost = jsl["selection"]
    assert (
        f"4 of 30 knees had no outcome; whatever became of them, the AUC lies between {lost['worst']:.3f}"
        in card
    )
    assert "Intercept" in card
    assert "from the joint on a weight-bearing PA or AP radiograph, and age, sex" in card


def test_a_phantom_card_says_so(content: ReportContent, tmp_path: Path) -> None:
    write_papers(replace(content, phantom=True), tmp_path)
    assert "Phantom figures" in (tmp_path / "cards" / "jsl-joint.md").read_text()


def test_the_flow_counts_each_knee_once_and_says_why_others_fell_out(content: ReportContent) -> None:
    rejected = pd.DataFrame(
        [
            ("film-7.dcm", None, "too_small"),
            ("film-9.dcm", "104_1", "no_joint"),
            (None, "900_1", "no_image"),
            (None, "900_2", "no_image"),
            (None, "901_2", "duplicate"),
            (None, "100_1", "duplicate"),  # another crop of a knee that is in
            (None, "777_1", "no_row"),
        ],
        columns=["file", "ID", "reason"],
    )
    rows = {row[0]: row[1:] for row in tabulate_flow(content.table, rejected, 50)[1:]}
    assert rows["Films found"][0] == "50"
    assert rows["– rejected, or one of their knees"][0] == "2"
    assert rows["In the cohort table"][1:3] == ["83", "42"]
    assert rows["– out: no image"][1:3] == ["2", "1"]
    assert rows["– out: duplicate"][1:3] == ["1", "1"]
    assert rows["Joints without a row there (not used)"][1:3] == ["1", "1"]
    table = content.table
    assert rows["With a joint and a row"][1:] == [
        "80",
        "40",
        "76",
        str(int((table["JSL_Prog"] == 1).sum())),
        "80",
    ]
    assert rows["– Test"][1:4] == ["30", "15", "26"]


def test_films_are_described_by_projection_scale_and_size() -> None:
    films = pd.DataFrame(
        {
            "view": ["PA", "PA", ""],
            "laterality": ["B", "B", "R"],
            "spacing_source": ["PixelSpacing", "PixelSpacing", ""],
            "spacing_mm": [0.15, 0.2, np.nan],
            "width": [2000, 2200, 1000],
            "height": [2500, 2500, 2000],
            "bits": [12, 12, 10],
        }
    )
    rows = dict(tabulate_films(films)[1:])
    assert rows["Projection"] == "PA: 2, not told: 1"
    assert rows["Knees on the film, by its tags"] == "both: 2, right: 1"
    assert rows["Pixel spacing, mm (median; range)"] == "0.175; 0.150 to 0.200"
    assert rows["Size, pixels (median)"] == "2000 × 2500"
    assert tabulate_films(pd.DataFrame()) == [[""]]


def test_machine_and_software_are_told() -> None:
    assert f"Python {platform.python_version()}, " in describe_software()
    assert f"numpy {np.__version__}" in describe_software()
    assert " GiB" in describe_machine()
