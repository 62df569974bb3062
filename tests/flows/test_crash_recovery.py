"""Runs that died while nobody listened go on; what has ended, or died too often, stays as it is."""

import time
from datetime import timedelta
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.states import AwaitingRetry, Completed, Crashed, Failed, Pending, Running, State

from flows.orchestration import crash_recovery as revival
from flows.orchestration.events import MOST_RUNS, TAG

pytestmark = pytest.mark.usefixtures("prefect")


@flow
def told() -> None:
    """A run that is only told of."""


def _run(client: SyncPrefectClient, *states: State, tag: str = TAG) -> UUID:
    deployment = client.create_deployment(client.create_flow(told), "told")
    made = client.create_flow_run_from_deployment(deployment, tags=[tag])
    for state in states:
        client.set_flow_run_state(made.id, state, force=True)
    return made.id


def test_a_run_that_died_and_that_nobody_gave_away_again_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        revival, "_GRACE", {kind: timedelta(0) for kind in (StateType.CRASHED, StateType.PENDING)}
    )
    died = (Running(), Crashed())
    with get_client(sync_client=True) as client:
        crashed, pending = _run(client, *died), _run(client, Pending())
        often = _run(client, *(MOST_RUNS * died))
        other = _run(client, *died, tag="another")
        fine = {_run(client, Running(), end): end.type for end in (Completed(), Failed())}
        revived = revival.revive_forgotten(client)
        states = {run: client.read_flow_run(run).state for run in (crashed, pending, often, other, *fine)}
        names = {client.read_flow_run(run).name for run in (crashed, pending)}
        again = revival.revive_forgotten(client)
    assert states[crashed].name == states[pending].name == AwaitingRetry().name
    assert states[often].type == states[other].type == StateType.CRASHED
    assert {run: states[run].type for run in fine} == fine
    assert (set(revived), again) == (names, [])


def test_a_run_that_gives_no_sign_of_life_has_died(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(revival._GRACE, StateType.RUNNING, timedelta(0))
    with get_client(sync_client=True) as client:
        run = _run(client, Running())  # which the server has told as an event
        heard = {"filter": {"resource": {"id": [f"prefect.flow-run.{run}"]}}}
        while not client._client.post("/events/filter", json=heard).json()["total"]:
            time.sleep(0.1)
        revival.revive_forgotten(client)
        before = client.read_flow_run(run).state
        monkeypatch.setattr(revival, "_SILENCE", timedelta(0))
        revival.revive_forgotten(client)
        after = client.read_flow_run(run).state
        client.delete_flow_run(run)
    assert (before.type, after.type) == (StateType.RUNNING, StateType.CRASHED)


def test_an_automation_is_given_time_to_be_quicker() -> None:
    with get_client(sync_client=True) as client:
        crashed = _run(client, Running(), Crashed())
        assert revival.revive_forgotten(client) == []
        client.delete_flow_run(crashed)
