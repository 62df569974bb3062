"""Progress of a task: log records that a terminal draws as bars, and progress artifacts on a server."""

import time
from typing import cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.context import TaskRunContext

from jsl_core.system.progress import report_progress

__all__ = ["Progress"]

_SECONDS = 5.0  # between two updates of the artifact: each is a request to the server


class Progress:
    """One bar: `what` of `total`, moved on by `step`."""

    def __init__(self, what: str, total: int) -> None:
        self._what, self._total, self._done = what, total, 0
        self._last_update = time.monotonic()
        self._artifact: UUID | None = None

    def step(self, done: int = 1, note: str = "") -> None:
        """Move the bar on by so many items; `note` is shown beside it."""
        self._done += done
        report_progress(self._what, self._done, self._total, note)
        is_late = time.monotonic() - self._last_update > _SECONDS
        # A task's function that is called on its own has no run to show its progress on.
        if (is_late and TaskRunContext.get()) or (self._artifact and self._done >= self._total):
            self._last_update = time.monotonic()
            self._show(note)

    def _show(self, note: str) -> None:
        text = f"{self._what}: {self._done} of {self._total} {note}".rstrip()
        share = 100 * self._done / max(self._total, 1)
        if self._artifact:
            update_progress_artifact(self._artifact, progress=share, description=text)
        else:
            key = self._what.replace(" ", "-")
            self._artifact = cast("UUID", create_progress_artifact(share, key=key, description=text))
