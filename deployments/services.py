"""A command that runs as long as `jsl up` does, whatever happens to it."""

import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

__all__ = ["Service"]

_SOON_SECONDS = 15  # what ends sooner has a fault of its own, so trying again at once is of no use
_LONGEST_PAUSE = 60.0


class Service:
    """A server or a worker on a leash: it ends with the block, and with this process, however that ends.

    `command` is a Python module and its arguments.
    """

    _process: "subprocess.Popen[bytes]"
    _started = 0.0
    _pause = 0.0
    _again_at: float | None = None

    def __init__(self, name: str, command: tuple[str, ...], log: Path) -> None:
        self.name = name
        self.log = log
        self._command = command

    def __enter__(self) -> "Service":
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def ended(self) -> bool:
        """Whether it does not run at the moment."""
        return self._process.poll() is not None

    def tend(self) -> None:
        """Start it again if it has ended: at once, or later and later where it ends soon after each start."""
        if not self.ended():
            return
        if self._again_at is None:
            soon = time.monotonic() - self._started < _SOON_SECONDS
            self._pause = min(max(2 * self._pause, 1.0), _LONGEST_PAUSE) if soon else 0.0
            self._again_at = time.monotonic() + self._pause
            when = f"in {self._pause:.0f} s" if self._pause else "now"
            print(
                f"jsl up: the {self.name} has ended; it is started again {when}; see {self.log}", flush=True
            )
        if time.monotonic() >= self._again_at:
            self._process.communicate()
            self._start()

    def _start(self) -> None:
        self._again_at = None
        self._started = time.monotonic()
        with self.log.open("ab") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "deployments.supervisor", sys.executable, "-m", *self._command],
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C is for `jsl up`, which ends the services in their order
            )
