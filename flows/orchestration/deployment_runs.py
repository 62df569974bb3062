"""Flows on other pools: a plain subflow runs in its caller's process; another pool takes a run of its own."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from prefect import runtime
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from prefect.states import Cancelling
from pydantic import TypeAdapter

from flows.orchestration.events import MOST_RUNS
from jsl_core.errors import JslError

__all__ = ["on_a_server_with_pools", "run_elsewhere"]

_POLL_SECONDS = 1.0
_REVIVED_WITHIN = timedelta(minutes=7)  # an automation does so within seconds, `watch` within minutes


def on_a_server_with_pools() -> bool:
    """Whether this run came from a deployment, so that the others are there to be run."""
    return bool(runtime.deployment.id)


def run_elsewhere(deployment: str, parameters: dict[str, Any], which: str = "") -> Any:
    """Run a deployment to its end and return its result; a caller may do so once for each `which`.

    A caller that is killed and runs again finds the run that it started; one that has failed is started anew.
    Cancelling the caller cancels the run. Raises JslError with what a failed run said.
    """
    plain = TypeAdapter(dict[str, Any]).dump_python(parameters, mode="json")
    with get_client(sync_client=True) as client:
        run = _started(deployment, plain, which)
        try:
            run = _ended(client, run)
        except BaseException:
            _cancel_with_caller(client, run)
            raise
    assert run.state is not None
    if not run.state.is_completed():
        raise JslError(f"run {run.name} of {deployment} ended as {run.state.name}: {run.state.message}")
    return run.state.result()


def _started(deployment: str, parameters: dict[str, Any], which: str) -> FlowRun:
    """The latest of the runs that the caller has started, each time it ran one at most."""
    for attempt in range(max(int(runtime.flow_run.run_count or 1), 1)):
        key = f"{runtime.flow_run.id}:{deployment}{which}:{attempt}"
        run = cast(
            "FlowRun", run_deployment(deployment, parameters=parameters, timeout=0, idempotency_key=key)
        )
        if not _over(run) or (run.state and run.state.is_completed()):
            break
    return run


def _ended(client: SyncPrefectClient, run: FlowRun) -> FlowRun:
    while not _over(run):
        time.sleep(_POLL_SECONDS)
        run = client.read_flow_run(run.id)
    return run


def _over(run: FlowRun) -> bool:
    """Whether a run has ended for good: one whose process died goes on by itself."""
    state = run.state
    if state is None or not state.is_final():
        return False
    goes_on = state.is_crashed() and run.run_count < MOST_RUNS
    return not goes_on or datetime.now(UTC) - state.timestamp > _REVIVED_WITHIN


def _cancel_with_caller(client: SyncPrefectClient, run: FlowRun) -> None:
    """A caller whose machine goes down leaves its run at work; one that is cancelled takes it along."""
    state = client.read_flow_run(runtime.flow_run.id).state
    if state and (state.is_cancelling() or state.is_cancelled()):
        client.set_flow_run_state(run.id, Cancelling())
