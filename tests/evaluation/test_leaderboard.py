"""The leaderboard: cards that were changed are refused, and the document has what its cards say."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flows.cli.main import main
from jsl_core.cohort import read_cohort
from jsl_core.cohort.fixed_split import is_tested_by_number
from jsl_core.config import PhantomSettings
from jsl_core.errors import BadTable
from jsl_core.evaluation.leaderboard.card import (
    Card,
    ModelOnCard,
    PartOnCard,
    describe_test,
    make_card,
    read_card,
)
from jsl_core.evaluation.leaderboard.table import fill_document, read_cards, write_tables
from jsl_core.phantom.cohort import make_tables
from jsl_core.scoring.evaluate import select_split
from jsl_core.storage.proof import with_proof

DOCS = Path(__file__).parents[2] / "docs"


def card(digest: str = "a" * 64, kappa: float = 0.8, labels: str = "b" * 64, **model: Any) -> Card:
    figures = {
        "kl": {
            "n": 90,
            "kappa": {"value": kappa, "low": kappa - 0.1, "high": kappa + 0.1},
            "accuracy": {"value": 0.7, "low": None, "high": None},
        },
        "jsl": {"reason": "of 90 labelled knees 0 progressed"},
        "participants_trained_on": 0,
        "participants_chosen_on": 0,
    }
    fields = {"name": "JSL kl", "version": "0.1.0", "learned_from": "", "training_known": True}
    on_card = ModelOnCard.model_validate(fields | {"digest": digest} | model)
    test = PartOnCard(
        cohort="phantom release 1",
        split="jsl-1",
        phantom=True,
        participants=50,
        knees=100,
        people="c" * 64,
        labels=labels,
    )
    return make_card(figures, on_card, test, 90, date(2026, 11, 30))


def test_a_card_is_read_as_it_was_written(tmp_path: Path) -> None:
    card().write(tmp_path / "card.json")
    assert read_card(tmp_path / "card.json") == card()
    assert list(card().outcomes) == ["kl"]  # what cannot be told has no figures


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda fields: fields["outcomes"]["kl"]["figures"]["kappa"].update(value=0.99), "not within"),
        (lambda fields: fields["outcomes"]["kl"].update(n=101), "more knees than were scored"),
        (lambda fields: fields.update(scored=200), "more knees are scored than the test has"),
        (lambda fields: fields["test"].update(participants=3), "test.participants"),
        (lambda fields: fields["model"].update(name="<script>"), "model.name"),
        (lambda fields: fields["model"].update(digest="abc"), "model.digest"),
        (lambda fields: fields.update(patients=["1000001"]), "patients"),
        (lambda fields: fields["outcomes"].clear(), "outcomes"),
        (lambda c: c["model"].update(name="[best](http://elsewhere)"), "name"),
        (lambda c: c["outcomes"]["kl"]["figures"]["accuracy"].update(value=1.7), "accuracy 1.7"),
        (lambda c: c["outcomes"]["kl"]["figures"]["kappa"].update(value=-1.5, low=None), "kappa -1.5"),
    ],
)
def test_a_senseless_card_is_one_line(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    card().write(tmp_path / "card.json")
    fields = json.loads((tmp_path / "card.json").read_text())
    change(fields)
    (tmp_path / "card.json").write_text(json.dumps(fields))
    with pytest.raises(BadTable, match="not as jsl evaluate wrote it"):
        read_card(tmp_path / "card.json")
    fields.pop("proof")
    (tmp_path / "card.json").write_text(json.dumps(with_proof(fields)))
    with pytest.raises(BadTable, match=message) as raised:
        read_card(tmp_path / "card.json")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"format": 1}', "\x00"])
def test_what_is_no_card_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "card.json").write_text(text)
    with pytest.raises(BadTable, match=r"card\.json: not"):
        read_card(tmp_path / "card.json")


def test_only_cards_of_one_test_share_a_table_the_best_first(tmp_path: Path) -> None:
    folder = tmp_path / "cards"
    for number, (digest, kappa, labels) in enumerate(
        [("1" * 64, 0.6, "b" * 64), ("2" * 64, 0.8, "b" * 64), ("3" * 64, 0.7, "d" * 64)]
    ):
        card(digest, kappa, labels, training_known=number != 1).write(folder / f"{number}.json")
    tables = write_tables(read_cards(folder))
    first, second = tables.split("### ")[1:]
    assert first.index("`222222222222`") < first.index("`111111111111`")
    assert "`333333333333`" in second
    assert "| JSL kl † | `222222222222` | 90 (10 not scored) | 0.800 [0.700–0.900] | 0.700 |" in first
    assert "phantom figures are no clinical ones" in first
    card("2" * 64, 0.9).write(folder / "twice.json")
    with pytest.raises(BadTable, match=r"twice\.json: of the same model and test as 1\.json"):
        read_cards(folder)
    with pytest.raises(BadTable, match="holds no card"):
        read_cards(tmp_path)


def test_a_model_of_another_outcome_is_marked() -> None:
    figures = {
        "jsl": {"n": 90, "progressed": 30, "auc": {"value": 0.7, "low": 0.6, "high": 0.8}},
        "kl": None,
        "participants_trained_on": 0,
        "participants_chosen_on": 0,
    }
    tables = [
        write_tables([make_card(figures, one.model, one.test, 90, one.made)])
        for one in (card(), card(outcome="replacement of the knee within 48 months"))
    ]
    assert "| JSL kl |" in tables[0]
    assert "| JSL kl ‡ |" in tables[1]


def test_an_outcome_or_part_of_any_name_is_text_in_a_table_or_a_line() -> None:
    rows = pd.DataFrame(
        {
            "participant": [f"{1000001 + number}" for number in range(30)],
            "side": 1,
            "BL_KL_grade": 2.0,
            "JSL_Prog": 1.0,
            "Outcome": "KL >= 2, <b>",
        }
    )
    test = describe_test(rows, rows, "test", "ours", phantom=False)
    figures = {
        "jsl": {"n": 30, "progressed": 10, "auc": {"value": 0.7, "low": 0.6, "high": 0.8}},
        "kl": None,
        "participants_trained_on": 0,
        "participants_chosen_on": 0,
    }
    model = card(outcome="KL >= 2, <b>").model
    text = write_tables([make_card(figures, model, test, 30, date(2026, 11, 30))])
    assert "**Progression**: KL &gt;= 2, &lt;b&gt;\n" in text
    assert "| JSL kl |" in text  # of the same outcome
    with pytest.raises(BadTable, match=r"the split's name .* cannot stand in a table"):
        describe_test(rows, rows, "a|b", "ours", phantom=False)


def test_the_command_fills_a_document_and_tells_whether_it_is_filled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card().write(tmp_path / "cards" / "one.json")
    doc = tmp_path / "board.md"
    doc.write_text("# Board\n\n<!-- cards: begin -->\n<!-- cards: end -->\n\nEnd.\n")
    words = ["leaderboard", str(tmp_path / "cards"), "--doc", str(doc)]
    for options, code in ((["--check"], 1), ([], 0), (["--check"], 0)):
        with pytest.raises(SystemExit) as ended:
            main([*words, *options])
        assert ended.value.code == code
    assert "has other tables" in capsys.readouterr().err
    assert doc.read_text().startswith("# Board\n")
    assert doc.read_text().endswith("\nEnd.\n")
    with pytest.raises(BadTable, match="has no place for the tables"):
        fill_document("# Board\n", "", "board.md")


def test_the_document_has_what_its_cards_say() -> None:
    text = (DOCS / "leaderboard.md").read_text()
    assert fill_document(text, write_tables(read_cards(DOCS / "leaderboard")), "leaderboard.md") == text


def test_the_split_s_examples_are_those_of_the_document_for_good() -> None:
    rows = [
        line.split("|")[1:-1]
        for line in (DOCS / "leaderboard.md").read_text().splitlines()
        if line.startswith("| `") and line.rstrip().endswith(("yes |", "no |"))
    ]
    assert len(rows) >= 10
    assert {row[-1].strip() for row in rows} == {"yes", "no"}
    for number, *_, tested in rows:
        assert is_tested_by_number(number.strip(" `")) == (tested.strip() == "yes")


@pytest.mark.slow
def test_the_phantom_release_is_still_that_of_its_cards(tmp_path: Path) -> None:
    study, _ = make_tables(PhantomSettings(patients=200, seed=29, long_side=(900, 1300)))
    study.to_csv(tmp_path / "JSL.csv", index=False)
    table = read_cohort(tmp_path / "JSL.csv")
    rows, part = select_split(table, "jsl-1")
    made = describe_test(rows, table, part, "phantom release 1", phantom=True)
    on_cards = [card.test for card in read_cards(DOCS / "leaderboard") if card.test.cohort == made.cohort]
    assert len(on_cards) >= 5
    assert all(test == made for test in on_cards)
