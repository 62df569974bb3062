"""A server or worker process that `jsl up` restarts whenever it dies."""

import subprocess
import time
from pathlib import Path
from types import TracebackType

from jsl_core.system.isolation import PYTHON

__all__ = ["Service"]

_STABLE_SECONDS = 15  # what ends sooner has a fault of its own, so a restart at once is of no use
_LONGEST_PAUSE = 60.0  # seconds


class Service:
    """A supervised process: it ends with the block, and with this process, however that ends."""

    _process: "subprocess.Popen[bytes]"
    _started = 0.0
    _pause = 0.0
    _restart_at: float | None = None

    def __init__(self, name: str, command: tuple[str, ...], log: Path) -> None:
        """Describe a service; the `with` block starts it.

        Args:
            name: For messages.
            command: A Python module and its arguments.
            log: File that gets its output.
        """
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

    def has_ended(self) -> bool:
        """Tell whether it does not run at the moment."""
        return self._process.poll() is not None

    def restart_if_dead(self) -> None:
        """Restart it if it has ended: at once, or later and later where it ends soon after each start."""
        if not self.has_ended():
            return
        if self._restart_at is None:
            is_unstable = time.monotonic() - self._started < _STABLE_SECONDS
            self._pause = min(max(2 * self._pause, 1.0), _LONGEST_PAUSE) if is_unstable else 0.0
            self._restart_at = time.monotonic() + self._pause
            when = f"in {self._pause:.0f} s" if self._pause else "now"
            print(
                f"jsl up: the {self.name} has ended; it is started again {when}; see {self.log}", flush=True
            )
        if time.monotonic() >= self._restart_at:
            self._process.communicate()
            self._start()

    def _start(self) -> None:
        self._restart_at = None
        self._started = time.monotonic()
        with self.log.open("ab") as file:
            self._process = subprocess.Popen(
                [*PYTHON, "-m", "deployments.supervisor", *PYTHON, "-m", *self._command],
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C is for `jsl up`, which ends the services in their order
            )
