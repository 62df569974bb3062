"""Prefect without a server of the user's own: one beside this process, its database beside the store.

Prefect's own ephemeral server dies of a Ctrl-C meant for the run and survives a kill -9 of it; this one does
neither. Only this module sets Prefect's environment, and it does so before Prefect is imported.
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
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path

from flows.server.prefect_patches import (
    TASK_RUN_RECORDER,
    close_failed_cursors,
    create_server_app,
    ignore_current_folder,
    record_task_runs_sooner,
    silence_event_persister,
    silence_queue_services,
    wait_for_server,
    without_heartbeats,
)
from flows.server.template_database import TemplateDatabase
from jsl_core.errors import JslError, StoreError
from jsl_core.system.isolation import PYTHON, isolate_children
from jsl_core.system.locking import locked

__all__ = ["EmbeddedServer", "await_events", "embedded_prefect", "stop_recorded"]

_START_SECONDS = 120  # a machine whose cores are busy needs many times the usual four
_POLL_SECONDS = 0.05
_MOST_FAILURES = 5  # of servers in a row that die before they answer
_MOST_DEATHS = 50  # of servers in one run
_RETRY_SECONDS = 2
_QUIET = "CRITICAL"

_SERVER_SETTINGS = {
    # Nobody needs these within one run.
    "PREFECT_UI_ENABLED": "0",
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
    "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",  # would load Dask, where it is installed
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    **TASK_RUN_RECORDER,
}


@contextmanager
def embedded_prefect(home: Path, flows: str) -> Iterator[None]:
    """Run a Prefect server for the time of the block, unless PREFECT_API_URL names one.

    Prefect must be imported inside the block, as it reads its environment then.

    Args:
        home: Folder of the server's database.
        flows: The module that the block will import; it is loaded while the server starts.

    Raises:
        JslError: If the server does not start, or the one that is named does not answer.
    """
    isolate_children()
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", _QUIET)
    os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")
    if url := os.environ.get("PREFECT_API_URL"):
        from jsl_core.check.places import check_prefect_server  # the server itself needs no settings

        check_prefect_server(url)
        ignore_current_folder()
        wait_for_server()
        with stop_recorded():
            yield
        return
    if os.environ["PREFECT_LOGGING_LEVEL"] == _QUIET:  # of a server that has died jsl itself says all
        os.environ.setdefault("PREFECT_LOGGING_INTERNAL_LEVEL", _QUIET)
        silence_queue_services()
    server = EmbeddedServer(home)
    os.environ |= server.environment
    try:
        server.launch()
        with _without_garbage_collection():
            ignore_current_folder()
            import_module(flows)  # as long as the server takes on another core
        server.await_answer()
        wait_for_server()
        try:
            with without_heartbeats(), stop_recorded():
                yield
        finally:  # the states of failed tasks count, too
            await_events()
    finally:
        del os.environ["PREFECT_API_URL"]
        server.stop()


@contextmanager
def stop_recorded() -> Iterator[None]:
    """Have the history of a store know at once that a run has failed or was interrupted."""
    try:
        yield
    except BaseException:
        from tasks.run_history import record_stop  # with Prefect

        record_stop()
        raise


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Load modules without collecting garbage, which took a quarter of the time: what they make stays."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def await_events(timeout: float = 30) -> None:
    """Wait until the server has recorded all task runs so far.

    It receives their states as events, one after another: once it knows the end of one more task run, named
    `last`, it knows the others'.

    Args:
        timeout: Seconds after which the states may be lost.
    """
    from httpx import HTTPError
    from prefect import Task
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    state = Task(_do_nothing, name="last", persist_result=False)(return_state=True)
    last = state.state_details.task_run_id
    assert last is not None
    deadline = time.monotonic() + timeout
    with suppress(HTTPError), get_client(sync_client=True) as client:  # a dead server records nothing
        while time.monotonic() < deadline:
            with suppress(ObjectNotFound):
                recorded = client.read_task_run(last).state
                if recorded and recorded.is_final():
                    return
            time.sleep(_POLL_SECONDS)


def _do_nothing() -> None:
    """The last task of a session."""


class EmbeddedServer:
    """A server whose address is known before it is started; `environment` passes it to Prefect.

    If it dies, of a full memory or a kill, another takes its place: requests in the meantime wait at the open
    socket, and Prefect's client repeats those without an answer.
    """

    def __init__(self, home: Path) -> None:
        self._home = home = home.absolute()
        self._database = TemplateDatabase(home / "prefect.db")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._variables: Mapping[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._is_needed = self._has_answered = False
        self._database_lock = ExitStack()
        self._replacer = threading.Thread(target=self._replace_dead_servers, daemon=True)
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
        """Start the server and wait until it answers.

        Raises:
            JslError: If it does not start.
        """
        self.launch()
        self.await_answer()

    def launch(self) -> None:
        """Start the server; `await_answer` must follow.

        Raises:
            StoreError: If its folder cannot be made.
        """
        try:
            self._home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{self._home}: cannot be made ({error.strerror}); choose another place"
            ) from None
        if not self._database.is_ready():  # two servers would make it at once
            self._database_lock.enter_context(locked(self._home / "prefect.lock"))
            self._database.copy_template()
        self._variables = os.environ | self.environment
        self._process = self._start_process()
        self._is_needed = True
        self._replacer.start()

    def _start_process(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*PYTHON, "-m", "flows.server.embedded", str(self._listener.fileno())],
            env=self._variables,
            stdin=subprocess.PIPE,  # the server ends when this closes, however this process ends
            pass_fds=[self._listener.fileno()],
            start_new_session=True,  # a Ctrl-C is for the run, which still tells the server how it ended
        )

    def await_answer(self) -> None:
        """Wait until the server answers.

        Raises:
            JslError: If it does not start.
        """
        deadline = time.monotonic() + _START_SECONDS
        while self._replacer.is_alive() and time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self._url}/health", timeout=5):
                    self._has_answered = True
                    self._database.save_template()
                    self._database_lock.close()
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(_POLL_SECONDS)
        with self._lock:
            self._is_needed = False
            assert self._process is not None
            self._process.kill()
        raise JslError(
            f"the embedded Prefect server did not start; see its messages above, or delete {self._home}"
        )

    def _replace_dead_servers(self) -> None:
        assert self._process is not None
        failures = deaths = 0
        while failures <= _MOST_FAILURES and deaths < _MOST_DEATHS:
            has_answered = self._await_death(self._process)
            with self._lock:
                failed_to_start = self._process.returncode > 0 and not self._has_answered
                if failed_to_start or not self._is_needed:
                    return
                deaths, failures = deaths + 1, 0 if has_answered else failures + 1
                try:
                    self._process = self._start_process()
                except OSError:  # no memory for one just now: a death more
                    time.sleep(_RETRY_SECONDS)
        print(
            f"jsl: the Prefect server beside this run, whose files are in {self._home}, was killed or failed "
            f"{deaths} times; give it memory and disk, the same command goes on from here",
            file=sys.stderr,
        )
        os._exit(1)  # a run may be killed at any moment; Prefect would call the dead server for minutes

    def _await_death(self, process: "subprocess.Popen[bytes]") -> bool:
        """Wait until a server has ended; whether it answered before."""
        has_answered = False
        while process.poll() is None:
            if not has_answered:
                with suppress(OSError), urllib.request.urlopen(f"{self._url}/health", timeout=1):
                    has_answered = True
            with suppress(subprocess.TimeoutExpired):
                process.wait(_RETRY_SECONDS if has_answered else _POLL_SECONDS)
        return has_answered

    def stop(self) -> None:
        """End the server, which finishes the requests at hand."""
        with self._lock:
            self._is_needed = False
        self._database_lock.close()
        self._listener.close()
        if self._process:
            self._process.communicate()


def _serve(listener: int) -> None:
    """Serve the API on an open socket until standard input closes."""

    def end_with_parent() -> None:
        sys.stdin.read()
        # A connection that is handed back while the loop ends is rolled back all the same; it says so aloud.
        logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=end_with_parent, daemon=True).start()
    os.environ |= _SERVER_SETTINGS
    with _without_garbage_collection():
        ignore_current_folder()
        import uvicorn

        app = create_server_app()
    close_failed_cursors()
    record_task_runs_sooner()
    silence_event_persister()
    uvicorn.run(app, fd=listener, log_level="error", lifespan="on")


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
