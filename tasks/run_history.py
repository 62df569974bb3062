"""What each run asked for, recorded in its store: for `jsl lineage`, `jsl why` and `jsl gc`."""

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from uuid import UUID, uuid4

from prefect import runtime
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun

from jsl_core.errors import StoreError
from jsl_core.storage import Artifact, Store, open_store
from jsl_core.storage.history import History, Step
from jsl_core.storage.lineage import Lineage, Node
from jsl_core.storage.run_folders import claim_run_folder
from jsl_core.system.patience import patience, set_patience

__all__ = ["record_end", "record_step_of_run", "record_stop", "root_run_id", "run_folder"]

_HEARTBEAT_SECONDS = 60.0
_MOST_UNANSWERED = 60  # heartbeats without an answer of the server after which the run has ended with it

_begun: set[tuple[str, str]] = set()  # runs that this process has met, each with its store's url


def record_step_of_run(step: Step, store: Store, flow_run: UUID | None) -> None:
    """Record a step of the run to which a flow run belongs; a task outside a flow belongs to none."""
    if flow_run:
        with suppress(StoreError):  # the step itself will meet the same trouble, and tell it
            History(store).record_step(_root_run(str(flow_run), store.url), step)


def record_end(store: Store, made: Artifact) -> Node | None:
    """Record that this run has got to its end; returns how `made` came about, None outside of any run."""
    if not runtime.flow_run.id:
        return None
    run = _root_run(runtime.flow_run.id, store.url)
    History(store).end(run)
    return Lineage(store, run).trace(made.sha256)


def record_stop() -> None:
    """Record that no run of this process is at work any more, so that nobody waits for their heartbeats.

    A store that is away is not waited for: whoever has interrupted a run wants it to end.
    """
    before = patience()
    set_patience(0)
    try:
        for run, url in _begun:
            with suppress(StoreError):  # it is told when no heartbeat comes
                History(open_store(url)).stop(run)
    finally:
        set_patience(before)


def run_folder(stores: Sequence[Store], name: str) -> str:
    """The folder of the run that this is called in, such as `runs/20261130T115200Z-run`.

    It follows from the start of the run, which a retry does not change, and not from the clock.

    Args:
        stores: All places that the run publishes to.
        name: Its name in the settings.
    """
    if not runtime.flow_run.id:
        return claim_run_folder(stores, str(uuid4()), datetime.now(UTC), name)
    run = _root_flow_run(runtime.flow_run.id)
    started = run.start_time or run.expected_start_time or datetime.now(UTC)
    return claim_run_folder(stores, str(run.id), started, name)


def root_run_id() -> str | None:
    """The id by which the history knows the run that this is called in; None outside of any."""
    return str(_root_flow_run(runtime.flow_run.id).id) if runtime.flow_run.id else None


@lru_cache(maxsize=64)
def _root_run(flow_run: str, url: str) -> str:
    """The id of the run at the root of a flow run, which is recorded the first time."""
    run = _root_flow_run(flow_run)
    with get_client(sync_client=True) as client:
        flow = client.read_flow(run.flow_id)
    History(open_store(url)).begin(str(run.id), run.name, flow.name)
    _begun.add((str(run.id), url))
    _heartbeat_thread(run.id, url)
    return str(run.id)


@lru_cache(maxsize=64)
def _root_flow_run(flow_run: str) -> FlowRun:
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(UUID(flow_run))
        while run.parent_task_run_id:
            parent = client.read_task_run(run.parent_task_run_id)
            if parent.flow_run_id is None:
                break
            run = client.read_flow_run(parent.flow_run_id)
    return run


@lru_cache(maxsize=64)
def _heartbeat_thread(run: UUID, url: str) -> threading.Thread:
    """The thread that records, for as long as the server says so, that a run is at work."""
    thread = threading.Thread(
        target=_send_heartbeats, args=(run, url), name=f"heartbeat of {run}", daemon=True
    )
    thread.start()
    return thread


def _send_heartbeats(run: UUID, url: str) -> None:
    unanswered = 0
    with get_client(sync_client=True) as client:
        while unanswered < _MOST_UNANSWERED:
            time.sleep(_HEARTBEAT_SECONDS)
            try:
                state = client.read_flow_run(run).state
            except Exception:  # whatever keeps the server from answering: the run itself may go on meanwhile
                unanswered += 1
            else:
                unanswered = 0
                if state and state.is_final():
                    return
            with suppress(StoreError):  # the next time, perhaps
                History(open_store(url)).heartbeat(str(run))
