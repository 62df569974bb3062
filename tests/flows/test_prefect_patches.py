"""Each patch of Prefect's insides: what it replaces is still there, and what it is for."""

import inspect
import os
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
from aiosqlite import Cursor
from hostile import imported_in, put_hostile_settings
from prefect.client.base import PrefectHttpxAsyncClient, PrefectHttpxSyncClient
from prefect.client.schemas.objects import FlowRun
from prefect.events.clients import PrefectEventsClient
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, get_current_settings
from prefect.states import Completed
from prefect.utilities.processutils import command_to_string
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker

from flows.server import prefect_patches
from flows.server.prefect_patches import CHECKED_ON
from jsl_core.storage import Artifact

_BUSY = """
import asyncio, gc, sys
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import create_async_engine
from flows.server.prefect_patches import close_failed_cursors

if sys.argv[2] == "patched":
    close_failed_cursors()


async def main():
    engine = create_async_engine(f"sqlite+aiosqlite:///{sys.argv[1]}")

    @event.listens_for(engine.sync_engine, "connect")
    def as_prefect_does(connection, record):
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA busy_timeout = 3000")
        cursor.close()

    async with engine.connect() as one, engine.connect() as other:
        await one.execute(text("CREATE TABLE pool (status)"))
        await one.execute(text("INSERT INTO pool VALUES ('')"))
        await other.exec_driver_sql("BEGIN DEFERRED")
        await other.execute(text("SELECT * FROM pool"))
        await one.execute(text("UPDATE pool SET status = 'changed since'"))
        try:
            await other.execute(text("UPDATE pool SET status = 'no'"))
        except OperationalError as error:
            failed = error
        await other.exec_driver_sql("ROLLBACK")

        await one.exec_driver_sql("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(other.execute(text("UPDATE pool SET status = 'second'")))
        await asyncio.sleep(0.3)
        del failed
        gc.collect()  # as it comes about at any time
        await one.exec_driver_sql("COMMIT")
        await waiting
        print((await one.execute(text("SELECT status FROM pool"))).scalar())

asyncio.run(main())
"""
_SETTINGS = """
import sys
if sys.argv[1] == "patched":
    from flows.server.prefect_patches import ignore_current_folder
    ignore_current_folder()
from prefect.settings import Settings, get_current_settings
for settings in (get_current_settings(), Settings()):
    print(settings.api.url, "theirs" not in str(settings.server.database), settings.logging.level)
import prefect.main  # with it the logging is set up
from prefect.logging.configuration import setup_logging
setup_logging()
"""
_DEAD_SERVER = """
import sys
from pathlib import Path
from flows.server.embedded import embedded_prefect

with embedded_prefect(Path(sys.argv[1]), "prefect"):
    from prefect._internal.concurrency import logger
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    # What these services print while they call a server that does not answer.
    logger.error("Service 'EventsWorker' failed with 3 pending items.")
    for service in (EventsWorker, APILogWorker):
        service.instance()._logger.warning("Still processing items: 3 items remaining...")
"""


def run_script(*arguments: str | Path) -> str:
    """What a Python script prints, errors among it."""
    done = subprocess.run(
        [sys.executable, "-c", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.stdout


def parameters_of(function: object) -> list[str]:
    assert callable(function)
    return list(inspect.signature(function).parameters)


@pytest.mark.parametrize("patch", CHECKED_ON)
def test_a_patch_was_checked_on_the_installed_version(patch: str) -> None:
    """On a new version: run this file, read what the patch is for, and add the version to the table."""
    assert patch in prefect_patches.__all__
    distribution = CHECKED_ON[patch][0].split()[0]
    assert f"{distribution} {version(distribution)}" in CHECKED_ON[patch]


# close_failed_cursors


def test_aiosqlite_has_the_cursor_methods_that_are_wrapped() -> None:
    for method in (Cursor.execute, Cursor.executemany, Cursor.close):
        assert inspect.iscoroutinefunction(method)
    assert parameters_of(Cursor.execute)[:2] == ["self", "sql"]
    assert parameters_of(Cursor.executemany)[:2] == ["self", "sql"]
    assert parameters_of(Cursor.close) == ["self"]


@pytest.mark.slow
def test_the_holder_of_the_lock_can_commit_while_another_statement_waits(tmp_path: Path) -> None:
    # Once this no longer holds, a library has mended it, and the patch can go.
    assert "database is locked" in run_script(_BUSY, tmp_path / "as it is.db", "unpatched")
    assert run_script(_BUSY, tmp_path / "with it.db", "patched") == "second\n"


# create_server_app


@pytest.mark.slow
def test_prefects_app_can_be_created_for_an_ephemeral_server() -> None:
    from prefect.server.api.server import create_app

    assert "ephemeral" in parameters_of(create_app)


# extend_server


def test_what_is_added_to_the_server_is_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.cli import _server_utils
    from prefect.server.api import server

    assert "import create_app" in inspect.getsource(_server_utils)  # when it runs, so that ours is found
    monkeypatch.setattr(server, "create_app", lambda **options: SimpleNamespace(options=options, routes=[]))
    prefect_patches.extend_server(lambda app: app.routes.append("results"))
    app = server.create_app(final=True)
    assert (app.options, app.routes) == ({"final": True}, ["results"])


# ignore_current_folder


@pytest.mark.parametrize("patched", [True, False])
def test_settings_of_the_current_folder_count_neither_at_first_nor_later(
    tmp_path: Path, patched: bool
) -> None:
    """Those of the environment and of the user's own profile do."""
    put_hostile_settings(tmp_path)
    (tmp_path / "home").mkdir()
    profile = '[profiles.mine]\nPREFECT_API_URL = "http://127.0.0.1:8/api"\n'
    (tmp_path / "home" / "profiles.toml").write_text(f'active = "mine"\n{profile}')
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    done = subprocess.run(
        [sys.executable, "-P", "-c", _SETTINGS, "patched" if patched else ""],
        cwd=tmp_path,
        env=environment | {"PREFECT_HOME": "home", "PREFECT_LOGGING_LEVEL": "CRITICAL"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "") or not patched
    assert (done.stdout.split("\n")[:-1] == ["http://127.0.0.1:8/api True CRITICAL"] * 2) == patched
    assert bool(imported_in(tmp_path)) != patched


# link_result_to_run


def test_what_another_pool_s_run_gave_is_that_run_s_to_prefect() -> None:
    from prefect.context import FlowRunContext
    from prefect.utilities.engine import collect_task_run_inputs_sync

    run = FlowRun(flow_id=uuid4(), state=Completed())
    models = {"kl": Artifact.of_bytes(b"model", "kl.json")}
    with FlowRunContext.model_construct(run_results={}):
        assert collect_task_run_inputs_sync(dict(models)) == set()
        prefect_patches.link_result_to_run(run, models)
        (taken,) = collect_task_run_inputs_sync(dict(models))
    assert (taken.input_type, taken.id) == ("flow_run", run.id)


# record_task_runs_sooner


def test_the_recorder_takes_the_interval_from_its_module(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.server.services import task_run_recorder

    assert {"write_batch_size", "flush_every"} <= set(parameters_of(task_run_recorder.consumer))
    start = inspect.getsource(task_run_recorder.TaskRunRecorder.start)
    assert "async with consumer(" in start
    assert "flush_every=" in start
    options: dict[str, float] = {}
    monkeypatch.setattr(task_run_recorder, "consumer", options.update)
    prefect_patches.record_task_runs_sooner()
    task_run_recorder.consumer(write_batch_size=100, flush_every=1)
    assert options == {"write_batch_size": 100, "flush_every": 0.1}


# silence_event_persister


def test_the_event_persister_logs_under_the_silenced_name() -> None:
    from prefect.server.events.services import event_persister

    assert event_persister.logger.name == prefect_patches._EVENT_PERSISTER


# silence_queue_services


def test_services_that_send_log_under_the_names_of_their_classes() -> None:
    from prefect._internal.concurrency.services import QueueService
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    class Sender(QueueService):
        async def _handle(self, item: object) -> None: ...

    assert Sender()._logger.name == "Sender"
    assert (EventsWorker.__name__, APILogWorker.__name__) == prefect_patches._QUEUE_SERVICES


@pytest.mark.server
def test_of_a_dead_server_prefects_services_print_nothing_beside_our_line(tmp_path: Path) -> None:
    names = [name for name in os.environ if name.startswith("PREFECT_")]
    script = f"import os\nfor name in {names}: os.environ.pop(name)\n{_DEAD_SERVER}"
    assert run_script(script, tmp_path / "prefect") == ""


# start_flow_runs_directly


@pytest.fixture
def configuration(monkeypatch: pytest.MonkeyPatch) -> type[ProcessJobConfiguration]:
    monkeypatch.setattr(ProcessWorker, "job_configuration", ProcessWorker.job_configuration)
    prefect_patches.start_flow_runs_directly()
    return ProcessWorker.job_configuration


def prepare(configuration: ProcessJobConfiguration) -> ProcessJobConfiguration:
    configuration.prepare_for_flow_run(FlowRun(flow_id=uuid4()))
    return configuration


def test_a_process_workers_configuration_has_what_is_overridden() -> None:
    assert ProcessWorker.job_configuration is ProcessJobConfiguration
    assert "command" in ProcessJobConfiguration.model_fields
    assert parameters_of(ProcessJobConfiguration.prepare_for_flow_run)[:2] == ["self", "flow_run"]
    assert shlex.split(command_to_string(["a b", "c"])) == ["a b", "c"]


def test_a_run_is_started_by_the_workers_own_interpreter(
    configuration: type[ProcessJobConfiguration],
) -> None:
    prepared = prepare(configuration())
    assert shlex.split(prepared.command or "") == [sys.executable, "-P", "-m", "flows.server.flow_run"]
    # So Prefect's worker leaves out the process that fetches the code; Prefect 3.7 has none.
    assert getattr(prepared, "_command_configured", True)


def test_a_command_that_a_deployment_names_stays(configuration: type[ProcessJobConfiguration]) -> None:
    command = "python3 -m prefect.engine"
    assert prepare(configuration(command=command)).command == command


# without_heartbeats


def test_heartbeats_have_a_setting_that_can_be_none_for_a_while() -> None:
    assert PREFECT_FLOWS_HEARTBEAT_FREQUENCY.name == "PREFECT_FLOWS_HEARTBEAT_FREQUENCY"
    usual = get_current_settings().flows.heartbeat_frequency
    with prefect_patches.without_heartbeats():
        assert get_current_settings().flows.heartbeat_frequency is None
    assert get_current_settings().flows.heartbeat_frequency == usual


# wait_for_server


@pytest.mark.parametrize("client", [PrefectHttpxSyncClient, PrefectHttpxAsyncClient])
def test_prefects_clients_send_through_the_method_that_is_made_patient(client: type) -> None:
    method = getattr(client, prefect_patches._SEND)
    assert {"request", "send", "retry_codes"} <= set(parameters_of(method))
    assert f"self.{prefect_patches._SEND}(" in inspect.getsource(vars(client)["send"])


def test_the_client_of_events_counts_its_attempts_under_the_name_that_is_set() -> None:
    client = PrefectEventsClient(api_url="http://127.0.0.1:9/api", reconnection_attempts=3)
    assert client._reconnection_attempts >= 3  # more where an earlier test has made it patient
