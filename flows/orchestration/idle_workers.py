"""Shares the buckets of scans of one run of prepare among the workers of pool `cpu`.

A shard returns no data: its tasks leave their results where prepare's own tasks find them cached. So a shard
whose worker dies, or that no worker has time for, is only work that prepare does itself.
"""

import time
from collections.abc import Sequence

from prefect import runtime
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.states import Cancelled

from flows.orchestration.deployment_runs import runs_from_deployment, start_run_once
from flows.orchestration.joints import prepare_joints
from jsl_core.config import PipelineSettings
from jsl_core.storage import Artifact
from tasks.caching import Placement
from tasks.lists import put_list

__all__ = ["prepare_on_idle_workers"]

_FEWEST_SCANS = 384  # of a shard: fewer are done before another worker's process has started
_POLL_SECONDS = 1.0
_ONLINE = "ONLINE"


def prepare_on_idle_workers(
    buckets: list[list[Artifact]], settings: PipelineSettings, placement: Placement
) -> None:
    """Prepare buckets of scans on all online workers, this one included, and return when all are done.

    Without a server, with one worker, or with few scans it does nothing.

    Args:
        buckets: Scans by bucket.
        settings: Where the scans lie, and how the stages treat them.
        placement: Where results lie.
    """
    if not runs_from_deployment():
        return
    with get_client(sync_client=True) as client:
        count = min(_count_workers(client), sum(map(len, buckets)) // _FEWEST_SCANS)
        if count < 2:
            return
        own_shard, *other_shards = _assign_buckets(buckets, count)
        runs = [
            _start_shard(client, shard, number, settings, placement)
            for number, shard in enumerate(other_shards, start=1)
        ]
        prepare_joints(own_shard, settings, placement)
        for run in runs:
            _wait_or_cancel(client, run)


def _assign_buckets(buckets: list[list[Artifact]], count: int) -> list[list[list[Artifact]]]:
    """So many shards of about as many scans each."""
    shards: list[list[list[Artifact]]] = [[] for _ in range(count)]
    for bucket in sorted(buckets, key=len, reverse=True):
        min(shards, key=lambda shard: sum(map(len, shard))).append(bucket)
    return shards


def _count_workers(client: SyncPrefectClient) -> int:
    """How many runs can work at a time: a worker on Kubernetes starts as many jobs as its pool lets it."""
    pool = client.read_work_pool("cpu")
    if pool.type == "kubernetes":
        return pool.concurrency_limit or 1
    workers = client.read_workers_for_work_pool("cpu")
    return sum(worker.status is not None and worker.status.value == _ONLINE for worker in workers)


def _start_shard(
    client: SyncPrefectClient,
    buckets: Sequence[list[Artifact]],
    number: int,
    settings: PipelineSettings,
    placement: Placement,
) -> FlowRun:
    parameters = {
        "buckets": put_list(placement.open(), buckets).model_dump(),
        "settings": settings.model_dump(mode="json", exclude_defaults=True),
    }
    return start_run_once(client, "shard/shard", parameters, f"{runtime.flow_run.id}:shard:{number}")


def _wait_or_cancel(client: SyncPrefectClient, run: FlowRun) -> None:
    """Wait for a shard that a worker has begun; cancel one that none has."""
    while (state := client.read_flow_run(run.id).state) is None or not state.is_final():
        if state is None or state.is_scheduled():
            client.set_flow_run_state(run.id, Cancelled(message="done by its run of prepare"))
        time.sleep(_POLL_SECONDS)
