"""What a store is asked grows with what it holds, and no faster; counted in files and requests."""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from test_history import age, pipeline

from jsl_core.errors import StoreError
from jsl_core.storage import Artifact, FolderStore, gc
from jsl_core.storage.concurrent import map_requests
from jsl_core.storage.history import History


class CountingStore(FolderStore):
    """Counts which folders are listed and how many files are read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.listed: Counter[str] = Counter()
        self.reads = 0

    def sizes(self, prefix: str) -> Iterator[tuple[str, int, float]]:
        self.listed[prefix] += 1
        return super().sizes(prefix)

    def read(self, key: str) -> bytes | None:
        self.reads += 1
        return super().read(key)


def test_keys_are_listed_in_the_order_of_their_characters(tmp_path: Path) -> None:
    keys = ["a-b", "a.b", "a/b.c/d", "a/b/c", "a/b0", "a0", "aé/x", "b/.tmp-unfinished"]
    for key in keys:
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / key).write_bytes(key.encode())
    listed = list(FolderStore(tmp_path).sizes(""))
    files = {path for path in tmp_path.rglob("*") if path.is_file() and not path.name.startswith(".tmp-")}
    assert [key for key, _, _ in listed] == sorted(path.relative_to(tmp_path).as_posix() for path in files)
    assert {key: size for key, size, _ in listed} == {
        path.relative_to(tmp_path).as_posix(): path.stat().st_size for path in files
    }


def test_a_linked_folder_of_a_store_is_listed_and_links_within_it_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "disk" / "aa").mkdir(parents=True)
    (tmp_path / "disk" / "aa" / "object").write_bytes(b"1")
    (tmp_path / "disk" / "circle").symlink_to(tmp_path / "disk")
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "cas").symlink_to(tmp_path / "disk")
    assert list(FolderStore(tmp_path / "store").keys("cas")) == ["cas/aa/object"]


def test_a_folder_that_cannot_be_opened_is_not_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FolderStore(tmp_path)
    store.write("registry/kl/versions/0123456789ab.json", b"{}")
    scan = os.scandir

    def refuse(path: Any) -> Any:
        if str(path).endswith("/versions"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(StoreError, match=r"registry/kl/versions cannot be read .* mend its permissions"):
        list(store.keys("registry"))


def test_a_listing_opens_each_folder_once_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FolderStore(tmp_path)
    for number in range(300):
        store.put(str(number).encode(), "n.txt")
    opened: Counter[str] = Counter()
    scan = os.scandir
    monkeypatch.setattr("os.scandir", lambda path: (opened.update([str(path)]), scan(path))[1])
    monkeypatch.setattr("builtins.open", None)
    assert len(list(store.keys(""))) == 300
    assert set(opened.values()) == {1}
    assert len(opened) == 2 + len(os.listdir(tmp_path / "cas"))


@pytest.mark.parametrize("count", [40, 400])
def test_a_removal_looks_for_runs_as_often_however_much_it_removes(
    tmp_path: Path, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = CountingStore(tmp_path)
    monkeypatch.setattr(gc, "_BATCH", 4)
    monkeypatch.setattr(gc, "time", SimpleNamespace(monotonic=lambda: 0.0))
    for number in range(count):
        store.put(f"stray {number}".encode(), "stray.txt")
    age(store, 3)
    assert len(gc.collect_garbage(store, 1).keys) == count
    assert (
        store.listed["history"] == 3
    )  # which runs there are, then before the first removal and after the last


def test_a_removal_that_takes_long_looks_for_runs_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, clock = CountingStore(tmp_path), iter(range(0, 10_000, 100))
    monkeypatch.setattr(gc, "_BATCH", 4)
    monkeypatch.setattr(gc, "time", SimpleNamespace(monotonic=lambda: 0.0))
    for number in range(40):
        store.put(f"stray {number}".encode(), "stray.txt")
    age(store, 3)
    move = store.move

    def move_and_begin(key: str, new_key: str) -> None:
        move(key, new_key)
        now = next(clock)
        monkeypatch.setattr(gc, "time", SimpleNamespace(monotonic=lambda: float(now)))
        key = "history/other/run.json"
        store.write(key, json.dumps({"name": "other", "flow": "pipeline"}).encode())

    monkeypatch.setattr(store, "move", move_and_begin)
    with pytest.raises(StoreError, match=r"run other .* is at work"):
        gc.collect_garbage(store, 1)
    assert 0 < sum(1 for _ in store.keys("trash")) - 1 <= 8


def test_what_must_stay_is_found_with_as_many_reads_a_run(tmp_path: Path) -> None:
    reads = []
    for runs in (4, 8, 16):
        store = CountingStore(tmp_path / str(runs))
        for number in range(runs):
            scans = [Artifact.of_bytes(f"{number} {each}".encode(), f"{each}.dcm") for each in range(3)]
            pipeline(store, f"run-{number}", scans, code=str(number))
            History(store).end(f"run-{number}")
        age(store, 3)
        store.reads = 0
        gc.find_garbage(store, runs)
        reads.append(store.reads)
    assert reads[2] - reads[1] == 2 * (reads[1] - reads[0])


def test_requests_keep_their_order_and_begin_little_beyond_what_was_asked_for() -> None:
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        return 2 * number

    outcomes = map_requests(work, range(100_000))
    assert [next(outcomes) for _ in range(3)] == [0, 2, 4]
    time.sleep(0.05)
    assert len(begun) < 5_000
    outcomes.close()  # type: ignore[attr-defined]
    assert list(map_requests(work, range(1_000))) == list(range(0, 2_000, 2))
    assert list(map_requests(work, [])) == []


def test_the_first_request_that_fails_ends_the_others() -> None:
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        if number == 5:
            raise StoreError("store x: is away; try again")

    with pytest.raises(StoreError, match="is away"):
        list(map_requests(work, range(100_000)))
    assert len(begun) < 5_000
