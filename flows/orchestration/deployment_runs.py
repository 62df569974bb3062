"""Runs of deployments: a plain subflow runs in its caller's process; another pool takes a run of its own."""

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
from flows.server.prefect_patches import link_result_to_run
from jsl_core.errors import JslError

__all__ = ["run_deployment_and_wait", "runs_from_deployment", "start_run_once"]

_POLL_SECONDS = 1.0
_RESCHEDULED_WITHIN = timedelta(minutes=7)  # an automation does so within seconds, `watch` within minutes


def runs_from_deployment() -> bool:
    """Tell whether this run came from a deployment, so that the other deployments are there to be run."""
    return bool(runtime.deployment.id)


def start_run_once(
    client: SyncPrefectClient, deployment: str, parameters: dict[str, Any], key: str
) -> FlowRun:
    """Start a run of a deployment unless one with the same key exists; the server decides, atomically.

    Args:
        client: Client of the server.
        deployment: Its name, as `flow/deployment`.
        parameters: What the flow takes, as JSON values.
        key: The idempotency key.

    Returns:
        The new run, or the one that was started with this key before, with the parameters of that start.
    """
    chosen = client.read_deployment_by_name(deployment)
    return client.create_flow_run_from_deployment(chosen.id, parameters=parameters, idempotency_key=key)


def run_deployment_and_wait(deployment: str, parameters: dict[str, Any], key_suffix: str = "") -> Any:
    """Run a deployment to its end and return its result.

    A caller that is killed and runs again finds the run that it started; one that has failed is started anew.
    Cancelling the caller cancels the run.

    Args:
        deployment: Its name, as `flow/deployment`.
        parameters: What the flow takes.
        key_suffix: Tells several runs of the same deployment by one caller apart.

    Raises:
        JslError: If the run failed, with its message.
    """
    json_parameters = TypeAdapter(dict[str, Any]).dump_python(parameters, mode="json")
    with get_client(sync_client=True) as client:
        run = _start_or_find(deployment, json_parameters, key_suffix)
        try:
            run = _wait(client, run)
        except BaseException:
            _cancel_with_caller(client, run)
            raise
    assert run.state is not None
    if not run.state.is_completed():
        raise JslError(f"run {run.name} of {deployment} ended as {run.state.name}: {run.state.message}")
    result = run.state.result()
    link_result_to_run(run, result)
    return result


def _start_or_find(deployment: str, parameters: dict[str, Any], key_suffix: str) -> FlowRun:
    """The latest of the runs that the caller has started: at most one in each of its own attempts."""
    for attempt in range(max(int(runtime.flow_run.run_count or 1), 1)):
        key = f"{runtime.flow_run.id}:{deployment}{key_suffix}:{attempt}"
        run = cast(
            "FlowRun", run_deployment(deployment, parameters=parameters, timeout=0, idempotency_key=key)
        )
        if not _has_ended(run) or (run.state and run.state.is_completed()):
            break
    return run


def _wait(client: SyncPrefectClient, run: FlowRun) -> FlowRun:
    while not _has_ended(run):
        time.sleep(_POLL_SECONDS)
        run = client.read_flow_run(run.id)
    return run


def _has_ended(run: FlowRun) -> bool:
    """Whether a run has ended for good: one whose process died is rescheduled."""
    state = run.state
    if state is None or not state.is_final():
        return False
    will_be_rescheduled = state.is_crashed() and run.run_count < MOST_RUNS
    return not will_be_rescheduled or datetime.now(UTC) - state.timestamp > _RESCHEDULED_WITHIN


def _cancel_with_caller(client: SyncPrefectClient, run: FlowRun) -> None:
    """Cancel the run if its caller is cancelled; a caller whose machine goes down leaves it at work."""
    state = client.read_flow_run(runtime.flow_run.id).state
    if state and (state.is_cancelling() or state.is_cancelled()):
        client.set_flow_run_state(run.id, Cancelling())
