"""The work pools of a lab and their queues, made of processes or of jobs on Kubernetes."""

from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

from deployments.kubernetes.job_template import CLAIM_FOLDER, job_template
from jsl_core.config import Lab
from jsl_core.errors import JslError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

__all__ = ["POOLS", "QUEUES", "Pool", "PoolType", "apply_pools", "check_places"]

PoolType = Literal["process", "kubernetes"]


@dataclass(frozen=True)
class Pool:
    """A work pool; `limit` runs at a time (None: as many as come)."""

    name: str
    description: str
    limit: int | None = None


POOLS = (
    Pool("cpu", "Scans to datasets."),
    Pool("gpu", "Training: one run at a time has the GPU to itself.", limit=1),
)
QUEUES = ("urgent", "default")  # first come first, by priority


def apply_pools(client: "SyncPrefectClient", kind: PoolType, lab: Lab, gpus: int) -> None:
    """Make the pools and queues that are missing, and set the limits and templates of the others.

    A template of processes stays as somebody has changed it on the server's page; one of jobs follows the
    lab's file.

    Args:
        client: Client of the server.
        kind: What the pools' workers start.
        lab: The lab's settings.
        gpus: How many runs of pool gpu go on at a time.

    Raises:
        JslError: If the server has a pool of another kind under one of the names.
    """
    limits = {"cpu": lab.kubernetes.cpu_runs if kind == "kubernetes" else None, "gpu": gpus}
    for pool in POOLS:
        template = job_template(pool.name, lab.kubernetes) if kind == "kubernetes" else None
        _apply_pool(client, replace(pool, limit=limits[pool.name]), kind, template)


def check_places(kind: PoolType, lab: Lab) -> None:
    """Refuse a store that not all jobs reach, and scans or a table that they do not see.

    Raises:
        JslError: If jobs on Kubernetes, which share no disk, are to keep results in a folder, or to read what
            lies neither in a bucket nor in the volume claim.
    """
    if kind == "process":
        return
    settings = lab.settings
    if not settings.store.startswith("s3://"):
        raise JslError(
            f"store {settings.store}: jobs on Kubernetes share no disk; name a bucket, --store s3://bucket/prefix"
        )
    for name, place in (("scans", settings.scans), ("cohort", settings.cohort)):
        in_claim = bool(lab.kubernetes.claim) and PurePosixPath(place).is_relative_to(CLAIM_FOLDER)
        if place and not place.startswith("s3://") and not in_claim:
            raise JslError(
                f"{name} {place}: jobs on Kubernetes do not see it; put it into the volume that claim in "
                f"[kubernetes] names, and write {CLAIM_FOLDER}/…"
            )


def _apply_pool(
    client: "SyncPrefectClient", pool: Pool, kind: PoolType, template: dict[str, Any] | None
) -> None:
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectNotFound
    from prefect.workers.process import ProcessWorker

    # Without it all workers would set it at once when they start, and lock each other out of SQLite.
    usual = template or ProcessWorker.get_default_base_job_template()
    common: dict[str, Any] = {"description": pool.description, "concurrency_limit": pool.limit}
    try:
        existing = client.read_work_pool(pool.name)
    except ObjectNotFound:
        client.create_work_pool(WorkPoolCreate(name=pool.name, type=kind, base_job_template=usual, **common))
    else:
        if existing.type != kind:
            raise JslError(
                f"pool {pool.name} of this server is of type {existing.type}, not {kind}; say "
                f"--pools {existing.type}, or delete it: prefect work-pool delete {pool.name}"
            )
        chosen = template or existing.base_job_template or usual
        client.update_work_pool(pool.name, WorkPoolUpdate(base_job_template=chosen, **common))
    for priority, name in enumerate(QUEUES, start=1):
        try:
            client.read_work_queue_by_name(name, work_pool_name=pool.name)
        except ObjectNotFound:
            client.create_work_queue(name, priority=priority, work_pool_name=pool.name)
