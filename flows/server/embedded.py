"""Prefect without a server of the user's own: one beside this process, its database beside the store.

Prefect's own ephemeral server dies of a Ctrl-C meant for the run and survives a kill -9 of it; this one does
neither. Only this module touches Prefect's environment, and it does so before Prefect is imported.
"""

import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

from flows.server.prefect_patches import RECORDING, close_failed_cursors, record_soon
from flows.server.template_database import BlankDatabase
from jsl_core.errors import JslError, StoreError

__all__ = ["EmbeddedServer", "await_events", "embedded_prefect"]

_START_SECONDS = 120  # a machine whose cores are busy needs many times the usual four
_ANSWER_SECONDS = 0.05
_REPLACEMENTS = 5  # servers that may die in a run
_RETRY_SECONDS = 2

_SERVED = {
    # What nobody looks at, or asks for, in the life of one run.
    "PREFECT_UI_ENABLED": "0",
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
    "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",  # would load Dask, where it is installed
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    **RECORDING,
}


@contextmanager
def embedded_prefect(home: Path, flows: str, *, debug: bool = False) -> Iterator[None]:
    """A Prefect server for the time of the block, unless PREFECT_API_URL names one.

    Its database lies below `home`. Prefect must be imported inside the block, as it reads its environment
    then; the module `flows` that the block will import is loaded while the server starts. Raises JslError if
    the server does not start.
    """
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "INFO" if debug else "CRITICAL")
    os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")
    if "PREFECT_API_URL" in os.environ:
        yield
        return
    server = EmbeddedServer(home)
    os.environ |= server.environment
    try:
        server.launch()
        with _uncollected():
            import_module(flows)  # as long as the server takes on another core
        server.await_answer()
        try:
            with _without_heartbeats():
                yield
        finally:  # what failed is to be told, too
            await_events()
    finally:
        del os.environ["PREFECT_API_URL"]
        server.stop()


@contextmanager
def _uncollected() -> Iterator[None]:
    """While modules are loaded: what they make stays, and looking through it took a quarter of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def _without_heartbeats() -> Iterator[None]:
    """No run of the block tells that it is alive: nobody listens, and its end waits for that a second."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):  # no variable can say None
        yield


def await_events(timeout: float = 30) -> None:
    """Wait until the server has written down all task runs so far, which events tell it one after another.

    So when it knows the end of one more, named `last`, it knows the others'.
    """
    from httpx import HTTPError
    from prefect import Task
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    ended = Task(_nothing, name="last", persist_result=False)(return_state=True)
    last = ended.state_details.task_run_id
    assert last is not None
    deadline = time.monotonic() + timeout
    with suppress(HTTPError), get_client(sync_client=True) as client:  # a dead server hears nothing
        while time.monotonic() < deadline:
            with suppress(ObjectNotFound):
                state = client.read_task_run(last).state
                if state and state.is_final():
                    return
            time.sleep(_ANSWER_SECONDS)


def _nothing() -> None:
    """What the last task of a session does."""


class EmbeddedServer:
    """A server whose address is known, and given to Prefect by `environment`, before it is started.

    If it dies, of a full memory or a kill, another takes its place: the open socket keeps what calls in
    the meantime waiting, and Prefect's client asks again for what had no answer.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._database = BlankDatabase(home / "prefect.db")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._variables: Mapping[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._changing = threading.Lock()
        self._is_wanted = self._has_answered = False
        self._keeper = threading.Thread(target=self._replace_the_dead, daemon=True)
        self._url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/api"

    @property
    def environment(self) -> dict[str, str]:
        """What Prefect must find in its environment when it is imported, here and in the server."""
        return {
            "PREFECT_API_URL": self._url,
            "PREFECT_HOME": str(self._home),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        }

    def start(self) -> None:
        """Start the server and wait until it answers. Raises JslError."""
        self.launch()
        self.await_answer()

    def launch(self) -> None:
        """Start the server; `await_answer` must follow."""
        try:
            self._home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{self._home}: cannot be made ({error.strerror}); choose another place"
            ) from None
        self._database.begin()
        self._variables = os.environ | self.environment
        self._process = self._started()
        self._is_wanted = True
        self._keeper.start()

    def _started(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "flows.server.embedded", str(self._listener.fileno())],
            env=self._variables,
            stdin=subprocess.PIPE,  # the server ends when this closes, however this process ends
            pass_fds=[self._listener.fileno()],
            start_new_session=True,  # a Ctrl-C is for the run, which still tells the server how it ended
        )

    def await_answer(self) -> None:
        """Wait until the server answers. Raises JslError."""
        deadline = time.monotonic() + _START_SECONDS
        while self._keeper.is_alive() and time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self._url}/health", timeout=5):
                    self._has_answered = True
                    self._database.keep()
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(_ANSWER_SECONDS)
        with self._changing:
            self._is_wanted = False
            assert self._process is not None
            self._process.kill()
        raise JslError(
            f"the embedded Prefect server did not start; see its messages above, or delete {self._home}"
        )

    def _replace_the_dead(self) -> None:
        assert self._process is not None
        for deaths in range(_REPLACEMENTS + 1):
            self._process.wait()
            with self._changing:
                failed_to_start = self._process.returncode > 0 and not self._has_answered
                if failed_to_start or not self._is_wanted:
                    return
                if deaths < _REPLACEMENTS:
                    try:
                        self._process = self._started()
                    except OSError:  # no memory for one just now: a death more
                        time.sleep(_RETRY_SECONDS)
        print(
            f"jsl: the Prefect server beside this run, whose files are in {self._home}, was killed or failed "
            f"{deaths + 1} times; give it memory and disk, the same command goes on from here",
            file=sys.stderr,
        )
        os._exit(1)  # a run may be killed at any moment; Prefect would call the dead server for minutes

    def stop(self) -> None:
        """End the server; it finishes what it is at."""
        with self._changing:
            self._is_wanted = False
        self._listener.close()
        if self._process:
            self._process.communicate()


def _serve(listener: int) -> None:
    """Serve the API on an open socket until standard input closes."""

    def end_with_the_run() -> None:
        sys.stdin.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=end_with_the_run, daemon=True).start()
    os.environ |= _SERVED
    with _uncollected():
        import uvicorn
        from prefect.server.api.server import create_app

        app = create_app(ephemeral=True)
    close_failed_cursors()
    record_soon()
    # What a run sends again after a server's death may be a batch of old events, to Prefect an error.
    logging.getLogger("prefect.server.events.services.event_persister").setLevel(logging.CRITICAL)
    uvicorn.run(app, fd=listener, log_level="error", lifespan="on")


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
