"""Runs a command, and ends it with all it started when this process's standard input closes.

`jsl up` holds the other end of that pipe, which closes when `jsl up` ends, in whatever way.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

__all__ = ["supervise"]

_SET_PARENT_DEATH_SIGNAL, _SET_CHILD_SUBREAPER = 1, 36  # prctl(2)
_GRACE_SECONDS = 10


def supervise(command: Sequence[str]) -> int:
    """Run a command until it ends or standard input closes; returns its exit code."""
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
    if prctl:
        # Flow runs have sessions of their own; so they stay our descendants when their worker dies.
        prctl(_SET_CHILD_SUBREAPER, 1)
    input_closed = threading.Event()

    def wait_for_close() -> None:
        while os.read(sys.stdin.fileno(), 1 << 12):  # not its buffer, which locks itself while it waits
            pass
        input_closed.set()

    threading.Thread(target=wait_for_close, daemon=True).start()
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        # Where the supervisor itself is killed, nothing else is left to end the command.
        preexec_fn=prctl and partial(prctl, _SET_PARENT_DEATH_SIGNAL, signal.SIGTERM),
    )
    while child.poll() is None and not input_closed.wait(0.2):
        if prctl:
            _reap_orphans(child.pid)
    _end_descendants(child)
    return child.wait()


def _reap_orphans(child: int) -> None:
    """Take note of the end of processes whose parent has ended before them: else they stay as zombies.

    Args:
        child: The process whose end `supervise` waits for.
    """
    with suppress(ChildProcessError):
        while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if ended.si_pid == child:  # its exit code is wanted
                return
            os.waitpid(ended.si_pid, 0)


def _end_descendants(child: "subprocess.Popen[bytes]") -> None:
    """Terminate all descendants, so that runs tell the server, and kill those left after a while."""
    deadline = time.monotonic() + _GRACE_SECONDS
    _signal(_descendants(), signal.SIGTERM)
    while (living := _descendants()) or child.poll() is None:
        if time.monotonic() > deadline:
            _signal(living or {child.pid}, signal.SIGKILL)
        time.sleep(0.1)


def _signal(processes: set[int], number: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, number)


def _descendants() -> set[int]:
    """The living processes below this one."""
    parents = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = file.read_text().rpartition(")")[2].split()[:2]
        except (OSError, ValueError):  # it has just ended
            continue
        if state != "Z":
            parents[int(file.parent.name)] = int(parent)
    descendants: set[int] = set()
    generation = {os.getpid()}
    while generation:
        generation = {process for process, parent in parents.items() if parent in generation}
        descendants |= generation
    return descendants


if __name__ == "__main__":
    sys.exit(supervise(sys.argv[1:]))
