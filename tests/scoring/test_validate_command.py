"""`jsl validate`: models on the knees of another cohort, and one line for every cohort that cannot tell."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from jsl_core.learning.model.ensemble import Ensemble
from tests.scoring.test_commands import jsl

QUICK = ("--bootstrap", "20")


def test_the_page_and_the_figures_are_of_knees_that_no_model_knows(
    lab: Path, foreign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("validate", lab / "a", lab / "joint", "--cohort", foreign / "other.csv", *QUICK)
    words += ("--development", lab / "cohort.csv")
    before = (lab / "joint" / "bundle.json").read_bytes()
    assert jsl(*words, "--out", tmp_path / "v") == 0
    assert (lab / "joint" / "bundle.json").read_bytes() == before
    assert "joint, progression: AUC" in capsys.readouterr().out
    figures = json.loads((tmp_path / "v" / "validation.json").read_text())
    assert figures["known"] == {
        "choice": "refuse", "knees": 0, "participants": 0, "training_known": True,
    }  # fmt: skip
    assert set(figures["models"]) == {"a", "joint", "ensemble of 2"}
    assert list(figures["models"]["a"]["targets"]) == ["osteoarthritis"]
    progression = figures["models"]["joint"]["targets"]["progression"]
    assert progression["n"] == 240
    assert progression["case_mix"]["characteristics"]["age, years"]["development"] > 50
    page = (tmp_path / "v" / "validation.html").read_text()
    for heading in (
        "Discrimination",
        "Calibration, before and after",
        "Decision curves",
        "Case mix",
        "Methods",
    ):
        assert heading in page
    assert "Phantom" not in page
    for text in (page, json.dumps(figures)):
        assert "81000001" not in text  # no participant is named


def test_a_recalibrated_bundle_gives_the_line_s_risks_and_knows_whom_it_was_fitted_to(
    lab: Path, foreign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("validate", lab / "joint", "--cohort", foreign / "other.csv", *QUICK, "--out", tmp_path / "v")
    assert jsl(*words, "--save", tmp_path / "new") == 0
    figures = json.loads((tmp_path / "v" / "validation.json").read_text())
    line = figures["models"]["joint"]["targets"]["progression"]["line"]
    crops = [np.asarray(Image.open(path)) for path in sorted(foreign.glob("*.png"))[:20]]
    rows = pd.read_csv(foreign / "other.csv").sort_values("ID").head(20).reset_index(drop=True)
    rows["side"] = [int(name[-1]) for name in rows["ID"]]
    old, new = (
        Ensemble.load([folder]).predict_each(crops, rows) for folder in (lab / "joint", tmp_path / "new")
    )
    odds = [np.log(risk / (1 - risk)) for risk in (old["joint"]["jsl_risk"], new["new"]["jsl_risk"])]
    np.testing.assert_allclose(odds[1], line["intercept"] + line["slope"] * odds[0], atol=1e-4)
    assert jsl("validate", tmp_path / "new", "--cohort", foreign / "other.csv") == 1
    assert "the models learned from 120 of its 120 participants" in capsys.readouterr().err
    assert jsl(*words, "--save", tmp_path / "new") == 1
    assert "holds a model already" in capsys.readouterr().err
    assert jsl("validate", lab / "a", "--cohort", foreign / "other.csv", "--save", tmp_path / "n") == 1
    assert "only a single network's risk of progression" in capsys.readouterr().err


def test_people_whom_a_model_learned_from_are_refused_left_out_or_other_people(
    lab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("validate", lab / "joint", "--cohort", lab / "cohort.csv", *QUICK, "--out", tmp_path / "v")
    assert jsl(*words) == 1
    error = capsys.readouterr().err
    assert "the models learned from" in error
    assert error.count("\n") == 1
    assert jsl(*words, "--known", "leave-out") == 1  # ten test participants are left, too few
    assert "it takes 10 participants of each kind" in capsys.readouterr().err
    assert jsl(*words, "--known", "other-people") == 0
    assert "it was said that they are other people" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.assign(JSL_Prog=np.nan, BL_KL_grade=np.nan), "it has no labels; fill that column"),
        (lambda t: t.assign(JSL_Prog=np.nan), "it has BL_KL_grade, which these models do not predict"),
        (lambda t: t.assign(JSL_Prog=0), "0 have the outcome, of 0 participants"),
        (lambda t: t.assign(JSL_Prog=1), "and 0 have not, of 0"),
        (lambda t: t.head(5), "of 5 labelled knees"),
    ],
)
def test_a_cohort_that_cannot_tell_is_one_line(
    lab: Path,
    foreign: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: object,
    message: str,
) -> None:
    assert callable(change)
    table = change(pd.read_csv(foreign / "other.csv"))
    table["Img_path"] = [str(foreign / path) for path in table["Img_path"]]
    table.to_csv(tmp_path / "bad.csv", index=False)
    assert jsl("validate", lab / "joint", "--cohort", tmp_path / "bad.csv") == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("jsl: bad.csv: ")
    assert error.count("\n") == 1


def test_the_auc_is_that_of_all_labelled_knees(lab: Path, foreign: Path, tmp_path: Path) -> None:
    shutil.copytree(foreign, tmp_path / "c")
    table = pd.read_csv(tmp_path / "c" / "other.csv")
    table.loc[:39, "JSL_Prog"] = np.nan
    (tmp_path / "c" / table.loc[50, "Img_path"]).unlink()
    table.to_csv(tmp_path / "c" / "other.csv", index=False)
    out = ("--out", tmp_path / "v", "--predictions", tmp_path / "p.csv")
    assert jsl("validate", lab / "joint", "--cohort", tmp_path / "c" / "other.csv", *QUICK, *out[:2]) == 0
    assert jsl("evaluate", lab / "joint", "--cohort", tmp_path / "c" / "other.csv", *QUICK, *out[2:]) == 0
    figures = json.loads((tmp_path / "v" / "validation.json").read_text())
    assert (figures["scored"], figures["rejected"]) == (239, {"no_image": 1})
    part = figures["models"]["joint"]["targets"]["progression"]
    rows = pd.read_csv(tmp_path / "p.csv").dropna(subset=["JSL_Prog"])
    assert part["n"] == len(rows) == 199
    auc = roc_auc_score(rows["JSL_Prog"], rows["jsl_risk"])
    assert part["versions"]["as it is"]["auc"]["value"] == pytest.approx(auc, abs=1e-6)


def test_another_outcome_than_the_predicted_one_is_said(
    lab: Path, foreign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pd.read_csv(foreign / "other.csv").assign(Outcome="jsn", Outcome_amount=1, Outcome_months=60)
    table["Img_path"] = [str(foreign / path) for path in table["Img_path"]]
    table.to_csv(tmp_path / "jsn.csv", index=False)
    words = ("validate", lab / "joint", "--cohort", tmp_path / "jsn.csv", *QUICK, "--out", tmp_path / "v")
    assert jsl(*words, "--save", tmp_path / "new") == 0
    printed = capsys.readouterr().out
    assert (
        "Outcome: here it is medial joint space narrowing that is worse by at least 1 OARSI grade" in printed
    )
    assert "the models predict a loss of at least 0.7 mm" in printed
    assert "narrowing that is worse" in (tmp_path / "v" / "validation.html").read_text()
    assert "narrowing that is worse" in json.loads((tmp_path / "new" / "bundle.json").read_text())["outcome"]
