"""`jsl evaluate --submit`: a card of a model on a named test, from which nobody can be read."""

import json
from pathlib import Path

import pandas as pd
import pytest

from jsl_core.cohort.fixed_split import is_tested_by_number
from jsl_core.evaluation.leaderboard.card import read_card
from tests.scoring.test_commands import jsl

QUICK = ("--bootstrap", "20")


def test_a_card_has_the_model_the_test_and_the_figures_and_nobody(
    lab: Path, foreign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("evaluate", lab / "joint", "--cohort", foreign / "other.csv", *QUICK, "--split", "jsl-1")
    words += ("--submit", tmp_path / "card.json", "--json", tmp_path / "f.json")
    assert jsl(*words, "--submit-cohort", "drawn knees", "--submit-name", "joint, two networks") == 0
    card, figures = read_card(tmp_path / "card.json"), json.loads((tmp_path / "f.json").read_text())
    tested = {name for name in pd.read_csv(foreign / "other.csv")["ID"] if is_tested_by_number(name[:-2])}
    assert card.test.split == "jsl-1" == figures["part"]
    assert (card.test.knees, card.test.participants) == (len(tested), len(tested) // 2)
    assert (card.test.cohort, card.model.name) == ("drawn knees", "joint, two networks")
    assert card.model.training_known
    assert len(card.model.learned_from) == 64
    measured = figures["models"]["joint"]["jsl"]
    assert card.outcomes["jsl"].figures["auc"].model_dump() == measured["auc"]
    assert (card.outcomes["jsl"].n, card.outcomes["jsl"].events) == (measured["n"], measured["progressed"])
    text = (tmp_path / "card.json").read_text()
    assert not [name for name in tested if name[:-2] in text]
    capsys.readouterr()
    assert jsl(*words, "--submit-name", "a | b") == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_two_labs_that_never_met_have_the_same_test(lab: Path, foreign: Path, tmp_path: Path) -> None:
    table = pd.read_csv(foreign / "other.csv")
    table["Img_path"] = [str(foreign / path) for path in table["Img_path"]]
    other = table.sample(frac=1, random_state=2)
    other["ID"] = [f"0{name[:-2]}.0 {'right' if name.endswith('1') else 'left'}" for name in other["ID"]]
    other["split"] = [
        "test" if is_tested_by_number(name) else "train" for name in table["ID"].str[:-2][other.index]
    ]
    other.to_csv(tmp_path / "other lab.csv", index=False, sep=";")
    wrong = other.copy()
    wrong["BL_KL_grade"] = 4 - wrong["BL_KL_grade"]
    wrong.to_csv(tmp_path / "wrong.csv", index=False)
    cards = []
    for cohort, words in {
        foreign / "other.csv": ("--split", "jsl-1"),
        tmp_path / "other lab.csv": (),
        tmp_path / "wrong.csv": (),
    }.items():
        assert (
            jsl(
                "evaluate",
                lab / "a",
                lab / "b",
                "--cohort",
                cohort,
                *QUICK,
                *words,
                "--submit",
                tmp_path / "c",
            )
            == 0
        )
        files = sorted((tmp_path / "c").glob("*.json"))
        assert len(files) == 3
        cards.append([read_card(file) for file in files])
        for file in files:
            file.unlink()
    first, second, mislabelled = (trio[0].test for trio in cards)
    assert first.split == second.split == mislabelled.split == "jsl-1"
    assert first.people == second.people == mislabelled.people
    assert first.labels == second.labels != mislabelled.labels
    assert [card.outcomes for card in cards[0]] == [card.outcomes for card in cards[1]]
    assert len({card.model.digest for card in cards[0]}) == 3


def test_there_is_no_card_of_known_people_or_of_so_few_that_they_could_be_guessed(
    lab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("evaluate", lab / "a", "--cohort", lab / "cohort.csv", "--submit", tmp_path / "card.json")
    for split, message in (
        ("all", "the models were trained or chosen on"),
        ("test", "a card takes 20 participants"),
    ):
        assert jsl(*words, "--split", split) == 1
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert not (tmp_path / "card.json").exists()
