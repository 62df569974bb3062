"""A run says that it is at work before its first task looks for a result, and for as long as it is."""

import threading
import time
from pathlib import Path

import pytest
from prefect import flow

from jsl_core.errors import StoreError
from jsl_core.storage import FolderStore
from jsl_core.storage.gc import collect_garbage
from jsl_core.storage.gc_lock import hold_gc_lock
from jsl_core.storage.history import History
from tasks import run_history
from tasks.caching import Placement, results_block, stage

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
