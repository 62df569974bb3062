"""Each scan that lands is taken exactly once, whoever watches, overlaps, is killed, or replaces a file."""

import os
import random
import threading
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jsl_core.errors import JslError
from jsl_core.landing import Batch, FolderLanding, Ledger, stable_files, take_new_files
from jsl_core.storage import Artifact, open_store


class Killed(BaseException):
    """What kill -9 is to a watcher here: nothing after it happens."""


class Office:
    """A server: it starts the work of a number once, and remembers which announcements it heard."""

    def __init__(self) -> None:
        self.started: dict[int, Batch] = {}
        self.heard: set[tuple[int, Batch]] = set()

    def claim(self, number: int, batch: Batch) -> Batch:
        return self.started.setdefault(number, batch)

    def announce(self, number: int, batch: Batch) -> None:
        self.heard.add((number, batch))

    def used(self) -> Counter[Artifact]:
        return Counter(scan for batch in self.started.values() for scan in batch.scans)


class Watcher(threading.Thread):
    """One look at the place, which goes on one step when it is told to."""

    def __init__(self, folder: Path, store: Path, office: Office) -> None:
        super().__init__(daemon=True)
        self._folder, self._store, self._office = folder, store, office
        self._turn, self._paused = threading.Semaphore(0), threading.Semaphore(0)
        self._doomed = False
        self.over = False
        self.start()
        self._paused.acquire()

    def go_on(self, *, kill: bool = False) -> None:
        self._doomed = kill
        self._turn.release()
        self._paused.acquire()

    def _step(self) -> None:
        self._paused.release()
        self._turn.acquire()
        if self._doomed:
            raise Killed

    def run(self) -> None:
        try:
            landing = FolderLanding(self._folder)
            ledger = Ledger(open_store(str(self._store)), landing)
            ledger.write = self._between(ledger.write)
            self._step()
            stable = stable_files(landing, 0, sleep=lambda seconds: self._step())
            self._step()
            claim, announce = self._between(self._office.claim), self._between(self._office.announce)
            take_new_files(landing, ledger, stable, claim, announce)
        except Killed:
            pass
        finally:
            self.over = True
            self._paused.release()

    def _between(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def stepping(*args: Any) -> Any:
            self._step()
            result = call(*args)
            self._step()
            return result

        return stepping


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    folder = tmp_path / "landing"
    folder.mkdir()
    return folder, tmp_path / "store"


def land(folder: Path, name: str, content: str) -> None:
    """A file appears, or is replaced, in one step."""
    hidden = folder / f".{name}.part"
    hidden.write_text(content)
    os.replace(hidden, folder / name)


def look(places: tuple[Path, Path], office: Office) -> list[Batch]:
    """One watcher, undisturbed."""
    landing = FolderLanding(places[0])
    ledger = Ledger(open_store(str(places[1])), landing)
    return take_new_files(landing, ledger, stable_files(landing, 0), office.claim, office.announce)


@pytest.mark.parametrize("seed", range(40))
def test_scans_are_used_once_while_watchers_overlap_and_die_at_any_step(
    places: tuple[Path, Path], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jsl_core.landing.ledger._BATCH_FILES", 3)
    dice, office = random.Random(seed), Office()
    contents: set[tuple[str, str]] = set()
    watchers: list[Watcher] = []
    for _ in range(60):
        if dice.random() < 0.2:
            name, content = f"{dice.randrange(6)}.dcm", f"{dice.randrange(4)}"
            land(places[0], name, content)
            contents.add((name, content))
            if dice.random() < 0.5:
                look(places, office)  # so that most contents are seen before they are replaced
        if len(watchers) < 3 and dice.random() < 0.5:
            watchers.append(Watcher(*places, office))
        if watchers:
            dice.choice(watchers).go_on(kill=dice.random() < 0.1)
        watchers = [watcher for watcher in watchers if not watcher.over]
    for watcher in watchers:
        watcher.go_on(kill=True)
    look(places, office)
    assert look(places, office) == []

    used = office.used()
    assert set(used.values()) == {1}
    there = {Artifact.of_file(path) for path in places[0].glob("*.dcm")}
    assert there <= set(used)
    assert {(scan.name, scan.sha256) for scan in used} <= {
        (name, Artifact.of_bytes(content.encode(), "").sha256) for name, content in contents
    }
    assert office.heard == {(number, batch) for number, batch in office.started.items() if batch.scans}


@pytest.mark.parametrize("steps", range(12))
def test_what_a_watcher_killed_at_each_step_has_begun_the_next_one_ends(
    places: tuple[Path, Path], steps: int
) -> None:
    office = Office()
    land(places[0], "a.dcm", "knee")
    doomed = Watcher(*places, office)
    for _ in range(steps):
        if not doomed.over:
            doomed.go_on()
    if not doomed.over:
        doomed.go_on(kill=True)
    land(places[0], "b.dcm", "another")
    look(places, office)
    assert Counter(scan.name for scan in office.used().elements()) == {"a.dcm": 1, "b.dcm": 1}
    assert office.heard == set(office.started.items())


def test_a_file_that_is_still_written_waits(places: tuple[Path, Path]) -> None:
    landing = FolderLanding(places[0])
    (places[0] / "a.dcm").write_text("half")
    (places[0] / "b.dcm").write_text("whole")

    def meanwhile(seconds: float) -> None:
        (places[0] / "a.dcm").write_text("half and half")

    assert [file.name for file in stable_files(landing, 5, sleep=meanwhile)] == ["b.dcm"]


def test_a_file_that_changes_while_it_is_read_waits(places: tuple[Path, Path]) -> None:
    office, landing = Office(), FolderLanding(places[0])
    land(places[0], "a.dcm", "first")
    stable = stable_files(landing, 0)
    land(places[0], "a.dcm", "second")
    ledger = Ledger(open_store(str(places[1])), landing)
    assert take_new_files(landing, ledger, stable, office.claim, office.announce) == []
    assert [scan.sha256 for batch in look(places, office) for scan in batch.scans] == [
        Artifact.of_bytes(b"second", "").sha256
    ]


def test_a_replaced_file_is_used_again_and_a_touched_one_is_not(places: tuple[Path, Path]) -> None:
    office = Office()
    land(places[0], "a.dcm", "first")
    look(places, office)
    land(places[0], "a.dcm", "second")
    look(places, office)
    assert sorted(office.used().values()) == [1, 1]
    os.utime(places[0] / "a.dcm")
    (touched,) = look(places, office)
    assert touched.scans == ()
    assert len(office.heard) == 2
    assert look(places, office) == []


def test_an_archive_brings_all_its_scans_and_a_hidden_file_none(places: tuple[Path, Path]) -> None:
    office = Office()
    (places[0] / "deep").mkdir()
    with zipfile.ZipFile(places[0] / "deep" / "films.zip", "w") as archive:
        archive.writestr("one.dcm", "1")
        archive.writestr("two.dcm", "2")
    (places[0] / ".rsync.dcm.x9").write_text("half")
    look(places, office)
    assert {scan.name for scan in office.used()} == {
        "deep/films.zip!/one.dcm",
        "deep/films.zip!/two.dcm",
    }


def test_a_place_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(JslError, match="nowhere: no such folder"):
        FolderLanding(tmp_path / "nowhere").files()
