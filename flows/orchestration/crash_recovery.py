"""Runs whose death nobody answered go on.

Automations do what is needed as soon as the server hears of it. But events are lost: while the server itself
is started again, and where its SQLite is locked four times in a row.
"""

from datetime import UTC, datetime, timedelta

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import AwaitingRetry, Crashed

from flows.orchestration.events import MOST_RUNS, TAG

__all__ = ["revive_forgotten"]

_SILENCE = timedelta(minutes=3)  # six heartbeats
_GRACE = {  # an automation was quicker, if it heard
    StateType.CRASHED: timedelta(seconds=30),
    StateType.PENDING: timedelta(minutes=6),
    StateType.RUNNING: _SILENCE,
}
_AGE = timedelta(days=30)  # a lab may be off over a holiday; what died before is history
_PAGE = 200


def revive_forgotten(client: SyncPrefectClient) -> list[str]:
    """Give away again our runs that crashed, or were never started, and that rest since; their names.

    A run that says it is at work, and has given no sign of life, is declared crashed; the next call, if no
    automation is quicker, gives it away.
    """
    ours = FlowRunFilter.model_validate(
        {
            "tags": {"all_": [TAG]},
            "deployment_id": {"is_null_": False},
            "state": {"type": {"any_": [kind.value for kind in _GRACE]}},
        }
    )
    newest = FlowRunSort.EXPECTED_START_TIME_DESC
    found = client.read_flow_runs(flow_run_filter=ours, sort=newest, limit=_PAGE)
    revived = []
    for run in found:
        if run.state is None or not _GRACE[run.state.type] < datetime.now(UTC) - run.state.timestamp < _AGE:
            continue
        if run.state.is_running():
            if not _is_alive(client, run):
                client.set_flow_run_state(run.id, Crashed(message="no heartbeat; its machine has gone"))
        elif run.run_count < MOST_RUNS:
            client.set_flow_run_state(
                run.id, AwaitingRetry(message="its process died; it goes on from there")
            )
            revived.append(run.name)
    return revived


def _is_alive(client: SyncPrefectClient, run: FlowRun) -> bool:
    """Whether the server has kept any event of a run, such as its heartbeats, from the last minutes."""
    asked = {
        "occurred": {"since": (datetime.now(UTC) - _SILENCE).isoformat()},
        "resource": {"id": [f"prefect.flow-run.{run.id}"]},
    }
    answer = client._client.post("/events/filter", json={"filter": asked, "limit": 1})
    return bool(answer.raise_for_status().json()["total"])
