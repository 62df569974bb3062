"""Dead runs that no automation rescheduled go on; what has ended, or died too often, stays as it is."""

import time
from datetime import timedelta
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.states import AwaitingRetry, Completed, Crashed, Failed, Pending, Running, State

from flows.orchestration import crash_recovery
from flows.orchestration.events import MOST_RUNS, TAG

pytestmark = pytest.mark.usefixtures("prefect")


@flow
def never_run() -> None:
    """A flow whose runs exist on the server only."""


def _run(client: SyncPrefectClient, *states: State, tag: str = TAG) -> UUID:
    deployment = client.create_deployment(client.create_flow(never_run), "never-run")
    run = client.create_flow_run_from_deployment(deployment, tags=[tag])
    for state in states:
        client.set_flow_run_state(run.id, state, force=True)
    return run.id


def test_a_dead_run_that_was_not_rescheduled_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        crash_recovery, "_GRACE", {kind: timedelta(0) for kind in (StateType.CRASHED, StateType.PENDING)}
    )
    died = (Running(), Crashed())
    with get_client(sync_client=True) as client:
        crashed, pending = _run(client, *died), _run(client, Pending())
        often = _run(client, *(MOST_RUNS * died))
        other = _run(client, *died, tag="another")
        fine = {_run(client, Running(), end): end.type for end in (Completed(), Failed())}
        rescheduled = crash_recovery.reschedule_dead_runs(client)
        states = {run: client.read_flow_run(run).state for run in (crashed, pending, often, other, *fine)}
        names = {client.read_flow_run(run).name for run in (crashed, pending)}
        again = crash_recovery.reschedule_dead_runs(client)
    assert states[crashed].name == states[pending].name == AwaitingRetry().name
    assert states[often].type == states[other].type == StateType.CRASHED
    assert {run: states[run].type for run in fine} == fine
    assert (set(rescheduled), again) == (names, [])


def test_a_run_that_gives_no_sign_of_life_has_died(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(crash_recovery._GRACE, StateType.RUNNING, timedelta(0))
    with get_client(sync_client=True) as client:
        run = _run(client, Running())  # which the server records as an event
        event_filter = {"filter": {"resource": {"id": [f"prefect.flow-run.{run}"]}}}
        while not client.request("POST", "/events/filter", json=event_filter).json()["total"]:
            time.sleep(0.1)
        crash_recovery.reschedule_dead_runs(client)
        before = client.read_flow_run(run).state
        monkeypatch.setattr(crash_recovery, "_SILENCE", timedelta(0))
        crash_recovery.reschedule_dead_runs(client)
        after = client.read_flow_run(run).state
        client.delete_flow_run(run)
    assert (before.type, after.type) == (StateType.RUNNING, StateType.CRASHED)


def test_an_automation_is_given_time_to_be_quicker() -> None:
    with get_client(sync_client=True) as client:
        crashed = _run(client, Running(), Crashed())
        assert crash_recovery.reschedule_dead_runs(client) == []
        client.delete_flow_run(crashed)
