"""A stage's result is reused exactly when what made it is the same and what it names is there."""

import json
from pathlib import Path

import pytest
from prefect import Task, flow
from prefect.client.schemas.objects import State

from jsl_core.storage import Artifact
from tasks.caching import Placement, results_block, stage

pytestmark = pytest.mark.usefixtures("prefect")


@stage("shout", version=1)
def shout(word: Artifact, times: int, place: Placement) -> Artifact:
    store = place.open()
    return store.put(store.get(word) * times, "shout.txt")


@flow(persist_result=False)
def shouting(word: Artifact, times: int, place: Placement) -> State[Artifact]:
    return shout(word, times, place, return_state=True)


def run(place: Placement, times: int = 2, word: bytes = b"knee ") -> State[Artifact]:
    block = results_block(place.store)
    return shouting.with_options(result_storage=block)(place.open().put(word, "word"), times, place)


@pytest.fixture
def place(tmp_path: Path) -> Placement:
    return Placement(store=str(tmp_path / "store"), work=str(tmp_path / "work"))


def test_the_same_inputs_are_cached_across_runs(place: Placement) -> None:
    assert run(place).name == "Completed"
    again = run(place)
    assert again.name == "Cached"
    assert place.open().get(again.result()) == b"knee knee "


def test_another_setting_or_another_content_runs_again(place: Placement) -> None:
    assert run(place).name == "Completed"
    assert run(place, times=3).name == "Completed"
    assert run(place, word=b"hip ").name == "Completed"


def test_where_things_lie_is_in_no_key(place: Placement, tmp_path: Path) -> None:
    assert run(place).name == "Completed"
    Path(place.store).rename(tmp_path / "moved")
    moved = Placement(store=str(tmp_path / "moved"), work=str(tmp_path / "elsewhere"), jobs=3)
    assert run(moved).name == "Cached"


def test_a_deleted_artifact_is_made_again(place: Placement) -> None:
    store = place.open()
    made = run(place).result()
    Path(place.store, made.key).unlink()
    assert run(place).name == "Completed"
    assert store.get(made) == b"knee knee "


def test_a_run_looks_once_whether_a_result_is_whole(
    place: Placement, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(place).name == "Completed"
    looked: list[str] = []
    monkeypatch.setattr("tasks.caching._check_whole", lambda store, value, path: looked.append(path))
    assert run(place).name == "Cached"
    assert len(looked) == 1


def test_a_deleted_artifact_behind_a_manifest_is_made_again(place: Placement) -> None:
    @stage("list", version=1)
    def listing(place: Placement) -> Artifact:
        store = place.open()
        inner = store.put(b"inner", "inner.bin")
        return store.put(f"[{inner.model_dump_json()}]".encode(), "rows.json")

    @flow(persist_result=False, result_storage=results_block(place.store))
    def listed() -> State[Artifact]:
        return listing(place, return_state=True)

    assert listed().name == "Completed"
    assert listed().name == "Cached"
    Path(place.store, Artifact.of_bytes(b"inner", "").key).unlink()
    assert listed().name == "Completed"


def test_a_table_with_a_scan_that_had_no_time_is_made_again_and_one_with_a_bad_scan_is_not(
    place: Placement,
) -> None:
    for reason, second in (("timeout", "Completed"), ("undecodable", "Cached")):

        @stage(f"rows of {reason}", version=1)
        def rows(reason: str, place: Placement) -> Artifact:
            table = json.dumps([{"file": "1000001.dcm", "reason": reason, "sentence": "…"}])
            return place.open().put(table.encode(), "converted.json")

        @flow(persist_result=False, result_storage=results_block(place.store))
        def converting(task: Task[..., Artifact], reason: str) -> State[Artifact]:
            return task(reason, place, return_state=True)

        assert converting(rows, reason).name == "Completed"
        assert converting(rows, reason).name == second
