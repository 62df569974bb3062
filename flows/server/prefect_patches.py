"""What Prefect's server needs so as not to stand still on SQLite.

A statement that fails, as some do each minute with "database is locked", leaves an open cursor that only its
traceback holds, often until the garbage collector comes by. That resets the cursor, for which it waits while
another statement of its connection waits for a lock. It does so in the server's event loop, without which the
holder of the lock cannot commit: nothing moves until SQLite's busy timeout, a minute.
"""

import sqlite3
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from aiosqlite import Cursor

__all__ = ["RECORDING", "close_failed_cursors", "record_soon"]

RECORDING = {  # what becomes of tasks is written once a second, and not three times for each, 5 ms every time
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
}
_SOON = 0.1  # seconds


def record_soon() -> None:
    """From now on that is written ten times a second, as a run's end waits for it; settings know seconds."""
    from prefect.server.services import task_run_recorder

    consumer = task_run_recorder.consumer

    def prompt(**given: Any) -> Any:
        return consumer(**given | ({"flush_every": _SOON} if "flush_every" in given else {}))

    task_run_recorder.consumer = prompt  # type: ignore[assignment]  # takes the same


def close_failed_cursors() -> None:
    """From now on, aiosqlite closes a failed statement's cursor at once, while its connection is idle."""
    for name in ("execute", "executemany"):
        setattr(Cursor, name, _closing(getattr(Cursor, name)))


def _closing(method: Callable[..., Awaitable[Cursor]]) -> Callable[..., Awaitable[Cursor]]:
    @wraps(method)
    async def attempt(self: Cursor, *arguments: Any) -> Cursor:
        try:
            return await method(self, *arguments)
        except sqlite3.Error:
            await self.close()
            raise

    return attempt
