"""One function over many items in worker processes that may hang, crash or be killed without harm.

Every worker has a pipe of its own, so one that dies half-way through an outcome harms no other: the pools of
the standard library and of pebble share one pipe and its lock among all workers, and break with them.
"""

import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from functools import partial
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Generic, TypeVar

from jsl_core.errors import BadScan
from jsl_core.system.isolation import isolate_children
from jsl_core.system.progress import PROGRESS, report_wait

__all__ = ["cores", "parallel_map", "warm_up_workers"]

T = TypeVar("T")
R = TypeVar("R")

_CRASHES = {-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGFPE, -signal.SIGBUS, -signal.SIGILL}
_CPU_SHARE = Path("/sys/fs/cgroup/cpu.max")
_LOOK_AHEAD = 32  # items per worker begun beyond the next to be yielded: bounds what waits in memory
_main_module_lock = threading.Lock()


def cores() -> int:
    """Count the processor cores that this process may use; those of a container's share, where it has one."""
    allowed = len(os.sched_getaffinity(0))
    try:  # https://docs.kernel.org/admin-guide/cgroup-v2.html: microseconds of processor, and of time
        quota, period = _CPU_SHARE.read_text().split()
        return max(1, min(allowed, int(quota) // int(period)))
    except (OSError, ValueError):  # another system, or the word max
        return allowed


def warm_up_workers(*modules: str) -> None:
    """Have modules loaded for the workers of a `parallel_map` to come, while this process loads them, too.

    Args:
        modules: Those of the work and of the functions bound to it.
    """
    isolate_children()
    multiprocessing.get_context("forkserver").set_forkserver_preload(list(modules))
    with _interrupts_kept_back():
        forkserver.ensure_running()


def parallel_map(
    work: Callable[[T], R], items: Iterable[T], jobs: int = 0, seconds_per_item: float | None = None
) -> Iterator[R | BadScan]:
    """Do the work on every item in worker processes.

    With one job and no time limit the work is done in this process, without protection against crashes. The
    workers end with this process, however it ends.

    Args:
        work: Done on each item; it and the items must pickle.
        items: What to work on.
        jobs: Number of worker processes; 0 for one per core.
        seconds_per_item: Time limit of one item.

    Yields:
        The outcomes in the items' order. A `BadScan` that `work` raises stands in its item's place; so does
        one with the code `timeout` where an item takes too long, `undecodable` where it crashes its process,
        and `worker_killed` where its process is ended otherwise, twice.

    Raises:
        Exception: Any other error that `work` raises.
    """
    jobs = jobs or cores()
    if jobs == 1 and seconds_per_item is None:
        yield from (_call(work, item) for item in items)
        return
    yielded = submitted = 0
    look_ahead = _LOOK_AHEAD * jobs
    with closing(_WorkerPool(work, jobs, seconds_per_item)) as pool:
        for item in items:
            pool.submit(submitted, item)
            submitted += 1
            while yielded < submitted and (pool.is_done(yielded) or submitted - yielded >= look_ahead):
                yield pool.wait_for(yielded)
                yielded += 1
        while yielded < submitted:
            yield pool.wait_for(yielded)
            yielded += 1


def _call(work: Callable[[T], R], item: T) -> R | BadScan:
    """The outcome of one item; no memory for it is one, too."""
    try:
        return work(item)
    except BadScan as error:
        return error
    except MemoryError:
        return BadScan("out_of_memory", "there was not enough memory for it; give more, or use fewer jobs")


class _WorkerPool(Generic[T, R]):
    """The workers, and the outcomes that were not waited for yet by their item's number."""

    def __init__(self, work: Callable[[T], R], jobs: int, seconds: float | None) -> None:
        self._start_worker = partial(_Worker, work, seconds)
        self._jobs = jobs
        self._idle: list[_Worker] = []
        self._busy: dict[Connection, _Worker] = {}
        self._outcomes: dict[int, Any] = {}
        self._retried: set[int] = set()

    def submit(self, number: int, item: T) -> None:
        """Give an item to a worker; waits while all are busy."""
        while len(self._busy) >= self._jobs:
            self._collect_outcomes()
        self._dispatch(number, item)

    def is_done(self, number: int) -> bool:
        return number in self._outcomes

    def wait_for(self, number: int) -> R | BadScan:
        """Wait for the outcome of an item, and raise it if it is an error of the program."""
        while number not in self._outcomes:
            self._collect_outcomes()
        succeeded, outcome = self._outcomes.pop(number)
        if not succeeded:
            raise outcome
        return outcome

    def _collect_outcomes(self) -> None:
        ready = wait(list(self._busy))
        for worker in [worker for pipe, worker in self._busy.items() if pipe in ready]:
            del self._busy[worker.pipe]
            outcome = worker.receive()
            if outcome is None:
                self._busy[worker.pipe] = worker
                continue
            if worker.was_killed and worker.number not in self._retried:
                self._retried.add(worker.number)  # it may not have been the item's fault
                self._dispatch(worker.number, worker.item)
                continue
            self._outcomes[worker.number] = outcome
            if not worker.ended:
                self._idle.append(worker)

    def _dispatch(self, number: int, item: T) -> None:
        worker = self._idle.pop() if self._idle else self._start_worker()
        while not worker.send(number, item):
            worker = self._start_worker()
        self._busy[worker.pipe] = worker

    def close(self) -> None:
        for worker in [*self._idle, *self._busy.values()]:
            worker.end()


class _Worker:
    """A process, the pipe to it, and the item it works on with its number."""

    def __init__(self, work: Callable[[Any], Any], seconds: float | None) -> None:
        # Forking this process would copy the locks its threads hold; the fork server has no threads, and has
        # imported what `work` needs, so that replacing a worker is cheap.
        isolate_children()  # the fork server is one
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_modules_of(work))
        self.pipe, child_end = context.Pipe()
        arguments = child_end, work, seconds, dict(os.environ)
        self._process = context.Process(target=_run_worker, args=arguments, daemon=True)
        hide_main = nullcontext() if "__main__" in _modules_of(work) else _without_main_module()
        with hide_main, _interrupts_kept_back():
            self._process.start()
        child_end.close()
        self.number = -1
        self.item: Any = None
        self.ended = self.was_killed = False

    def send(self, number: int, item: Any) -> bool:
        """Send an item; false if the process has ended meanwhile."""
        self.number, self.item = number, item
        try:
            self.pipe.send(item)
        except OSError:
            self.end()
        return not self.ended

    def receive(self) -> tuple[bool, Any] | None:
        """Whether the work did not fail, and the item's outcome or the error to raise; None as it waits."""
        try:
            succeeded, outcome = self.pipe.recv()
            if succeeded is not None:
                return succeeded, outcome
            report_wait(*outcome)
            return None
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
def _interrupts_kept_back() -> Iterator[None]:
    """Start processes that a Ctrl-C never reaches; this process gets it when the block ends.

    The fork server by itself ignores it only when it has imported all, and ends with a traceback before.
    """
    resource_tracker.ensure_running()  # which starts before the fork server, and ends keeping back itself
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _without_main_module() -> Iterator[None]:
    """Hide the main module while a process is started, so that it is not loaded once more.

    Where a Prefect worker runs a flow that is an engine which takes seconds to load, in every process again.
    """
    with _main_module_lock:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


def _modules_of(work: Callable[..., Any]) -> list[str]:
    """The modules of a function and of the functions that are bound to its parameters."""
    if not isinstance(work, partial):
        return [work.__module__]
    bound = [value for value in work.keywords.values() if isinstance(value, partial | FunctionType)]
    return [*_modules_of(work.func), *(module for value in bound for module in _modules_of(value))]


def _run_worker(
    pipe: Connection, work: Callable[[Any], Any], seconds: float | None, environment: dict[str, str]
) -> None:
    """Receive items and send their outcomes, until the pipe closes."""
    os.environ.clear()  # the fork server's is that of the moment at which it was started
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # the system enforces the time limit, even inside C code
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(1)  # the processes are the parallelism
    logging.getLogger(PROGRESS).addHandler(_WaitsToParent(pipe))
    logging.getLogger(PROGRESS).propagate = False
    with suppress(EOFError, ConnectionError):
        while True:
            item = pipe.recv()
            signal.setitimer(signal.ITIMER_REAL, seconds or 0)
            try:
                outcome = True, _call(work, item)
            except Exception as error:
                outcome = False, error
            signal.setitimer(signal.ITIMER_REAL, 0)
            pipe.send(outcome)


class _WaitsToParent(logging.Handler):
    """Tells the parent that a server is waited for, so that one line says so and not one a worker."""

    def __init__(self, pipe: Connection) -> None:
        super().__init__()
        self._pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        if wait_of_server := record.__dict__.get("wait"):
            self._pipe.send((None, wait_of_server))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
