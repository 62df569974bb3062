"""Progress bars on a terminal, and plain lines elsewhere."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from jsl_core.system.progress import PROGRESS

__all__ = ["Bars"]


class Bars:
    """Progress bars, one for each kind of work, within a `with` block."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description:<24}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, what: str, done: int, total: int, note: str = "") -> None:
        """Set one bar; without a terminal print one line at its end."""
        if what not in self._bars:
            self._bars[what] = self._progress.add_task(what, total=total, note=note)
        self._progress.update(self._bars[what], completed=done, total=total, note=note)
        if self._progress.disable and done == total:
            self._console.print(f"{what}: {total} {note}".rstrip(), highlight=False)

    def say(self, line: str) -> None:
        """Print a line above the bars."""
        self._console.print(f"jsl: {line}", highlight=False, markup=False, soft_wrap=True)

    def callback(self, what: str) -> Callable[[int, int], None]:
        """Make a function of `(done, total)` that moves one bar."""
        return lambda done, total: self.show(what, done, total)

    @contextmanager
    def follow_tasks(self) -> Iterator[None]:
        """Show the progress that the tasks of a run log, for the time of the block."""
        handler = _Handler(self)
        logger = logging.getLogger(PROGRESS)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False  # Prefect's root handler would print each step as a line
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.propagate = True


class _Handler(logging.Handler):
    def __init__(self, bars: Bars) -> None:
        super().__init__()
        self._bars = bars

    def emit(self, record: logging.LogRecord) -> None:
        if "progress" in record.__dict__:
            self._bars.show(**record.__dict__["progress"])
        else:
            self._bars.say(record.getMessage())
