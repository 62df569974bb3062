"""Progress bars that fit a terminal of 80 columns, and plain lines elsewhere."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

from jsl_core.system.progress import PROGRESS, format_seconds

__all__ = ["Bars"]

_LINE_SECONDS = 30.0  # between two lines of work without epochs, where the output is a file


@dataclass
class _Work:
    """One bar: where it stood when it was first shown, and when its last line was printed."""

    bar: TaskID
    began: float
    done_before: int
    printed: float

    def time_left(self, done: int, total: int, now: float) -> str:
        """How long the rest will take at the pace so far, such as `3 min left`; empty until that is known."""
        if done <= self.done_before or done >= total:
            return ""
        pace = (now - self.began) / (done - self.done_before)
        return f"{format_seconds(pace * (total - done))} left"


class Bars:
    """Progress bars, one for each kind of work, within a `with` block."""

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """Prepare bars on standard error.

        Args:
            console: Where they go instead.
            clock: Tells seconds.
        """
        self._console = console or Console(stderr=True)
        self._clock = clock
        rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        self._progress = Progress(
            TextColumn("{task.description}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=12),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}", table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[note]}", table_column=rest),
            console=self._console,
            disable=not self._console.is_terminal,
            expand=True,
        )
        self._work: dict[str, _Work] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, what: str, done: int, total: int, note: str = "") -> None:
        """Set one bar; without a terminal print a line: each epoch, each half minute, and at the end."""
        now = self._clock()
        if what not in self._work:
            bar = self._progress.add_task(what, total=total, note=note, left="")
            self._work[what] = _Work(bar, now, done, now)
        work = self._work[what]
        left = work.time_left(done, total, now)
        self._progress.update(work.bar, completed=done, total=total, note=note, left=left)
        is_news = done >= total or note or now - work.printed >= _LINE_SECONDS
        if self._progress.disable and is_news:
            work.printed = now
            line = ", ".join(filter(None, (f"{what}: {done} of {total}", note, left)))
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

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
