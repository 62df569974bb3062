"""One function over many items in worker processes that may hang, crash or be killed without harm.

Every worker has a pipe of its own, so one that dies half-way through an answer harms no other: the pools of
the standard library and of pebble share one pipe and its lock among all workers, and break with them.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from functools import partial
from multiprocessing.connection import Connection, wait
from types import ModuleType
from typing import Any, Generic, TypeVar

from jsl_core.errors import BadScan

__all__ = ["cores", "parallel_map"]

T = TypeVar("T")
R = TypeVar("R")

_CRASHES = {-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGFPE, -signal.SIGBUS, -signal.SIGILL}
_LOOK_AHEAD = 32  # items per worker begun beyond the one that is due: bounds what waits in memory
_starting = threading.Lock()


def cores() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0))


def parallel_map(
    work: Callable[[T], R], items: Iterable[T], jobs: int = 0, seconds_per_item: float | None = None
) -> Iterator[R | BadScan]:
    """`work` of every item, in the items' order, by `jobs` processes (0: one per core).

    A `BadScan` that `work` raises is yielded in its item's place; so is one with the code `timeout` where an
    item takes longer than `seconds_per_item`, with `undecodable` where it crashes its process, and with
    `worker_killed` where the process that works on it is ended otherwise, and a second one is too. Any other
    error is raised here. With one job and no time limit the work is done in this process, without that
    protection. `work` and the items must pickle. The workers end with this process, however it ends.
    """
    jobs = jobs or cores()
    if jobs == 1 and seconds_per_item is None:
        yield from (_kept(work, item) for item in items)
        return
    due = given = 0
    with closing(_Crew(work, jobs, seconds_per_item)) as crew:
        for item in items:
            crew.give(given, item)
            given += 1
            while due < given and (crew.has(due) or given - due >= _LOOK_AHEAD * jobs):
                yield crew.take(due)
                due += 1
        while due < given:
            yield crew.take(due)
            due += 1


def _kept(work: Callable[[T], R], item: T) -> R | BadScan:
    try:
        return work(item)
    except BadScan as error:
        return error


class _Crew(Generic[T, R]):
    """The workers, and the outcomes that nobody has taken yet by their item's number."""

    def __init__(self, work: Callable[[T], R], jobs: int, seconds: float | None) -> None:
        self._hire = partial(_Worker, work, seconds)
        self._jobs = jobs
        self._idle: list[_Worker] = []
        self._busy: dict[Connection, _Worker] = {}
        self._outcomes: dict[int, Any] = {}
        self._again: set[int] = set()

    def give(self, number: int, item: T) -> None:
        """Hand an item to a worker; waits while all are busy."""
        while len(self._busy) >= self._jobs:
            self._collect()
        self._begin(number, item)

    def has(self, number: int) -> bool:
        return number in self._outcomes

    def take(self, number: int) -> R | BadScan:
        """The outcome of an item; waits for it."""
        while number not in self._outcomes:
            self._collect()
        done, outcome = self._outcomes.pop(number)
        if not done:
            raise outcome
        return outcome

    def _collect(self) -> None:
        ready = wait(list(self._busy))
        for worker in [worker for pipe, worker in self._busy.items() if pipe in ready]:
            del self._busy[worker.pipe]
            outcome = worker.answer()
            if worker.was_killed and worker.number not in self._again:
                self._again.add(worker.number)  # it may not have been the item's fault
                self._begin(worker.number, worker.item)
                continue
            self._outcomes[worker.number] = outcome
            if not worker.ended:
                self._idle.append(worker)

    def _begin(self, number: int, item: T) -> None:
        worker = self._idle.pop() if self._idle else self._hire()
        while not worker.begin(number, item):
            worker = self._hire()
        self._busy[worker.pipe] = worker

    def close(self) -> None:
        for worker in [*self._idle, *self._busy.values()]:
            worker.end()


class _Worker:
    """A process, the pipe to it, and its item with its number."""

    def __init__(self, work: Callable[[Any], Any], seconds: float | None) -> None:
        # Forking this process would copy the locks its threads hold; the fork server has no threads, and has
        # imported what `work` needs, so that replacing a worker is cheap.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([_module(work)])
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, work, seconds), daemon=True)
        with nullcontext() if _module(work) == "__main__" else _no_main_module():
            self._process.start()
        theirs.close()
        self.number = -1
        self.item: Any = None
        self.ended = self.was_killed = False

    def begin(self, number: int, item: Any) -> bool:
        """Send an item; false if the process has ended meanwhile."""
        self.number, self.item = number, item
        try:
            self.pipe.send(item)
        except OSError:
            self.end()
        return not self.ended

    def answer(self) -> tuple[bool, Any]:
        """Whether the item is done, and its outcome or the error to raise."""
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            self.end()
        if self._process.exitcode in _CRASHES:
            return True, BadScan("undecodable", "a decoder crashed on the damaged file; copy it again")
        if self._process.exitcode == -signal.SIGALRM:
            return True, BadScan("timeout", "took longer than the time limit; raise seconds_per_scan")
        self.was_killed = True
        return True, BadScan("worker_killed", "the system ended the worker process, perhaps short of memory")

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self.pipe.close()
        self.ended = True


@contextmanager
def _no_main_module() -> Iterator[None]:
    """While a process is started, so that it does not load this one's main module once more.

    Where a Prefect worker runs a flow that is an engine which takes seconds to load, in every process again.
    """
    with _starting:
        mine = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = mine


def _module(work: Callable[..., Any]) -> str:
    while isinstance(work, partial):
        work = work.func
    return work.__module__


def _serve(pipe: Connection, work: Callable[[Any], Any], seconds: float | None) -> None:
    """A worker's life: items in, outcomes out, until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # the system enforces the time limit, even inside C code
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(1)  # the processes are the parallelism
    with suppress(EOFError, ConnectionError):
        while True:
            item = pipe.recv()
            signal.setitimer(signal.ITIMER_REAL, seconds or 0)
            try:
                outcome = True, _kept(work, item)
            except Exception as error:
                outcome = False, error
            signal.setitimer(signal.ITIMER_REAL, 0)
            pipe.send(outcome)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
