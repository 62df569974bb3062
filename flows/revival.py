"""Runs whose death nobody answered go on.

An automation starts a dead run again as soon as the server hears of it. But events are lost: while the server
itself is started again, and where its SQLite is locked four times in a row.
"""

from datetime import UTC, datetime, timedelta

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import AwaitingRetry

from flows.events import MOST_RUNS, TAG

__all__ = ["revive_forgotten"]

_GRACE = {  # an automation was quicker, if it heard
    StateType.CRASHED: timedelta(seconds=30),
    StateType.PENDING: timedelta(minutes=6),
}
_AGE = timedelta(days=1)  # what died before is history
_PAGE = 200


def revive_forgotten(client: SyncPrefectClient) -> list[str]:
    """Give away again our runs that crashed, or were never started, and that rest since; their names."""
    ours = FlowRunFilter.model_validate(
        {
            "tags": {"all_": [TAG]},
            "deployment_id": {"is_null_": False},
            "state": {"type": {"any_": [kind.value for kind in _GRACE]}},
        }
    )
    newest = FlowRunSort.EXPECTED_START_TIME_DESC
    found = client.read_flow_runs(flow_run_filter=ours, sort=newest, limit=_PAGE)
    forgotten = [run for run in found if _is_forgotten(run)]
    for run in forgotten:
        client.set_flow_run_state(run.id, AwaitingRetry(message="its process died; it goes on from there"))
    return [run.name for run in forgotten]


def _is_forgotten(run: FlowRun) -> bool:
    if run.state is None or run.run_count >= MOST_RUNS:
        return False
    return _GRACE[run.state.type] < datetime.now(UTC) - run.state.timestamp < _AGE
