"""The report is one whole page: it asks nothing of the network, hides nothing, and says what it is not."""

import base64
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from report_page import Page, written

from jsl_core.config import EvaluateSettings
from jsl_core.evaluation.comparisons import compare_grades, compare_models
from jsl_core.evaluation.report.content import (
    ReportContent,
    SaliencyExample,
    StagedKnee,
    Stages,
    TestedKnee,
)
from jsl_core.evaluation.report.overview_plots import draw_subgroups
from jsl_core.evaluation.report.style import draw_svg
from jsl_core.evaluation.study_design import StudyDesign
from jsl_core.evaluation.summary import evaluate_predictions

pytestmark = pytest.mark.slow

KNEES, SIZE = 160, 32


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    draw = np.random.default_rng(7)
    grades = draw.integers(0, 5, KNEES)
    progressed = (draw.random(KNEES) < 0.15 + 0.1 * grades).astype(float)
    progressed[:5] = np.nan
    return pd.DataFrame(
        {
            "ID": [f"{1000001 + knee // 2}_{knee % 2 + 1}" for knee in range(KNEES)],
            "participant": [str(1000001 + knee // 2) for knee in range(KNEES)],
            "side": np.arange(KNEES) % 2 + 1,
            "split": np.repeat(["train", "val", "test"], [40, 20, 100]),
            "Age": draw.normal(61, 9, KNEES).round(),
            "Sex": np.repeat(draw.integers(1, 3, KNEES // 2), 2),
            "BMI": draw.normal(28.8, 4.8, KNEES).round(1),
            "BL_KL_grade": grades.astype(float),
            "JSL_Prog": progressed,
        }
    )


@pytest.fixture(scope="module")
def predictions(table: pd.DataFrame) -> pd.DataFrame:
    draw = np.random.default_rng(8)
    grades = table["BL_KL_grade"].to_numpy()
    chances = np.exp(-np.abs(np.arange(5) - grades[:, None] + draw.normal(0, 0.7, (KNEES, 1))))
    columns = {f"kl_{grade}": chance for grade, chance in enumerate((chances / chances.sum(1)[:, None]).T)}
    risk = 1 / (1 + np.exp(1.2 - 0.5 * grades + draw.normal(0, 0.5, KNEES)))
    return table.assign(**columns, jsl_risk=risk)


@pytest.fixture(scope="module")
def figures(predictions: pd.DataFrame) -> dict[str, Any]:
    settings = EvaluateSettings(bootstrap=20)
    grades = [f"kl_{grade}" for grade in range(5)]
    rows = {
        "risk-factors": predictions.drop(columns=grades).assign(jsl_risk=predictions["jsl_risk"] ** 2),
        "multitask": predictions,
        "kl": predictions.drop(columns="jsl_risk"),
    }
    return {
        "models": {name: evaluate_predictions(table, 0.4, settings) for name, table in rows.items()},
        "comparisons": compare_models(rows, dict.fromkeys(rows, 0.4), settings, "test"),
        "grade_comparisons": compare_grades(rows, settings, "test"),
        "best_attainable": {"risk-factors": 0.699, "image": 0.815, "image+factors": 0.865},
        "part": "test",
        "design": StudyDesign.of(predictions).to_json(),
    }


@pytest.fixture(scope="module")
def content(table: pd.DataFrame, figures: dict[str, Any]) -> ReportContent:
    draw = np.random.default_rng(9)
    film = draw.integers(0, 256, (500, 600), np.uint8)
    joint = film[:SIZE, :SIZE]
    knees = [
        StagedKnee("1000001_1", (0, 0, 301.0, 500), film[:, :301], (90.5, 180.0, 210.5, 300.0), joint),
        StagedKnee("1000001_2", (299.0, 0, 600, 500), film[:, 299:], (95.0, 185.0, 215.0, 305.0), joint),
    ]
    history = pd.DataFrame(
        {
            "epoch": [1, 2, 3],
            "lr": 0.001,
            "train_loss": [1.6, 1.2, 1.0],
            "val_loss": [1.5, 1.3, 1.4],
            "val_kappa": [0.1, 0.5, 0.4],
            "kept": [False, True, False],
        }
    )
    rejected = pd.DataFrame(
        {
            "file": ["film-7.dcm", "film-9.dcm", "film-11.dcm"],
            "ID": ["", "", "1000005_2"],
            "reason": ["too_small", "too_small", "no_joint"],
            "sentence": ["it has 300 × 200 pixels", "it has 320 × 200 pixels", "no joint was found"],
        }
    )
    saliency = draw.random((SIZE, SIZE), np.float32)
    return ReportContent(
        name="a run",
        date="2026-11-24",
        phantom=True,
        figures=figures,
        table=table,
        settings={"seed": 0},
        versions={"JSL": "0.1.0", "dataset": "f" * 64},
        histories={"kl": history},
        scans=83,
        rejected=rejected,
        stages=Stages(film, knees),
        grades={2: [joint, joint]},
        examples=[
            SaliencyExample(
                "multitask", "1000041_1", joint, saliency, "risk 0.81: progresses", "stable", False
            )
        ],
        joint_space_share={"multitask": 0.31},
        lineage=[("scans", "83 films", ""), ("pack", "dataset.json", "0123456789ab")],
        origins=[
            ("pack.size", "96", "file", "112 (preset demo)"),
            ("training.kl.lr", "0.003", "preset demo", ""),
        ],
    )


@pytest.fixture(scope="module")
def page(content: ReportContent, tmp_path_factory: pytest.TempPathFactory) -> Page:
    return written(content, tmp_path_factory.mktemp("report"))


def test_the_page_is_well_formed_and_asks_nothing_of_the_network(page: Page) -> None:
    assert page.open == []
    for tag in ("script", "link", "iframe", "object", "base"):
        assert not page.all(tag)
    addresses = [
        value for _, attributes in page.elements for name, value in attributes.items() if name == "src"
    ]
    assert addresses
    assert all(address.startswith("data:image/") for address in addresses)
    assert "url(" not in page.source
    assert "@import" not in page.source
    assert "http" not in page.source.replace("http-equiv", "")


def test_every_picture_has_words_and_every_link_of_the_contents_a_place(page: Page) -> None:
    assert all(picture["alt"] for picture in page.all("img"))
    places = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(places) == len(set(places))
    links = {link["href"] for link in page.all("a")}
    beside = {link for link in links if not link.startswith("#")}
    assert beside == {"checklist.html", *(f"cards/{name}.md" for name in ("risk-factors", "multitask", "kl"))}
    assert links - beside
    assert {link.removeprefix("#") for link in links - beside} <= set(places)


def test_headings_descend_one_level_at_a_time(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.elements if tag in ("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - level <= 1 for level, later in pairwise(levels))


def test_the_same_content_gives_the_same_bytes(content: ReportContent, page: Page, tmp_path: Path) -> None:
    assert written(content, tmp_path).source == page.source


def test_the_page_shows_the_figures_of_the_summary(page: Page, figures: dict[str, Any]) -> None:
    auc = figures["models"]["multitask"]["jsl"]["auc"]
    assert f"{auc['value']:.3f} [{auc['low']:.3f}–{auc['high']:.3f}]" in page.text
    assert "0.815" in page.text  # best attainable from the image
    assert "0.696" in page.text  # published for multi-task
    assert f"{figures['models']['kl']['kl']['accuracy']['value']:.3f}" in page.text
    assert "83 films" in page.text


def test_a_film_is_shown_with_the_boxes_it_was_cut_by(page: Page) -> None:
    boxes = [tuple(float(box[side]) for side in ("x", "y", "width", "height")) for box in page.all("rect")]
    assert boxes == [(0, 0, 301, 500), (299, 0, 301, 500), (90.5, 180, 120, 120), (95, 185, 120, 120)]
    assert [view["viewbox"] for view in page.all("svg")] == ["0 0 600 500", "0 0 301 500", "0 0 301 500"]


def test_rejected_films_are_counted_by_reason_and_listed_with_their_sentences(page: Page) -> None:
    assert "too small 2 no joint 1" in page.text
    assert "film-11.dcm 1000005_2 no joint was found" in page.text


def test_phantom_figures_are_never_shown_as_clinical_ones(
    content: ReportContent, page: Page, tmp_path: Path
) -> None:
    warning = "Phantom figures are not clinical figures"
    assert warning in page.text
    assert "research use only" in page.text.lower()
    real = replace(content, phantom=False, figures={**content.figures, "best_attainable": None})
    text = written(real, tmp_path).text
    assert warning.lower() not in text.lower()
    assert "attainable" not in text.lower()
    assert "research use only" in text.lower()


def test_figures_of_validation_knees_are_marked_as_such(content: ReportContent, tmp_path: Path) -> None:
    design = {**content.figures["design"], "part": "val"}
    chosen = replace(content, figures={**content.figures, "part": "val", "design": design})
    assert "validation knees" in written(chosen, tmp_path).text.lower()


def test_a_split_by_knee_is_never_called_one_by_participant(
    content: ReportContent, table: pd.DataFrame, tmp_path: Path
) -> None:
    by_knee = StudyDesign.of(table.assign(split=["train", "test"] * (KNEES // 2))).to_json()
    text = written(replace(content, figures={**content.figures, "design": by_knee}), tmp_path).text
    assert "80 test knees of 80 participants, whose other knee was learned from" in text
    assert "none of whom" not in text
    assert "by knee: 80 of the 80 participants" in text


def test_a_cross_validation_is_never_called_one_split(
    content: ReportContent, table: pd.DataFrame, tmp_path: Path
) -> None:
    design = StudyDesign.of(table, folds=5).to_json()
    text = written(replace(content, figures={**content.figures, "design": design}), tmp_path).text
    assert "each of the 160 knees was predicted by the one of 5 models" in text
    assert "once" not in text.split("Cohort")[-1].split("KL grade 0")[0]
    assert "before the test knees were looked at" not in text


def test_a_page_whose_knees_chose_the_champion_says_so(content: ReportContent, tmp_path: Path) -> None:
    assert "serve for this page alone" in written(content, tmp_path).text
    figures = {"why": "not worse", "decisions": 4}
    decision = {"action": "promote", "version": "aa11", "over": "bb22", "figures": figures}
    text = written(replace(content, decision=decision), tmp_path).text
    assert "for this page alone" not in text
    assert "decide on the champion, too, as they did 3 times before" in text


def test_the_page_begins_with_one_sentence_and_says_on_whom(page: Page, figures: dict[str, Any]) -> None:
    jsl = figures["models"]["multitask"]["jsl"]
    summary = f"On 100 test knees of 50 participants, progression ({jsl['progressed']} of {jsl['n']} knees)"
    assert summary in page.text
    assert page.text.index(summary) < page.text.index("Best attainable")


def test_a_model_that_learned_nothing_is_told_above_its_figures(
    content: ReportContent, figures: dict[str, Any], tmp_path: Path
) -> None:
    flat = {**figures["models"]["multitask"]["jsl"], "doubts": ["it has learned nothing"]}
    models = {**figures["models"], "multitask": {"kl": None, "jsl": flat}}
    text = written(replace(content, figures={**figures, "models": models}), tmp_path).text
    assert "Multi-task, KL and progression : it has learned nothing." in text
    assert text.index("it has learned nothing") < text.index("Best attainable")


def test_every_cell_says_what_it_is_where_tables_are_too_wide_for_the_screen(page: Page) -> None:
    cells = page.all("td")
    assert sum("data-of" in cell and bool(cell["data-of"]) for cell in cells) > 100


def test_missing_values_and_knees_lost_to_follow_up_are_counted(page: Page) -> None:
    assert "Outcome 5 of 160 5 of 40 0 of 20 0 of 100" in page.text
    assert "BMI 0 of 160" in page.text
    assert "With an outcome Without Knees 155 5" in page.text


def test_every_tested_knee_is_shown_behind_a_fold_with_what_the_model_said(
    content: ReportContent, tmp_path: Path
) -> None:
    image = np.zeros((64, 64), np.uint8)
    judged = [
        ("1_1", "risk 0.81: progresses", "stable, KL 2", False),
        ("1_2", "risk 0.10: stable", "stable", True),
    ]
    knees = [TestedKnee(name, image, *words) for name, *words in judged]
    knees.append(TestedKnee("2_1", image, "", "no label", None))
    page = written(replace(content, knees=knees, knees_of="multitask"), tmp_path)
    assert "1_1 wrong risk 0.81: progresses; was stable, KL 2" in page.text
    assert "1_2 right risk 0.10: stable; was stable" in page.text
    assert "2_1 no label" in page.text
    assert "All 3 test knees" in page.text
    fold = page.source.index("<details>", page.source.index('<section id="knees">'))
    assert fold < page.source.index('alt="Knee 1_1"')


def test_subgroups_of_all_models_share_one_axis(content: ReportContent, figures: dict[str, Any]) -> None:
    sections = {name: figures["models"][name]["jsl"] for name in ("risk-factors", "multitask")}
    low = {**sections["multitask"]["subgroups"][0], "auc": {"value": 0.3, "low": 0.05, "high": 0.5}}
    sections["multitask"] = {**sections["multitask"], "subgroups": [low]}
    ticks = [
        re.findall(r">(0\.\d)</text>", base64.b64decode(chart.partition(",")[2]).decode())
        for chart in draw_subgroups(sections).values()
    ]
    assert ticks[0] == ticks[1]
    assert "0.2" in ticks[0]


def test_names_from_outside_cannot_become_markup(content: ReportContent, tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>"
    rejected = content.rejected.assign(file=hostile, sentence=hostile)
    named = replace(content, name=hostile, rejected=rejected, settings={"store": hostile})
    page = written(named, tmp_path)
    assert not page.all("script")
    assert page.text.count(hostile) >= 5


def test_a_run_of_kl_grades_alone_says_nothing_of_progression(
    content: ReportContent, figures: dict[str, Any], tmp_path: Path
) -> None:
    alone = replace(
        content,
        figures={
            "models": {"kl": figures["models"]["kl"]},
            "comparisons": [],
            "grade_comparisons": [],
            "best_attainable": None,
            "part": "test",
            "design": figures["design"],
        },
        table=content.table.drop(columns=["Age", "Sex", "BMI"]).assign(JSL_Prog=np.nan),
        phantom=False,
        scans=None,
        rejected=pd.DataFrame(columns=["ID", "code", "reason", "sentence"]),
        stages=None,
        grades={},
        examples=(),
        joint_space_share={},
    )
    page = written(alone, tmp_path)
    sections = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    assert sections >= {"results", "cohort", "grades", "learning", "made"}
    assert not sections & {"progression", "subgroups", "film", "saliency", "rejected", "outcome"}
    assert "AUC [95 % CI]" not in page.text


def test_a_model_without_figures_says_why(
    content: ReportContent, figures: dict[str, Any], tmp_path: Path
) -> None:
    reason = "of 12 labelled knees 0 progressed: no curve can be drawn"
    models = {**figures["models"], "multitask": {"kl": None, "jsl": {"reason": reason}}}
    page = written(replace(content, figures={**figures, "models": models, "comparisons": []}), tmp_path)
    assert reason in page.text


def test_a_page_with_a_large_film_and_a_thousand_rejects_stays_small(
    content: ReportContent, tmp_path: Path
) -> None:
    draw = np.random.default_rng(1)
    film = draw.integers(0, 256, (2500, 2400), np.uint8)
    assert content.stages is not None
    knees = [replace(knee, image=film[:, :1200]) for knee in content.stages.knees]
    rejected = pd.concat([content.rejected] * 400, ignore_index=True)
    page = written(replace(content, stages=Stages(film, knees), rejected=rejected), tmp_path)
    assert len(page.source) < 3_000_000
    assert "too small 800" in page.text
    assert "all are in rejected.csv" in page.text


def test_a_retraining_tells_what_it_decided_and_by_which_figures(
    content: ReportContent, tmp_path: Path
) -> None:
    first = {"action": "promote", "version": "aa11", "over": "", "figures": {"why": "the first of its line"}}
    page = written(replace(content, decision=first), tmp_path)
    assert "Model aa11 is champion now: the first of its line." in page.source
    figures = {
        "figure": "AUC", "challenger": 0.7, "champion": 0.75, "difference": -0.05, "low": -0.1, "high": 0.0,
        "margin": 0.03, "knees": 60, "participants": 30, "why": "not shown to be as good",
    }  # fmt: skip
    decision = {"action": "keep", "version": "bb22", "over": "aa11", "figures": figures}
    page = written(replace(content, decision=decision), tmp_path)
    assert "Model bb22 is not promoted: not shown to be as good." in page.source
    assert "-0.050" in page.source
    assert "[-0.100 to +0.000]" in page.source
    assert "the same 60 knees of 30 participants" in page.source


def test_the_page_says_where_each_setting_came_from(page: Page) -> None:
    assert "Setting Value From In place of pack.size 96 file 112 (preset demo)" in page.text
    assert "training.kl.lr 0.003 preset demo" in page.text


def test_a_matplotlibrc_of_the_user_changes_no_chart(monkeypatch: pytest.MonkeyPatch) -> None:
    def draw() -> str:
        return draw_svg(2, 2, lambda axes: axes.plot([0, 1], [0, 1]))

    before = draw()
    monkeypatch.setitem(matplotlib.rcParams, "axes.facecolor", "red")
    assert draw() == before
