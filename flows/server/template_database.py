"""The database with which a server of a run begins."""

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from importlib.metadata import version
from pathlib import Path

from jsl_core.errors import StoreError
from jsl_core.storage import cache_folder
from jsl_core.system.files import replace_atomically, write_atomically

__all__ = ["BlankDatabase"]

_ELSEWHERE = ("PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL")


class BlankDatabase:
    """A server's SQLite file, begun from a copy.

    A hundred migrations make Prefect's empty database: six processor seconds. The first one that a version of
    Prefect makes on this machine is kept in the cache folder; without a cache there is only more to do.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._kept = cache_folder() / f"prefect-{version('prefect')}.db"
        self._is_new = False

    def begin(self) -> None:
        """Before the server starts: put a copy where there is no database yet."""
        self._is_new = not self._file.exists() and not any(name in os.environ for name in _ELSEWHERE)
        if self._is_new and self._kept.is_file():
            with suppress(OSError), self._kept.open("rb") as source, write_atomically(self._file) as target:
                shutil.copyfileobj(source, target)
                self._is_new = False

    def keep(self) -> None:
        """As soon as the server answers, before it is told anything: keep what it has made."""
        if not self._is_new:
            return
        # A copy of the file would lack what is still in its log.
        with (
            suppress(sqlite3.Error, StoreError),
            replace_atomically(self._kept) as temporary,
            closing(sqlite3.connect(self._file)) as source,
            closing(sqlite3.connect(temporary)) as target,
        ):
            source.backup(target)
