"""The SQLite database that a new server starts from: a copy of an empty one, made once on this machine."""

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from importlib.metadata import version
from pathlib import Path

from jsl_core.errors import StoreError
from jsl_core.storage import cache_folder
from jsl_core.system.files import replace_atomically, write_atomically

__all__ = ["TemplateDatabase"]

_CONNECTION_VARIABLES = ("PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL")


class TemplateDatabase:
    """A server's SQLite file, copied from a template if there is none yet.

    A hundred migrations make Prefect's empty database: six processor seconds. The first one that a version of
    Prefect makes on this machine becomes the template, in the cache folder; without a cache folder every
    server migrates its own.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._template = cache_folder() / f"prefect-{version('prefect')}.db"
        self._version_file = file.with_name(f"{file.name}-version")
        self._is_new = False

    def is_ready(self) -> bool:
        """Tell whether a server of this version of Prefect has answered from this database before."""
        with suppress(OSError, UnicodeDecodeError):
            is_there = self._is_external() or self._file.exists()
            return is_there and self._version_file.read_text() == version("prefect")
        return False

    def copy_template(self) -> None:
        """Put a copy of the template where there is no database yet; call it before the server starts."""
        self._is_new = not self._file.exists() and not self._is_external()
        if self._is_new and self._template.is_file():
            with (
                suppress(OSError),
                self._template.open("rb") as source,
                write_atomically(self._file) as target,
            ):
                shutil.copyfileobj(source, target)
                self._is_new = False

    def save_template(self) -> None:
        """Save a database that the server has made as the template; call it before the first request."""
        with suppress(StoreError, OSError), write_atomically(self._version_file) as file:
            file.write(version("prefect").encode())
        if not self._is_new:
            return
        # A copy of the file would lack what is still in its log.
        with (
            suppress(sqlite3.Error, StoreError),
            replace_atomically(self._template) as temporary,
            closing(sqlite3.connect(self._file)) as source,
            closing(sqlite3.connect(temporary)) as target,
        ):
            source.backup(target)

    def _is_external(self) -> bool:
        return any(name in os.environ for name in _CONNECTION_VARIABLES)
