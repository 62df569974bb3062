"""What each run asked for, noted in the store: for `jsl lineage`, `jsl why` and `jsl gc`."""

import threading
import time
from contextlib import suppress
from functools import lru_cache
from uuid import UUID

from prefect import runtime
from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import get_client

from jsl_core.errors import StoreError
from jsl_core.storage import Artifact, Store, open_store
from jsl_core.storage.history import History, Step
from jsl_core.storage.lineage import Lineage, as_mermaid

__all__ = ["note_end", "note_step"]

_BEAT_SECONDS = 60.0
_MOST_UNHEARD = 60  # beats without an answer of the server after which the run has ended with it


def note_step(step: Step, store: Store, flow_run: UUID | None) -> None:
    """Note a step of the run to which a flow run belongs; a task outside a flow belongs to none."""
    if flow_run:
        with suppress(StoreError):  # the step itself will meet the same trouble, and tell it
            History(store).record_step(_begun(str(flow_run), store.url), step)


def note_end(store: Store, made: Artifact) -> None:
    """Note that the run at work here has got to its end, and show on its page how `made` came about."""
    if runtime.flow_run.id:
        run = _begun(runtime.flow_run.id, store.url)
        History(store).end(run)
        picture = as_mermaid(Lineage(store, run).trace(made.sha256))
        create_markdown_artifact(f"```mermaid\n{picture}\n```", key="lineage", description="From the scans")


@lru_cache(maxsize=64)
def _begun(flow_run: str, url: str) -> str:
    """The id of the run at the root of a flow run, which is noted the first time."""
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(UUID(flow_run))
        while run.parent_task_run_id:
            parent = client.read_task_run(run.parent_task_run_id)
            if parent.flow_run_id is None:
                break
            run = client.read_flow_run(parent.flow_run_id)
        flow = client.read_flow(run.flow_id)
    History(open_store(url)).begin(str(run.id), run.name, flow.name)
    _beating(run.id, url)
    return str(run.id)


@lru_cache(maxsize=64)
def _beating(run: UUID, url: str) -> threading.Thread:
    """The thread that tells the store, for as long as the server says so, that a run is at work."""
    thread = threading.Thread(target=_beat, args=(run, url), name=f"beat of {run}", daemon=True)
    thread.start()
    return thread


def _beat(run: UUID, url: str) -> None:
    unheard = 0
    with get_client(sync_client=True) as client:
        while unheard < _MOST_UNHEARD:
            time.sleep(_BEAT_SECONDS)
            try:
                state = client.read_flow_run(run).state
            except Exception:  # whatever keeps the server from answering: the run itself may go on meanwhile
                unheard += 1
            else:
                unheard = 0
                if state and state.is_final():
                    return
            with suppress(StoreError):  # the next time, perhaps
                History(open_store(url)).heartbeat(str(run))
