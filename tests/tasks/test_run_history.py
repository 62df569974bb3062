"""A run says that it is at work before its first task looks for a result, and for as long as it is."""

import threading
import time
from pathlib import Path

import pytest
from prefect import flow

from flows.server.embedded import stop_recorded
from jsl_core.errors import StoreError
from jsl_core.storage import FolderStore
from jsl_core.storage.gc import collect_garbage
from jsl_core.storage.gc_lock import hold_gc_lock
from jsl_core.storage.history import History
from tasks import run_history
from tasks.caching import Placement, results_block, stage
from tasks.run_history import run_folder

pytestmark = pytest.mark.usefixtures("prefect")


@stage("train", version=1)
def train(place: Placement) -> int:
    """As long as a training that asks for nothing."""
    while not Path(place.work, "go on").exists():
        time.sleep(0.01)
    return 1


@flow(persist_result=False)
def training(place: Placement) -> int:
    return train(place)


def test_a_run_gives_heartbeats_until_it_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_history, "_HEARTBEAT_SECONDS", 0.1)
    place = Placement(store=str(tmp_path / "store"), work=str(tmp_path))
    store = FolderStore(tmp_path / "store")
    block = results_block(place.store)
    run = threading.Thread(target=training.with_options(result_storage=block), args=(place,))
    run.start()
    try:
        while not any(key.endswith("alive.json") for key in store.keys("history")):
            assert run.is_alive()
            time.sleep(0.01)
        (recorded,) = History(store).runs()
        heart = [one for one in threading.enumerate() if one.name == f"heartbeat of {recorded.id}"]
        assert len(heart) == 1
        with pytest.raises(StoreError, match=r"run .* is at work"):
            collect_garbage(store, keep_last=1)
    finally:
        (tmp_path / "go on").touch()
        run.join()
    heart[0].join(timeout=60)
    assert not heart[0].is_alive()


@flow(persist_result=False)
def interrupted(place: Placement) -> None:
    Path(place.work, "go on").touch()
    train(place)
    raise KeyboardInterrupt


def test_a_run_that_was_interrupted_is_not_called_at_work(tmp_path: Path) -> None:
    place = Placement(store=str(tmp_path / "store"), work=str(tmp_path))
    with pytest.raises(KeyboardInterrupt), stop_recorded():
        interrupted.with_options(result_storage=results_block(place.store))(place)
    (run,) = History(FolderStore(tmp_path / "store")).runs()
    assert (run.flow, run.at_work, run.ended) == ("interrupted", False, False)


def test_a_run_reads_no_result_beside_a_removal(tmp_path: Path) -> None:
    place = Placement(store=str(tmp_path / "store"), work=str(tmp_path))
    store = FolderStore(tmp_path / "store")
    (tmp_path / "go on").touch()
    block = results_block(place.store)
    run = threading.Thread(target=training.with_options(result_storage=block), args=(place,))
    with hold_gc_lock(store) as renew:
        run.start()
        while not list(store.keys("history")):
            renew()
            time.sleep(0.01)
        for _ in range(20):
            time.sleep(0.05)
            assert not list(store.keys("results"))
        assert [each.at_work for each in History(store).runs()] == [True]
    run.join()
    assert list(store.keys("results"))


class DiesOnceError(Exception):
    """What kills a run's first attempt."""


@flow(persist_result=False, retries=1)
def publishing(url: str, record: str) -> str:
    store = FolderStore(Path(url))
    with Path(record).open("a") as file:
        print(run_folder([store], "lab"), file=file)
    if len(Path(record).read_text().split()) == 1:
        time.sleep(1.1)  # the clock has gone on to another second
        raise DiesOnceError
    return inner(url)


@flow(persist_result=False)
def inner(url: str) -> str:
    """A subflow of its run publishes where its run does."""
    return run_folder([FolderStore(Path(url))], "lab")


def test_a_run_that_is_tried_again_has_the_same_folder_and_another_run_its_own(tmp_path: Path) -> None:
    record = tmp_path / "attempts"
    folder = publishing(str(tmp_path), str(record))
    assert record.read_text().split() == [folder, folder]
    others = [inner(str(tmp_path)) for _ in range(3)]
    assert len({folder, *others}) == 4
    assert sorted(others) == others
