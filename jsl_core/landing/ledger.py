"""The ledger of scans that have landed: each new and whole one is taken exactly once.

The ledger of a landing is a row of numbered entries in the store, each a batch of files. To take files is to
claim the next number: `claim` starts the work on a batch under that number unless it was started before, and
returns the batch with which it was. A watcher that loses a race, or finds what a killed one left behind,
writes the winner's batch into the ledger and goes on from there. So it does not matter how many watchers
there are or when they die, provided that claiming is atomic; the server's idempotency keys are.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence, Set
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from jsl_core.storage import Artifact, Store, digest_of
from jsl_core.storage.kept_twice import read_record, write_record

__all__ = ["Batch", "LandedFile", "Landing", "Ledger", "stable_files", "take_new_files"]

_BATCH_FILES = 512  # at most: of a million that land at once several workers share the batches


class LandedFile(BaseModel):
    """A file that has landed: its name below the landing, its size in bytes, a stamp that no other has."""

    model_config = ConfigDict(frozen=True)

    name: str
    size: int
    stamp: str


class Batch(BaseModel):
    """The files of one entry, and the scans in them by their content."""

    model_config = ConfigDict(frozen=True)

    files: tuple[LandedFile, ...]
    scans: tuple[Artifact, ...]


class Landing(Protocol):
    """A folder or bucket where scans land."""

    @property
    def url(self) -> str:
        """Its name for good: the ledger is found by it."""
        ...

    def files(self) -> list[LandedFile]:
        """The files there now, by name.

        Raises:
            JslError: If it cannot be listed.
        """
        ...

    def scans(self, file: LandedFile) -> list[Artifact] | None:
        """The scans in a file by their content: one, or those of an archive. None if it is another by now."""
        ...


def stable_files(
    landing: Landing, seconds: float, sleep: Callable[[float], None] = time.sleep
) -> list[LandedFile]:
    """The files that were the same in two listings so many seconds apart: none is still being written."""
    before = set(landing.files())
    sleep(seconds)
    return [file for file in landing.files() if file in before]


class Ledger:
    """The batches that were taken from a landing, in the store below `landing/`, numbered from 1."""

    def __init__(self, store: Store, landing: Landing) -> None:
        self._store = store
        self.name = digest_of(landing.url)[:12]

    def entries(self) -> list[Batch]:
        """All batches so far, oldest first.

        Raises:
            StoreError: If an entry is damaged in both places.
        """
        entries: list[Batch] = []
        while (
            batch := read_record(self._store, self._key(len(entries) + 1), Batch.model_validate)
        ) is not None:
            entries.append(batch)
        return entries

    def write(self, number: int, batch: Batch) -> None:
        """Write an entry; writing it again writes the same bytes."""
        write_record(self._store, self._key(number), batch.model_dump(mode="json"))

    def record_joints(self, number: int, joints: Artifact) -> None:
        """Record the table of joints of an entry, whose work is then done."""
        write_record(self._store, self._joints(f"{number:06d}.json"), joints.model_dump())

    def joint_tables(self) -> list[Artifact]:
        """The tables of joints of all entries whose work is done.

        Raises:
            StoreError: If the record of one is damaged in both places.
        """
        keys = self._store.keys(self._joints())
        tables = [read_record(self._store, key, Artifact.model_validate) for key in keys]
        return [table for table in tables if table is not None]

    def entry_prefix(self, number: int) -> str:
        """What the keys that belong to an entry begin with."""
        return f"landing/{self.name}/{number:06d}"

    def _key(self, number: int) -> str:
        return f"{self.entry_prefix(number)}.json"

    def _joints(self, name: str = "") -> str:
        return f"landing/{self.name}/joints" + (f"/{name}" if name else "")


def take_new_files(
    landing: Landing,
    ledger: Ledger,
    stable: Sequence[LandedFile],
    claim: Callable[[int, Batch], Batch],
    announce: Callable[[int, Batch], None],
) -> list[Batch]:
    """Claim every file that no entry has.

    Args:
        landing: Where the scans land.
        ledger: What was taken from there; an entry is written last of all.
        stable: The files that are no longer being written.
        claim: Starts the work on the batch of a number unless that number was claimed before, and returns the
            batch with which it was; it must be atomic.
        announce: Called with a number and its batch where the batch has new scans; it may be called more than
            once for a number, always with the same batch.

    Returns:
        The batches that were not in the ledger before.
    """
    entries = ledger.entries()
    old_files = {file for batch in entries for file in batch.files}
    old_scans = {scan for batch in entries for scan in batch.scans}
    waiting = deque(file for file in stable if file not in old_files)
    new_batches: list[Batch] = []
    while waiting:
        next_files: list[LandedFile] = []
        while waiting and len(next_files) < _BATCH_FILES:
            if (file := waiting.popleft()) not in old_files:
                next_files.append(file)
        batch = _read_batch(landing, next_files, old_scans)
        if not batch.files:
            continue
        number = len(entries) + len(new_batches) + 1
        winner = claim(number, batch)
        if winner.scans:
            announce(number, winner)
        ledger.write(number, winner)
        new_batches.append(winner)
        old_files |= set(winner.files)
        old_scans |= set(winner.scans)
        # A lost race leaves files of this batch to be claimed under the next number.
        waiting.extendleft(file for file in reversed(batch.files) if file not in old_files)
    return new_batches


def _read_batch(landing: Landing, files: Sequence[LandedFile], old_scans: Set[Artifact]) -> Batch:
    """The files that are still as they were listed, and what is new in them: nothing in a touched one."""
    scans_of = {file: scans for file in files if (scans := landing.scans(file)) is not None}
    new_scans = dict.fromkeys(scan for scans in scans_of.values() for scan in scans if scan not in old_scans)
    return Batch(files=tuple(scans_of), scans=tuple(new_scans))
