"""Every patch of the insides of Prefect and of its SQLite driver, each with the versions it was checked on.

Importing this module does not import Prefect, which reads its environment when it is imported.
`tests/flows/test_prefect_patches.py` checks that what each patch replaces is still there.
"""

import asyncio
import logging
import os
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import chdir, contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsl_core.system.patience import Patience, patience

if TYPE_CHECKING:
    from aiosqlite import Cursor
    from fastapi import FastAPI
    from httpx import Response
    from prefect.client.schemas.objects import FlowRun

__all__ = [
    "CHECKED_ON",
    "TASK_RUN_RECORDER",
    "close_failed_cursors",
    "create_server_app",
    "extend_server",
    "ignore_current_folder",
    "link_result_to_run",
    "record_task_runs_sooner",
    "silence_event_persister",
    "silence_queue_services",
    "start_flow_runs_directly",
    "wait_for_server",
    "without_heartbeats",
]

CHECKED_ON: Mapping[str, tuple[str, ...]] = {
    "close_failed_cursors": ("aiosqlite 0.22.1",),
    "create_server_app": ("prefect 3.7.0", "prefect 3.8.8", "prefect 3.9.1"),
    "extend_server": ("prefect 3.8.8", "prefect 3.9.1"),
    "ignore_current_folder": ("prefect 3.8.8", "prefect 3.9.1"),
    "link_result_to_run": ("prefect 3.8.8", "prefect 3.9.1"),
    "record_task_runs_sooner": ("prefect 3.7.0", "prefect 3.8.8", "prefect 3.9.1"),
    "silence_event_persister": ("prefect 3.7.0", "prefect 3.8.8", "prefect 3.9.1"),
    "silence_queue_services": ("prefect 3.7.0", "prefect 3.8.8", "prefect 3.9.1"),
    "start_flow_runs_directly": ("prefect 3.7.0", "prefect 3.8.8", "prefect 3.9.1"),
    "wait_for_server": ("prefect 3.8.8", "prefect 3.9.1"),
    "without_heartbeats": ("prefect 3.7.0", "prefect 3.8.8", "prefect 3.9.1"),
}

TASK_RUN_RECORDER = {  # states of task runs are written once a second, not three times a task at 5 ms each
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
}
_FLUSH_SECONDS = 0.1
_EVENT_PERSISTER = "prefect.server.events.services.event_persister"
_PROFILES_OF_THE_USER = ("PREFECT_HOME", "PREFECT_PROFILES_PATH")
_AWAY = (502, 503, 504)  # what a proxy answers for a server, and a server whose database is locked
_SEND, _PATIENT = "_send_with_retry", "is_patient"
_QUEUE_SERVICES = ("EventsWorker", "APILogWorker")  # no setting reaches their loggers, outside `prefect`


def close_failed_cursors() -> None:
    """Have aiosqlite close the cursor of a failed statement at once, while its connection is idle.

    A statement that fails, as some do each minute with "database is locked", leaves an open cursor that only
    its traceback references, often until the garbage collector runs. That resets the cursor, for which it
    waits while another statement of its connection waits for a lock. It does so in the server's event loop,
    without which the holder of the lock cannot commit: the server stands still until SQLite's busy timeout, a
    minute.
    """
    from aiosqlite import Cursor

    for name in ("execute", "executemany"):
        setattr(Cursor, name, _closing_on_error(getattr(Cursor, name)))


def _closing_on_error(method: "Callable[..., Awaitable[Cursor]]") -> "Callable[..., Awaitable[Cursor]]":
    @wraps(method)
    async def attempt(self: "Cursor", *arguments: Any) -> "Cursor":
        try:
            return await method(self, *arguments)
        except sqlite3.Error:
            await self.close()
            raise

    return attempt


def create_server_app() -> "FastAPI":
    """Create Prefect's API without UI, whose services run in this process, as for its own ephemeral server.

    `prefect server start` would open a socket of its own, and a dead server's successor has to take over the
    one that callers already wait at.
    """
    from prefect.server.api.server import create_app

    return create_app(ephemeral=True)


def extend_server(add: "Callable[[FastAPI], None]") -> None:
    """Have `prefect server start`, in this process, serve more than Prefect's API and UI.

    Args:
        add: Adds routes to the application when it has been made.
    """
    from prefect.server.api import server

    create = server.create_app

    @wraps(create)
    def create_extended(*arguments: Any, **options: Any) -> "FastAPI":
        app = create(*arguments, **options)
        add(app)
        return app

    server.create_app = create_extended


def ignore_current_folder() -> None:
    """Import Prefect without its settings files of the current folder, and have this process never read them.

    `.env`, `prefect.toml` and `pyproject.toml` of whichever folder a command is given in can name a server, a
    database and programs. Prefect reads them when it is imported, and again whenever settings are made.
    Environment variables and the user's own profile count. Call this before anything imports Prefect.
    """
    for name in _PROFILES_OF_THE_USER:
        if os.environ.get(name):
            os.environ[name] = str(Path(os.environ[name]).expanduser().absolute())
    with chdir(Path(__file__).parent):  # where there are no such files
        from prefect.settings import sources

        profiles = sources._get_profiles_path()
    make_dotenv = sources.FilteredDotEnvSettingsSource.__init__

    @wraps(make_dotenv)
    def make_empty(*arguments: Any, **options: Any) -> None:
        make_dotenv(*arguments, **options | {"env_file": None})

    sources.FilteredDotEnvSettingsSource.__init__ = make_empty  # type: ignore[method-assign]
    sources.TomlConfigSettingsSourceBase._read_file = lambda *_: {}  # type: ignore[method-assign]
    sources._get_profiles_path = lambda: profiles


def link_result_to_run(run: "FlowRun", result: Any) -> None:
    """Let Prefect know that a result is another run's: what takes it is drawn with an arrow from that run.

    Prefect notes whose a result is by its identity, of tasks and subflows, and not of runs on other pools.

    Args:
        run: The run, which this run has started and which has completed.
        result: What it has given.
    """
    from prefect.utilities.engine import link_state_to_flow_run_result

    if run.state is not None:
        details = run.state.state_details.model_copy(update={"flow_run_id": run.id})
        link_state_to_flow_run_result(run.state.model_copy(update={"state_details": details}), result)


def record_task_runs_sooner() -> None:
    """Have this server write the states of task runs ten times a second: a run's end waits for the last one.

    The setting (`TASK_RUN_RECORDER`) knows whole seconds only.
    """
    from prefect.server.services import task_run_recorder

    consumer = task_run_recorder.consumer

    def flushing_sooner(**options: Any) -> Any:
        return consumer(**options | ({"flush_every": _FLUSH_SECONDS} if "flush_every" in options else {}))

    task_run_recorder.consumer = flushing_sooner  # type: ignore[assignment]  # takes the same


def silence_event_persister() -> None:
    """Hide this server's errors about events that arrive twice.

    After a server's death a run sends its last events again; a batch of old events is an error to Prefect.
    """
    logging.getLogger(_EVENT_PERSISTER).setLevel(logging.CRITICAL)


def silence_queue_services() -> None:
    """Hide what the threads that send events and logs say of a server that has died.

    `jsl` says in one line that the server has died; "Still processing items" would be printed beside it.
    """
    for name in _QUEUE_SERVICES:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def start_flow_runs_directly() -> None:
    """Have the process workers of this process start flow runs a second sooner.

    Since Prefect 3.8 such a worker first starts a process that looks up where the code lies, fetches it, and
    starts the run's own. The code of these deployments is installed where their workers run. A command that a
    pool or a deployment names stays.
    """
    from prefect.utilities.processutils import command_to_string
    from prefect.workers.process import ProcessJobConfiguration, ProcessWorker

    class InstalledCodeConfiguration(ProcessJobConfiguration):
        """The job of a run whose code this interpreter has."""

        def prepare_for_flow_run(self, *arguments: Any, **options: Any) -> None:
            self.command = self.command or command_to_string(
                [sys.executable, "-P", "-m", "flows.server.flow_run"]
            )
            super().prepare_for_flow_run(*arguments, **options)

    ProcessWorker.job_configuration = InstalledCodeConfiguration


def wait_for_server() -> None:
    """Have Prefect's clients in this process wait for a server that is away, as long as JSL has patience.

    By themselves they send a request six times within a minute, and the first one of each client, of which a
    run makes many, once. Call this when the server has answered once: before, its address may be wrong.
    """
    from prefect.client.base import PrefectHttpxAsyncClient, PrefectHttpxSyncClient
    from prefect.events.clients import PrefectEventsClient

    if hasattr(PrefectEventsClient, _PATIENT):
        return
    setattr(PrefectEventsClient, _PATIENT, True)
    for client, patiently in (
        (PrefectHttpxSyncClient, _patiently),
        (PrefectHttpxAsyncClient, _patiently_async),
    ):
        setattr(client, _SEND, patiently(getattr(client, _SEND)))
    connect = PrefectEventsClient.__init__

    @wraps(connect)
    def connect_patiently(self: Any, *arguments: Any, **options: Any) -> None:
        connect(self, *arguments, **options)
        self._reconnection_attempts = max(self._reconnection_attempts, int(patience()))  # one a second

    PrefectEventsClient.__init__ = connect_patiently  # type: ignore[method-assign]


class _GaveUp(Exception):
    """Carries an error past Prefect's own attempts, which would begin once patience is at its end."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


def _patiently(send_with_retry: Callable[..., "Response"]) -> Callable[..., "Response"]:
    """Prefect's sending of a request, with patience below its own attempts."""

    @wraps(send_with_retry)
    def patient(self: Any, request: Any, send: Any, *arguments: Any, **options: Any) -> "Response":
        waiting = Patience(f"the Prefect server {self.base_url}")

        def send_patiently(*sent: Any, **how: Any) -> "Response":
            while True:
                pause: float | None
                try:
                    response: Response = send(*sent, **how)
                except _broken_connections() as error:
                    pause = _pause_after(waiting, error)
                else:
                    if (pause := _pause_after_answer(waiting, response)) is None:
                        return response
                time.sleep(pause)

        options["retry_codes"] = set(options.get("retry_codes", ())) - set(_AWAY)
        try:
            return send_with_retry(self, request, send_patiently, *arguments, **options)
        except _GaveUp as gave_up:
            raise gave_up.error from None

    return patient


def _patiently_async(
    send_with_retry: Callable[..., Awaitable["Response"]],
) -> Callable[..., Awaitable["Response"]]:
    """The same of the asynchronous client."""

    @wraps(send_with_retry)
    async def patient(self: Any, request: Any, send: Any, *arguments: Any, **options: Any) -> "Response":
        waiting = Patience(f"the Prefect server {self.base_url}")

        async def send_patiently(*sent: Any, **how: Any) -> "Response":
            while True:
                pause: float | None
                try:
                    response: Response = await send(*sent, **how)
                except _broken_connections() as error:
                    pause = _pause_after(waiting, error)
                else:
                    if (pause := _pause_after_answer(waiting, response)) is None:
                        return response
                await asyncio.sleep(pause)

        options["retry_codes"] = set(options.get("retry_codes", ())) - set(_AWAY)
        try:
            return await send_with_retry(self, request, send_patiently, *arguments, **options)
        except _GaveUp as gave_up:
            raise gave_up.error from None

    return patient


def _broken_connections() -> tuple[type[Exception], ...]:
    """What a server's absence is to a client; one that is slow is Prefect's to wait for."""
    from httpx import ConnectError, ConnectTimeout, ReadError, RemoteProtocolError, WriteError

    return (ConnectError, ConnectTimeout, ReadError, RemoteProtocolError, WriteError)


def _pause_after(waiting: Patience, error: Exception) -> float:
    from httpx import ConnectError

    cause = "connection refused" if isinstance(error, ConnectError) else "connection broken"
    pause = waiting.pause_after(cause)
    if pause is None:
        raise _GaveUp(error)
    return pause


def _pause_after_answer(waiting: Patience, response: "Response") -> float | None:
    """How long to wait for another answer; None for one that counts."""
    if response.status_code in _AWAY:
        return waiting.pause_after(f"status {response.status_code}")
    waiting.succeed()
    return None


@contextmanager
def without_heartbeats() -> Iterator[None]:
    """Send no heartbeats from the block's flow runs: nothing needs them, and a run's end waits for them.

    No environment variable can set this to None.
    """
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield
