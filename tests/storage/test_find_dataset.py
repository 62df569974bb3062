"""A dataset is found by the names that people have for it: latest, a run's, its folder's."""

import json
from pathlib import Path

import pytest

from jsl_core.errors import StoreError
from jsl_core.storage import Artifact, FolderStore
from jsl_core.storage.find_dataset import find_dataset
from jsl_core.storage.history import History, Step


def packed(store: FolderStore, run: str) -> Artifact:
    """A dataset that a run has packed and published."""
    dataset = store.put(json.dumps({"tree": {}, "of": run}).encode(), "dataset.json")
    step = Step(stage="pack", digest=f"pack-{run}", code={}, parameters={})
    History(store).begin(run, run, "pipeline")
    History(store).record_step(run, step)
    result = {"metadata": {}, "result": json.dumps({"__class__": "x", "data": dataset.model_dump()})}
    store.write(f"results/{step.key}", json.dumps(result).encode())
    record = {"id": run, "dataset": f"datasets/{dataset.sha256[:12]}"}
    store.write(f"runs/20260131T080000Z-{run}/run.json", json.dumps(record).encode())
    return dataset


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


def test_each_name_of_a_dataset_finds_it(store: FolderStore) -> None:
    old, new = packed(store, "old"), packed(store, "new")
    names = ("20260131T080000Z-old", "runs/20260131T080000Z-old/", f"datasets/{old.sha256[:12]}", old.sha256)
    assert {find_dataset(store, name) for name in names} == {old}
    assert find_dataset(store, "latest") == find_dataset(store, " ") == new


@pytest.mark.parametrize(
    "name", ["20260131T080000Z-none", "abc", "0" * 64, "../../x", "datasets/zzzzzz", "\0"]
)
def test_a_name_of_none_says_which_there_are(store: FolderStore, name: str) -> None:
    packed(store, "old")
    with pytest.raises(StoreError, match="give latest, a run's name, or six digits or more"):
        find_dataset(store, name)


def test_a_store_without_a_dataset_has_no_latest(store: FolderStore) -> None:
    with pytest.raises(StoreError, match="no dataset has been packed here yet"):
        find_dataset(store, "latest")
    dataset = packed(store, "gone")
    store.delete(dataset.key)
    with pytest.raises(StoreError, match="no dataset has been packed here yet"):
        find_dataset(store, "latest")
