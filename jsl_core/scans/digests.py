"""Digests of files, remembered: one that has not been touched is not read again to know its digest."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from jsl_core.errors import StoreError
from jsl_core.storage import Artifact
from jsl_core.storage.proof import Unproven, seal, unseal
from jsl_core.system.files import write_atomically

__all__ = ["FileDigests"]

_UNSETTLED_NS = 3_000_000_000  # a file system may count its times in steps of two seconds

_KEY = "digests"  # wherever the file lies

_Stamp = tuple[int, int, int, int]


class FileDigests:
    """Digests by name, remembered in a file from one listing of a folder to the next.

    As git does, a file counts as untouched while its size, its inode and the times of its last writing and of
    its last change of any kind are the same. One that was touched a moment before it was read is not
    remembered, as it could change again within the same tick of the clock. A ledger that cannot be read or
    written costs no more than reading the files again.
    """

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger
        self._remembered = _read_ledger(ledger)
        self._current: dict[str, tuple[_Stamp, str, int]] = {}

    def artifact_of(self, file: Path, name: str, read: Callable[[], Artifact]) -> Artifact:
        """The artifact called `name` that is `file`, or lies in it: as remembered, or as `read` finds it."""
        now, stamp = time.time_ns(), _stamp(file)
        if stamp is None:
            return read()
        old_stamp, sha256, size = self._remembered.get(name, (None, "", 0))
        artifact = Artifact(sha256=sha256, size=size, name=name) if old_stamp == stamp else read()
        # What cannot be read has no bytes, and may be readable the next time.
        if artifact.size and max(stamp[2:]) < now - _UNSETTLED_NS and _stamp(file) == stamp:
            self._current[name] = stamp, artifact.sha256, artifact.size
        return artifact

    def save(self) -> None:
        """Remember the artifacts that were asked for, and forget all others."""
        if self._current == self._remembered:
            return
        try:
            with write_atomically(self._ledger) as file:
                file.write(seal(_KEY, self._current))
        except StoreError:
            return


def _stamp(file: Path) -> _Stamp | None:
    """Size, inode, and the nanoseconds of the last writing and of the last change; None if it has gone."""
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns


def _read_ledger(ledger: Path) -> dict[str, tuple[_Stamp, str, int]]:
    try:
        entries = unseal(_KEY, ledger.read_bytes())
        return {name: (tuple(stamp), sha256, length) for name, (stamp, sha256, length) in entries.items()}
    except (OSError, Unproven):
        return {}
