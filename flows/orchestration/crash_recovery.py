"""Reschedules dead runs whose death no automation answered.

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

__all__ = ["reschedule_dead_runs"]

_SILENCE = timedelta(minutes=3)  # six heartbeats
_GRACE = {  # an automation is quicker, if its event was not lost
    StateType.CRASHED: timedelta(seconds=30),
    StateType.PENDING: timedelta(minutes=6),
    StateType.RUNNING: _SILENCE,
}
_AGE = timedelta(days=30)  # a lab may be off over a holiday; what died before is history
_PAGE = 200


def reschedule_dead_runs(client: SyncPrefectClient) -> list[str]:
    """Reschedule our runs that crashed, or never started, and that nothing has rescheduled since.

    A run that claims to be at work, and has sent no heartbeat, is declared crashed; the next call, if no
    automation is quicker, reschedules it.

    Returns:
        The names of the rescheduled runs.
    """
    run_filter = FlowRunFilter.model_validate(
        {
            "tags": {"all_": [TAG]},
            "deployment_id": {"is_null_": False},
            "state": {"type": {"any_": [kind.value for kind in _GRACE]}},
        }
    )
    newest_first = FlowRunSort.EXPECTED_START_TIME_DESC
    rescheduled = []
    for run in client.read_flow_runs(flow_run_filter=run_filter, sort=newest_first, limit=_PAGE):
        if run.state is None or not _GRACE[run.state.type] < datetime.now(UTC) - run.state.timestamp < _AGE:
            continue
        if run.state.is_running():
            if not _is_alive(client, run):
                client.set_flow_run_state(run.id, Crashed(message="no heartbeat; its machine has gone"))
        elif run.run_count < MOST_RUNS:
            client.set_flow_run_state(
                run.id, AwaitingRetry(message="its process died; it goes on from there")
            )
            rescheduled.append(run.name)
    return rescheduled


def _is_alive(client: SyncPrefectClient, run: FlowRun) -> bool:
    """Whether the server has recorded any event of a run, such as its heartbeats, in the last minutes."""
    event_filter = {
        "occurred": {"since": (datetime.now(UTC) - _SILENCE).isoformat()},
        "resource": {"id": [f"prefect.flow-run.{run.id}"]},
    }
    answer = client.request("POST", "/events/filter", json={"filter": event_filter, "limit": 1})
    return bool(answer.json()["total"])
