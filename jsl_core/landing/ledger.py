"""Scans that have landed: which are new, whole, and nobody's yet; each is taken exactly once.

The ledger of a place is a row of numbered entries in the store, each a batch of files. To take files is to
claim the next number: `claim` starts the work on a batch under that number unless it was started before, and
says with which batch it was. Whoever loses a race, or finds what a killed watcher left behind, writes the
winner's batch into the ledger and goes on from there. So it does not matter how many watchers there are or
when they die, provided that claiming is atomic; the server's idempotency keys are.
"""

import time
from collections.abc import Callable, Sequence, Set
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from jsl_core.storage import Artifact, Store, digest_of

__all__ = ["Batch", "Landed", "Landing", "Ledger", "settled", "take"]

_MOST = 512  # files of a batch: a landing place of a million is taken in parts that several workers share


class Landed(BaseModel):
    """A file as it lies there: its name below the place, its size in bytes, a stamp that no other has."""

    model_config = ConfigDict(frozen=True)

    name: str
    size: int
    stamp: str


class Batch(BaseModel):
    """The files of one entry, and the scans in them by their content."""

    model_config = ConfigDict(frozen=True)

    files: tuple[Landed, ...]
    scans: tuple[Artifact, ...]


class Landing(Protocol):
    """A place where scans land."""

    @property
    def url(self) -> str:
        """Names the place for good: the ledger is kept under it."""
        ...

    def files(self) -> list[Landed]:
        """What lies there now, by name. Raises JslError if the place cannot be looked at."""
        ...

    def scans(self, file: Landed) -> list[Artifact] | None:
        """The scans in a file by their content: one, or those of an archive. None if it is another by now."""
        ...


def settled(landing: Landing, seconds: float, sleep: Callable[[float], None] = time.sleep) -> list[Landed]:
    """The files that were the same at two looks so far apart: none of them is still being written."""
    before = set(landing.files())
    sleep(seconds)
    return [file for file in landing.files() if file in before]


class Ledger:
    """The batches that were taken from a place, in the store below `landing/`, numbered from 1."""

    def __init__(self, store: Store, landing: Landing) -> None:
        self._store = store
        self.name = digest_of(landing.url)[:12]

    def entries(self) -> list[Batch]:
        """All batches so far, oldest first."""
        entries: list[Batch] = []
        while (data := self._store.read(self._key(len(entries) + 1))) is not None:
            entries.append(Batch.model_validate_json(data))
        return entries

    def write(self, number: int, batch: Batch) -> None:
        """Writing an entry again writes the same bytes."""
        self._store.write(self._key(number), batch.model_dump_json(indent=1).encode())

    def finish(self, number: int, joints: Artifact) -> None:
        """Say which joints the work on an entry has found: that work is done."""
        self._store.write(self._joints(f"{number:06d}.json"), joints.model_dump_json().encode())

    def joints(self) -> list[Artifact]:
        """The tables of joints of all entries whose work is done."""
        found = [self._store.read(key) for key in self._store.keys(self._joints())]
        return [Artifact.model_validate_json(data) for data in found if data]

    def key(self, number: int) -> str:
        """What the keys that belong to an entry begin with."""
        return f"landing/{self.name}/{number:06d}"

    def _key(self, number: int) -> str:
        return f"{self.key(number)}.json"

    def _joints(self, name: str = "") -> str:
        return f"landing/{self.name}/joints" + (f"/{name}" if name else "")


def take(
    landing: Landing,
    ledger: Ledger,
    stable: Sequence[Landed],
    claim: Callable[[int, Batch], Batch],
    announce: Callable[[int, Batch], None],
) -> list[Batch]:
    """Claim every file that no entry has, and return the batches that were not in the ledger before.

    `claim(number, batch)` starts the work on a batch unless that number was claimed before, and returns the
    batch with which it was; it must be atomic. `announce` may come more than once for a number, always with
    the same batch, and not at all where nothing in the files is new. The ledger is written last.
    """
    entries = ledger.entries()
    known = {file for batch in entries for file in batch.files}
    used = {scan for batch in entries for scan in batch.scans}
    fresh = [file for file in stable if file not in known]
    taken: list[Batch] = []
    while fresh:
        part, fresh = fresh[:_MOST], fresh[_MOST:]
        batch = _read(landing, part, used)
        if not batch.files:
            continue
        number = len(entries) + len(taken) + 1
        won = claim(number, batch)
        if won.scans:
            announce(number, won)
        ledger.write(number, won)
        taken.append(won)
        used |= set(won.scans)
        # A lost race leaves files of this part to be claimed under the next number.
        fresh = [file for file in (*batch.files, *fresh) if file not in won.files]
    return taken


def _read(landing: Landing, files: Sequence[Landed], used: Set[Artifact]) -> Batch:
    """The files that are still as they were seen, and what is new in them: a touched file has nothing new."""
    read = {file: found for file in files if (found := landing.scans(file)) is not None}
    new = dict.fromkeys(scan for found in read.values() for scan in found if scan not in used)
    return Batch(files=tuple(read), scans=tuple(new))
