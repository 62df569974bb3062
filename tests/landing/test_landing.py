"""Each scan that lands is taken exactly once, though watchers overlap or die and files are replaced."""

import os
import random
import threading
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jsl_core.errors import BadScan, JslError
from jsl_core.imaging import Pseudonyms, read_scan, walk_scans
from jsl_core.landing import (
    Batch,
    FolderLanding,
    LandedFile,
    Ledger,
    open_landing,
    stable_files,
    take_new_files,
)
from jsl_core.scans.listing import names_behind
from jsl_core.storage import Artifact, open_store


class Killed(BaseException):
    """What kill -9 is to a watcher here: nothing after it happens."""


class FakeServer:
    """A server: it starts the work of a number once, and remembers the announcements."""

    def __init__(self) -> None:
        self.started: dict[int, Batch] = {}
        self.announced: set[tuple[int, Batch]] = set()

    def claim(self, number: int, batch: Batch) -> Batch:
        return self.started.setdefault(number, batch)

    def announce(self, number: int, batch: Batch) -> None:
        self.announced.add((number, batch))

    def used(self) -> Counter[Artifact]:
        return Counter(scan for batch in self.started.values() for scan in batch.scans)


class Watcher(threading.Thread):
    """One look at the place, which goes on one step when it is told to."""

    def __init__(self, folder: Path, store: Path, server: FakeServer) -> None:
        super().__init__(daemon=True)
        self._folder, self._store, self._server = folder, store, server
        self._turn, self._paused = threading.Semaphore(0), threading.Semaphore(0)
        self._doomed = False
        self.over = False
        self.start()
        self._paused.acquire()

    def step(self, *, kill: bool = False) -> None:
        self._doomed = kill
        self._turn.release()
        self._paused.acquire()

    def _pause(self) -> None:
        self._paused.release()
        self._turn.acquire()
        if self._doomed:
            raise Killed

    def run(self) -> None:
        try:
            landing = FolderLanding(self._folder)
            ledger = Ledger(open_store(str(self._store)), landing)
            ledger.write = self._between(ledger.write)
            self._pause()
            stable = stable_files(landing, 0, sleep=lambda seconds: self._pause())
            self._pause()
            claim, announce = self._between(self._server.claim), self._between(self._server.announce)
            take_new_files(landing, ledger, stable, claim, announce)
        except Killed:
            pass
        finally:
            self.over = True
            self._paused.release()

    def _between(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def stepping(*args: Any) -> Any:
            self._pause()
            result = call(*args)
            self._pause()
            return result

        return stepping


@pytest.fixture
def folder_and_store(tmp_path: Path) -> tuple[Path, Path]:
    folder = tmp_path / "landing"
    folder.mkdir()
    return folder, tmp_path / "store"


def land(folder: Path, name: str, content: str) -> None:
    """A file appears, or is replaced, in one step."""
    hidden = folder / f".{name}.part"
    hidden.write_text(content)
    os.replace(hidden, folder / name)


def watch_once(folder_and_store: tuple[Path, Path], server: FakeServer) -> list[Batch]:
    """One watcher, undisturbed."""
    landing = FolderLanding(folder_and_store[0])
    ledger = Ledger(open_store(str(folder_and_store[1])), landing)
    return take_new_files(landing, ledger, stable_files(landing, 0), server.claim, server.announce)


@pytest.mark.parametrize("seed", range(40))
def test_scans_are_used_once_while_watchers_overlap_and_die_at_any_step(
    folder_and_store: tuple[Path, Path], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jsl_core.landing.ledger._BATCH_FILES", 3)
    rng, server = random.Random(seed), FakeServer()
    contents: set[tuple[str, str]] = set()
    watchers: list[Watcher] = []
    for _ in range(60):
        if rng.random() < 0.2:
            name, content = f"{rng.randrange(6)}.dcm", f"{rng.randrange(4)}"
            land(folder_and_store[0], name, content)
            contents.add((name, content))
            if rng.random() < 0.5:
                watch_once(folder_and_store, server)  # so that most contents are met before they go
        if len(watchers) < 3 and rng.random() < 0.5:
            watchers.append(Watcher(*folder_and_store, server))
        if watchers:
            rng.choice(watchers).step(kill=rng.random() < 0.1)
        watchers = [watcher for watcher in watchers if not watcher.over]
    for watcher in watchers:
        watcher.step(kill=True)
    watch_once(folder_and_store, server)
    assert watch_once(folder_and_store, server) == []

    used = server.used()
    assert set(used.values()) == {1}
    there = {Artifact.of_file(path) for path in folder_and_store[0].glob("*.dcm")}
    assert there <= set(used)
    assert {(scan.name, scan.sha256) for scan in used} <= {
        (name, Artifact.of_bytes(content.encode(), "").sha256) for name, content in contents
    }
    assert server.announced == {(number, batch) for number, batch in server.started.items() if batch.scans}


@pytest.mark.parametrize("steps", range(12))
def test_what_a_watcher_killed_at_each_step_has_begun_the_next_one_ends(
    folder_and_store: tuple[Path, Path], steps: int
) -> None:
    server = FakeServer()
    land(folder_and_store[0], "a.dcm", "knee")
    doomed = Watcher(*folder_and_store, server)
    for _ in range(steps):
        if not doomed.over:
            doomed.step()
    if not doomed.over:
        doomed.step(kill=True)
    land(folder_and_store[0], "b.dcm", "another")
    watch_once(folder_and_store, server)
    assert Counter(scan.name for scan in server.used().elements()) == {"a.dcm": 1, "b.dcm": 1}
    assert server.announced == set(server.started.items())


def test_a_file_that_is_still_written_waits(folder_and_store: tuple[Path, Path]) -> None:
    landing = FolderLanding(folder_and_store[0])
    (folder_and_store[0] / "a.dcm").write_text("half")
    (folder_and_store[0] / "b.dcm").write_text("whole")

    def meanwhile(seconds: float) -> None:
        (folder_and_store[0] / "a.dcm").write_text("half and half")

    assert [file.name for file in stable_files(landing, 5, sleep=meanwhile)] == ["b.dcm"]


def test_a_file_that_changes_while_it_is_read_waits(folder_and_store: tuple[Path, Path]) -> None:
    server, landing = FakeServer(), FolderLanding(folder_and_store[0])
    land(folder_and_store[0], "a.dcm", "first")
    stable = stable_files(landing, 0)
    land(folder_and_store[0], "a.dcm", "second")
    ledger = Ledger(open_store(str(folder_and_store[1])), landing)
    assert take_new_files(landing, ledger, stable, server.claim, server.announce) == []
    assert [scan.sha256 for batch in watch_once(folder_and_store, server) for scan in batch.scans] == [
        Artifact.of_bytes(b"second", "").sha256
    ]


def test_a_replaced_file_is_used_again_and_a_touched_one_is_not(folder_and_store: tuple[Path, Path]) -> None:
    server = FakeServer()
    land(folder_and_store[0], "a.dcm", "first")
    watch_once(folder_and_store, server)
    land(folder_and_store[0], "a.dcm", "second")
    watch_once(folder_and_store, server)
    assert sorted(server.used().values()) == [1, 1]
    os.utime(folder_and_store[0] / "a.dcm")
    (touched,) = watch_once(folder_and_store, server)
    assert touched.scans == ()
    assert len(server.announced) == 2
    assert watch_once(folder_and_store, server) == []


def test_an_archive_brings_all_its_scans_and_a_hidden_file_none(folder_and_store: tuple[Path, Path]) -> None:
    server = FakeServer()
    (folder_and_store[0] / "deep").mkdir()
    with zipfile.ZipFile(folder_and_store[0] / "deep" / "films.zip", "w") as archive:
        archive.writestr("one.dcm", "1")
        archive.writestr("two.dcm", "2")
    (folder_and_store[0] / ".rsync.dcm.x9").write_text("half")
    watch_once(folder_and_store, server)
    assert {scan.name for scan in server.used()} == {
        "deep/films.zip!/one.dcm",
        "deep/films.zip!/two.dcm",
    }


def test_what_is_no_file_lands_as_a_scan_that_cannot_be_read(folder_and_store: tuple[Path, Path]) -> None:
    folder, _ = folder_and_store
    folder.mkdir(exist_ok=True)
    (folder / "dangling.dcm").symlink_to("gone.dcm")
    os.mkfifo(folder / "pipe")
    (folder / "circle").symlink_to(folder)
    Path(os.fsdecode(os.fsencode(folder) + b"/M\xfcller.dcm")).write_bytes(b"film")
    landing = FolderLanding(folder)
    files = landing.files()
    assert [file.name for file in files] == ["M\\xfcller.dcm", "circle", "dangling.dcm", "pipe"]
    assert [[scan.name for scan in landing.scans(file) or ()] for file in files] == [
        [file.name] for file in files
    ]
    for name in ("circle", "dangling.dcm", "pipe"):
        with pytest.raises(BadScan) as caught:
            read_scan(folder, name)
        assert caught.value.code == "not_a_file"
    (folder / "gone.dcm").write_bytes(b"here now")
    assert files[2] not in landing.files(), "a link whose file has come is another file"


def test_with_pseudonyms_the_ledger_names_no_file(folder_and_store: tuple[Path, Path]) -> None:
    folder, store = folder_and_store
    folder.mkdir(exist_ok=True)
    (folder / "QZX.dcm").write_bytes(b"film")
    with zipfile.ZipFile(folder / "QZX.zip", "w") as archive:
        archive.writestr("QZX/film.dcm", b"another")
    pseudonyms, server = Pseudonyms(b"k" * 16), FakeServer()
    landing = open_landing(str(folder), folder, pseudonyms)
    ledger = Ledger(open_store(str(store)), landing)
    take_new_files(landing, ledger, stable_files(landing, 0), server.claim, server.announce)
    (batch,) = ledger.entries()
    names = {scan.name for scan in walk_scans(folder)}
    assert {scan.name for scan in batch.scans} == {pseudonyms(name) for name in names}
    assert names_behind(folder, pseudonyms, [scan.name for scan in batch.scans]) == {
        pseudonyms(name): name for name in names
    }
    left = [path for path in store.rglob("*") if path.is_file()]
    assert left
    assert not [path for path in left if b"QZX" in path.read_bytes() or "QZX" in str(path)]
    assert take_new_files(landing, ledger, stable_files(landing, 0), server.claim, server.announce) == []


def test_a_place_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(JslError, match="nowhere: no such folder"):
        FolderLanding(tmp_path / "nowhere").files()


def test_each_of_many_files_is_read_once_compared_with_few_and_never_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A year's films that land at once: work grows with their number, not with its square."""
    count, compared, read = 3_000, 0, Counter[str]()
    (tmp_path / "landing").mkdir()
    for number in range(count):
        (tmp_path / "landing" / f"{number:04d}.dcm").write_bytes(b"%d" % number)
    equal = LandedFile.__eq__

    def count_comparison(self: LandedFile, other: object) -> bool:
        nonlocal compared
        compared += 1
        return equal(self, other)

    monkeypatch.setattr(LandedFile, "__eq__", count_comparison)
    server, landing = FakeServer(), FolderLanding(tmp_path / "landing")
    ledger = Ledger(open_store(str(tmp_path / "store")), landing)
    scans = landing.scans
    monkeypatch.setattr(landing, "scans", lambda file: (read.update([file.name]), scans(file))[1])
    batches = take_new_files(landing, ledger, stable_files(landing, 0), server.claim, server.announce)
    assert [len(batch.files) for batch in batches] == [512] * 5 + [440]
    assert set(server.used().values()) == set(read.values()) == {1}
    assert len(read) == count
    assert compared < 10 * count
    assert take_new_files(landing, ledger, stable_files(landing, 0), server.claim, server.announce) == []
    assert set(read.values()) == {1}


def test_what_another_watcher_took_is_not_claimed_again(tmp_path: Path) -> None:
    """The winner's batch has files that this watcher would have claimed only later."""
    (tmp_path / "landing").mkdir()
    for number in range(1_000):
        (tmp_path / "landing" / f"{number:04d}.dcm").write_bytes(b"%d" % number)
    server, landing = FakeServer(), FolderLanding(tmp_path / "landing")
    ledger = Ledger(open_store(str(tmp_path / "store")), landing)
    files = stable_files(landing, 0)
    others = files[300:700]
    server.started[1] = Batch(
        files=tuple(others), scans=tuple(scan for file in others for scan in landing.scans(file) or ())
    )
    batches = take_new_files(landing, ledger, files, server.claim, server.announce)
    assert [len(batch.files) for batch in batches] == [400, 512, 88]
    assert set(server.used().values()) == {1}
    assert len(server.used()) == 1_000
