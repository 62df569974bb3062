"""`jsl score` predicts for knees what training did; `jsl evaluate` measures that as scikit-learn does."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import accuracy_score, cohen_kappa_score, roc_auc_score

from flows.cli.main import main
from jsl_core.cohort import read_cohort
from jsl_core.config import EvaluateSettings, PhantomSettings
from jsl_core.learning.model.calibration import called_grades
from jsl_core.learning.model.ensemble import Ensemble
from jsl_core.phantom import write_phantom
from jsl_core.scoring.crops import crops_from_table
from jsl_core.scoring.evaluate import evaluate_ensemble

GRADES = [f"kl_{grade}" for grade in range(5)]


def jsl(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"participant": str})


def test_crops_are_scored_as_training_scored_them(lab: Path, tmp_path: Path) -> None:
    assert jsl("score", lab / "cohort.csv", "--model", lab / "a", "--out", tmp_path / "s.csv") == 0
    scores, predictions = read(tmp_path / "s.csv"), read(lab / "a" / "predictions.csv")
    both = scores.merge(predictions, on="ID", suffixes=("", "_of_training"))
    assert len(both) == len(scores) == 80
    for name in GRADES:
        np.testing.assert_allclose(both[name], both[f"{name}_of_training"], atol=1e-5)
    assert list(scores["kl_grade"]) == list(called_grades(scores[GRADES].to_numpy()))


def test_several_models_are_averaged(lab: Path, tmp_path: Path) -> None:
    for name, models in {"a": ["a"], "b": ["b"], "both": ["a", "b"]}.items():
        bundles = [lab / model for model in models]
        assert jsl("score", lab / "cohort.csv", "--model", *bundles, "--out", tmp_path / f"{name}.csv") == 0
    a, b, both = (read(tmp_path / f"{name}.csv")[GRADES] for name in ("a", "b", "both"))
    np.testing.assert_allclose(both, (a + b) / 2, atol=2e-6)
    assert np.abs(a - b).to_numpy().max() > 0.01


def test_figures_are_those_of_scikit_learn_on_the_test_part(lab: Path, tmp_path: Path) -> None:
    files = ("--json", tmp_path / "f.json", "--predictions", tmp_path / "p.csv")
    assert jsl("evaluate", lab / "a", lab / "joint", "--cohort", lab / "cohort.csv", *files) == 0
    figures, predictions = json.loads((tmp_path / "f.json").read_text()), read(tmp_path / "p.csv")
    assert figures["part"] == "test"
    assert set(predictions["split"]) == {"test"}
    grades = predictions[predictions["model"] == "a"]
    truth, guess = grades["BL_KL_grade"], called_grades(grades[GRADES].to_numpy())
    measured = figures["models"]["a"]["kl"]
    assert measured["n"] == len(grades) == figures["knees"]
    assert measured["accuracy"]["value"] == pytest.approx(accuracy_score(truth, guess))
    kappa = cohen_kappa_score(truth, guess, weights="quadratic", labels=range(5))
    assert measured["kappa"]["value"] == pytest.approx(kappa)
    risks = predictions[predictions["model"] == "joint"]
    auc = roc_auc_score(risks["JSL_Prog"], risks["jsl_risk"])
    assert figures["models"]["joint"]["jsl"]["auc"]["value"] == pytest.approx(auc, abs=1e-6)


def test_knees_a_model_has_learned_from_are_a_warning(
    lab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert jsl("evaluate", lab / "a", "--cohort", lab / "cohort.csv", "--split", "train") == 0
    assert "its figures mean little" in capsys.readouterr().out
    assert jsl("evaluate", lab / "a", "--cohort", lab / "cohort.csv") == 0
    assert "mean little" not in capsys.readouterr().out


def test_the_warning_is_of_persons_whichever_knee_was_learned_and_however_they_are_written(
    lab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pd.read_csv(lab / "cohort.csv")
    learned = table[table["split"] == "train"].head(2)  # both knees of one participant, alone in this table
    other = table[table["split"] == "test"].head(4)
    rows = pd.concat([learned, other]).drop(columns="split")
    rows["Img_path"] = [str(lab / path) for path in rows["Img_path"]]
    rows["ID"] = [f"0{name[:-2]}.0 {'right' if name.endswith('1') else 'left'}" for name in rows["ID"]]
    rows.to_csv(tmp_path / "others.csv", index=False, sep=";", encoding="utf-16")
    assert jsl("evaluate", lab / "a", "--cohort", tmp_path / "others.csv", "--json", tmp_path / "f.json") == 0
    figures = json.loads((tmp_path / "f.json").read_text())["models"]["a"]
    assert (figures["participants_trained_on"], figures["trained_on"]) == (1, 2)
    assert "a was trained on 1 of these participants, who have 2 of these knees" in capsys.readouterr().out


def test_a_person_is_known_by_the_other_knee(lab: Path) -> None:
    ensemble = Ensemble.load([lab / "a"])
    [member] = ensemble.members
    left = member.predictions[member.predictions["ID"].str.endswith("_2")]
    ensemble = replace(ensemble, members=(replace(member, predictions=left),))
    table = read_cohort(lab / "cohort.csv")
    right = table[(table["side"] == 1) & (table["split"] == "train")].reset_index(drop=True)
    figures, _ = evaluate_ensemble(
        ensemble, crops_from_table(right, lab), right, EvaluateSettings(bootstrap=50)
    )
    assert figures["models"]["a"]["trained_on"] == len(right) > 10
    assert figures["models"]["a"]["training_known"]


def test_a_model_that_does_not_say_whom_it_was_trained_on_is_a_warning(
    lab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = shutil.copytree(lab / "a", tmp_path / "a", ignore=shutil.ignore_patterns("predictions.csv"))
    assert jsl("evaluate", bundle, "--cohort", lab / "cohort.csv") == 0
    assert "a does not say whom it was trained on" in capsys.readouterr().out


@pytest.mark.parametrize("ending", ["xlsx", "parquet"])
def test_a_workbook_of_crops_is_scored_as_the_table(lab: Path, tmp_path: Path, ending: str) -> None:
    table = pd.read_csv(lab / "cohort.csv").head(3)
    table["Img_path"] = [str(lab / path) for path in table["Img_path"]]
    writer = {"xlsx": table.to_excel, "parquet": table.to_parquet}[ending]
    writer(tmp_path / f"three.{ending}", index=False)
    words = ["score", tmp_path / f"three.{ending}", "--model", lab / "a", "--out", tmp_path / "s.csv"]
    assert jsl(*words) == 0
    assert list(read(tmp_path / "s.csv")["ID"]) == list(table["ID"])


def test_an_unreadable_crop_is_a_row_with_its_reason(lab: Path, tmp_path: Path) -> None:
    shutil.copytree(lab / "crops", tmp_path / "crops")
    shutil.copy(lab / "cohort.csv", tmp_path)
    (tmp_path / "crops" / "1000003_1.png").write_bytes(b"\x89PNG, but not for long")
    assert jsl("score", tmp_path / "cohort.csv", "--model", lab / "a", "--out", tmp_path / "s.csv") == 0
    scores = read(tmp_path / "s.csv").set_index("ID")
    assert scores.loc["1000003_1", "reason"] == "unreadable_image"
    assert scores["reason"].notna().sum() == 1
    assert scores[GRADES].notna().all(axis=1).sum() == len(scores) - 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["score", "cohort.csv", "--model", "nowhere"], "nowhere"),
        (["score", "cohort.csv", "--model", "a", "a"], "a model is named twice"),
        (["score", "cohort.csv", "--model", "joint"], "give --factors"),
        (["evaluate", "a", "--cohort", "crops"], "crops: cannot be read (Is a directory)"),
        (["evaluate", "a", "--cohort", "nowhere.csv"], "nowhere.csv: cannot be read"),
        (["evaluate", "a", "--cohort", "cohort.csv", "--split", "tst"], "there are test, train, val"),
    ],
)
def test_a_mistake_is_one_line(
    lab: Path,
    words: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(lab)
    assert jsl(*words) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_overlays_lie_beside_the_scores(lab: Path, tmp_path: Path) -> None:
    table = pd.read_csv(lab / "cohort.csv").head(3)
    table["Img_path"] = [str(lab / path) for path in table["Img_path"]]
    table.to_csv(tmp_path / "three.csv", index=False)
    assert (
        jsl("score", tmp_path / "three.csv", "--model", lab / "a", "--out", tmp_path / "s.csv", "--overlay")
        == 0
    )
    for name in table["ID"]:
        saliency = np.load(tmp_path / "s_overlays" / f"{name}.npy")
        picture = Image.open(tmp_path / "s_overlays" / f"{name}.png")
        assert saliency.shape == (32, 32)
        assert picture.mode == "RGB"
        assert saliency.min() >= 0


def test_films_of_several_visits_are_measured_beside_the_row_of_their_visit(
    lab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    films = tmp_path / "films"
    write_phantom(films, PhantomSettings(patients=2, seed=3, long_side=(600, 700), visits=(0, 48)), jobs=1)
    truth = pd.read_csv(films / "truth.csv")
    visits = truth["visit"].map({0: "00", 48: "06"})
    table = pd.DataFrame({"ID": truth["ID"], "visit": visits, "KL_grade": truth["KL"], "Scan": truth["file"]})
    table.to_csv(tmp_path / "visits.csv", index=False)
    words = ("evaluate", lab / "a", "--scans", films, "--jobs", "1", "--bootstrap", "20")
    told = tmp_path / "told.csv"
    assert jsl(*words, "--cohort", tmp_path / "visits.csv", "--predictions", told) == 0
    rows = pd.read_csv(told, dtype={"visit": str})
    assert set(zip(rows["ID"], rows["visit"], strict=True)) == set(zip(truth["ID"], visits, strict=True))
    assert rows[GRADES[0]].nunique() == len(rows) == 8
    table.drop(columns="Scan").to_csv(tmp_path / "nameless.csv", index=False)
    capsys.readouterr()
    assert jsl(*words, "--cohort", tmp_path / "nameless.csv") != 0
    assert "add the column Scan" in " ".join(capsys.readouterr().err.split())
