"""What a file was found to hold: one that has not been touched since is not read again to know its digest."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from jsl_core.errors import StoreError
from jsl_core.storage import Artifact
from jsl_core.system.files import write_atomically

__all__ = ["Digests"]

_UNSETTLED_NS = 3_000_000_000  # a file system may count its times in steps of two seconds

_Stamp = tuple[int, int, int, int]


class Digests:
    """Digests by name, kept in a file from one listing of a place to the next.

    As git does, a file counts as untouched while its size, its inode and the times of its last writing and of
    its last change of any kind are the same. One that was touched a moment before it was read is not kept, as
    it could change again within the same tick of the clock. A ledger that cannot be read or written costs no
    more than reading the files again.
    """

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger
        self._known = _read(ledger)
        self._seen: dict[str, tuple[_Stamp, str, int]] = {}

    def of(self, file: Path, name: str, read: Callable[[], Artifact]) -> Artifact:
        """The artifact called `name` that is `file`, or lies in it: as it is known, or as `read` finds it."""
        now, stamp = time.time_ns(), _stamp(file)
        if stamp is None:
            return read()
        before, sha256, size = self._known.get(name, (None, "", 0))
        found = Artifact(sha256=sha256, size=size, name=name) if before == stamp else read()
        # What cannot be read has no bytes, and may be readable the next time.
        if found.size and max(stamp[2:]) < now - _UNSETTLED_NS and _stamp(file) == stamp:
            self._seen[name] = stamp, found.sha256, found.size
        return found

    def keep(self) -> None:
        """Remember what was asked for since the beginning, and forget all else."""
        if self._seen == self._known:
            return
        try:
            with write_atomically(self._ledger) as file:
                file.write(json.dumps(self._seen).encode())
        except StoreError:
            return


def _stamp(file: Path) -> _Stamp | None:
    """Size, inode, and the nanoseconds of the last writing and of the last change; None if it has gone."""
    try:
        about = os.stat(file)
    except OSError:
        return None
    return about.st_size, about.st_ino, about.st_mtime_ns, about.st_ctime_ns


def _read(ledger: Path) -> dict[str, tuple[_Stamp, str, int]]:
    try:
        told = json.loads(ledger.read_bytes())
        return {
            name: ((size, inode, written, changed), sha256, length)
            for name, ((size, inode, written, changed), sha256, length) in told.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
