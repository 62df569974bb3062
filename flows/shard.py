"""Preparing with many hands: other workers of pool `cpu` take shards of the buckets.

Nothing is handed back: a shard's tasks leave their results where prepare's own tasks find them cached. So a
shard whose worker dies, or that no worker has time for, is only work that prepare does itself.
"""

import time
from collections.abc import Sequence

from prefect import flow, runtime
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.states import Cancelled

from flows.orchestration.deployment_runs import on_a_server_with_pools
from flows.orchestration.joints import to_joints, to_size
from flows.orchestration.retrain_trigger import start_once
from flows.orchestration.task_runners import RUNNER
from jsl_core.config import PipelineSettings
from jsl_core.storage import Artifact
from tasks.caching import Placement
from tasks.fetch import fetch_scans
from tasks.lists import get_list, put_list

__all__ = ["shard", "with_many_hands"]

_LEAST = 384  # scans of a shard: fewer are done before another worker's process has started
_POLL_SECONDS = 1.0
_ONLINE = "ONLINE"


@flow(name="shard", task_runner=RUNNER, persist_result=False)
def shard(buckets: Artifact, settings: PipelineSettings) -> int:
    """Find the joints in some buckets of scans, for a run of prepare that goes on elsewhere.

    Args:
        buckets: A list of the store, as prepare has put it there.
        settings: Where the scans lie, and how the stages treat them.
    """
    place = Placement.of(settings)
    mine = get_list(place.open(), buckets)
    fetch_scans(mine, settings, place)
    _, _, cropped = to_joints(mine, settings, place)
    to_size(cropped, settings.pack.size, settings, place)
    return len(mine)


def with_many_hands(buckets: list[list[Artifact]], settings: PipelineSettings, place: Placement) -> None:
    """Share the buckets out among the workers there are, this one included, and return when all are done.

    Without a server, and where there is one worker or little to do, nothing is done ahead.
    """
    if not on_a_server_with_pools():
        return
    with get_client(sync_client=True) as client:
        count = min(_workers(client), sum(map(len, buckets)) // _LEAST)
        if count < 2:
            return
        shards = _deal(buckets, count)
        runs = [
            _start(client, shard, number, settings, place) for number, shard in enumerate(shards[1:], start=1)
        ]
        to_joints(shards[0], settings, place)
        for run in runs:
            _await(client, run)


def _deal(buckets: list[list[Artifact]], count: int) -> list[list[list[Artifact]]]:
    """So many shards of about as many scans each."""
    shards: list[list[list[Artifact]]] = [[] for _ in range(count)]
    for bucket in sorted(buckets, key=len, reverse=True):
        min(shards, key=lambda shard: sum(map(len, shard))).append(bucket)
    return shards


def _workers(client: SyncPrefectClient) -> int:
    found = client.read_workers_for_work_pool("cpu")
    return sum(worker.status is not None and worker.status.value == _ONLINE for worker in found)


def _start(
    client: SyncPrefectClient,
    buckets: Sequence[list[Artifact]],
    number: int,
    settings: PipelineSettings,
    place: Placement,
) -> FlowRun:
    told = {
        "buckets": put_list(place.open(), buckets).model_dump(),
        "settings": settings.model_dump(mode="json", exclude_defaults=True),
    }
    return start_once(client, "shard/shard", told, f"{runtime.flow_run.id}:shard:{number}")


def _await(client: SyncPrefectClient, run: FlowRun) -> None:
    """Wait for a shard that a worker is at; take back one that nobody has begun."""
    while (state := client.read_flow_run(run.id).state) is None or not state.is_final():
        if state is None or state.is_scheduled():
            client.set_flow_run_state(run.id, Cancelled(message="done by its run of prepare"))
        time.sleep(_POLL_SECONDS)
