"""A champion and its challenger predict one outcome."""

import json
from pathlib import Path
from typing import Any

import pytest

from jsl_core.cohort.outcomes import describe_outcome
from jsl_core.errors import BadSettings
from jsl_core.storage import Artifact, Store, open_store, put_tree
from jsl_core.storage.registry import Version
from tasks.champion import refuse_other_outcome

JSN = describe_outcome("jsn", 1, 24)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


def champion(store: Store, folder: Path, **record: Any) -> Version:
    folder.mkdir(parents=True)
    (folder / "bundle.json").write_text(json.dumps(record))
    model = put_tree(store, folder, "model.json")
    return Version(regime="jsl-image", name=model.sha256[:12], model=model, facts={}, registered="")


def dataset(store: Store, folder: Path, table: str) -> Artifact:
    folder.mkdir()
    (folder / "table.csv").write_text(table)
    return put_tree(store, folder, "dataset.json")


PLAIN = "ID,JSL_Prog\n1_1,1\n"
NAMED = "ID,JSL_Prog,Outcome,Outcome_amount,Outcome_months\n1_1,1,{},{},{}\n"


@pytest.mark.parametrize(
    ("predicted", "table"),
    [
        ("", PLAIN),
        ("", NAMED.format("jsl", 0.7, 48)),
        (describe_outcome("jsl", 0.7, 48), PLAIN),
        (JSN, NAMED.format("jsn", 1, 24)),
    ],
)
def test_one_outcome_by_whatever_name(store: Store, tmp_path: Path, predicted: str, table: str) -> None:
    old = champion(store, tmp_path / "model", thresholds={"jsl": 0.5}, outcome=predicted)
    refuse_other_outcome(old, dataset(store, tmp_path / "data", table), store)


@pytest.mark.parametrize(
    ("predicted", "table"),
    [
        ("", NAMED.format("jsn", 1, 24)),
        (JSN, PLAIN),
        (JSN, NAMED.format("jsn", 1, 48)),
        (describe_outcome("jsl", 0.5, 48), NAMED.format("jsl", 0.7, 48)),
    ],
)
def test_two_outcomes_are_refused(store: Store, tmp_path: Path, predicted: str, table: str) -> None:
    old = champion(store, tmp_path / "model", thresholds={"jsl": 0.5}, outcome=predicted)
    with pytest.raises(BadSettings, match="one outcome, so use another store"):
        refuse_other_outcome(old, dataset(store, tmp_path / "data", table), store)


def test_grades_have_no_outcome(store: Store, tmp_path: Path) -> None:
    old = champion(store, tmp_path / "model", thresholds={"kl2": 0.5}, outcome="")
    refuse_other_outcome(old, dataset(store, tmp_path / "data", NAMED.format("jsn", 1, 24)), store)
