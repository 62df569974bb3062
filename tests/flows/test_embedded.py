"""What the server beside a run waits for before it is let go, and what its run does not wait for."""

import os
import time
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
from prefect import task
from prefect.client.orchestration import get_client
from prefect.settings import get_current_settings
from prefect.states import Completed, Running

from flows.embedded import EmbeddedServer, embedded_prefect

pytestmark = pytest.mark.usefixtures("prefect")


class Waited(Exception):
    pass


@task
def begun() -> None:
    """A task run that is only told of."""


def _wait(seconds: float) -> None:
    raise Waited


@pytest.fixture(autouse=True)
def _no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    # Its own clock: the client of Prefect sleeps, too.
    monkeypatch.setattr("flows.embedded.time", SimpleNamespace(monotonic=time.monotonic, sleep=_wait))


def _begin() -> UUID:
    with get_client(sync_client=True) as client:
        return client.create_task_run(begun, None, str(uuid4()), state=Running()).id


def _end(run: UUID) -> None:
    with get_client(sync_client=True) as client:
        client.set_task_run_state(run, Completed(), force=True)


def test_what_a_killed_session_left_running_is_not_waited_for(tmp_path: Path) -> None:
    left = _begin()
    server = EmbeddedServer(tmp_path)
    server.await_events()
    server.stop()
    _end(left)


def test_what_this_session_began_is_waited_for_until_it_ends(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path)
    run = _begin()
    with pytest.raises(Waited):
        server.await_events()
    _end(run)
    server.await_events()
    server.stop()


def test_a_run_beside_its_server_sends_no_heartbeats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for what in ("launch", "await_answer", "await_events"):
        monkeypatch.setattr(EmbeddedServer, what, lambda server: None)
    monkeypatch.setattr(os, "environ", {k: v for k, v in os.environ.items() if k != "PREFECT_API_URL"})
    usual = get_current_settings().flows.heartbeat_frequency
    with embedded_prefect(tmp_path, "flows.prepare"):
        assert get_current_settings().flows.heartbeat_frequency is None
    assert usual
    assert get_current_settings().flows.heartbeat_frequency == usual
