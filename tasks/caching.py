"""The only placement that knows Prefect's cache machinery; what a key is made of stands in `cache_key.py`.

Results are small JSON records on the artifact store. One that names an artifact which is no longer there
counts as a miss, so the task runs again.
"""

import json
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast
from uuid import UUID

from prefect import Task
from prefect.cache_policies import CachePolicy
from prefect.context import FlowRunContext
from prefect.exceptions import ObjectAlreadyExists
from prefect.filesystems import WritableFileSystem
from pydantic import BaseModel, ConfigDict

from jsl_core.config import PipelineSettings
from jsl_core.errors import StoreError
from jsl_core.imaging.names import Pseudonyms
from jsl_core.imaging.pseudonym_key import load_pseudonyms
from jsl_core.landing import scan_folder
from jsl_core.scans.rows import TRANSIENT
from jsl_core.storage import Artifact, Store, digest_of, open_store, work_folder
from jsl_core.storage.memo import named_in
from jsl_core.storage.open import forget_stores
from jsl_core.storage.proof import Unproven
from jsl_core.storage.results import read_result, result_artifacts, write_result
from tasks.cache_key import record_key, step_of
from tasks.run_history import record_step_of_run

__all__ = [
    "Placement",
    "ResultsOnStore",
    "forget_results",
    "results_block",
    "save_results_block",
    "stage",
    "stage_key",
]

P = ParamSpec("P")
R = TypeVar("R")

_MADE_BY_OTHERS = 20  # attempts at what others make at the same time


class Placement(BaseModel):
    """Where a run finds and keeps things, and how many processes it has; never part of a cache key.

    `exact_versions` decides how a key is made: with every part of every library's version. With
    `pseudonymise`, scans go by their pseudonyms, whose key each process reads where it works.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    store: str
    work: str
    scans: str = ""
    jobs: int = 0
    exact_versions: bool = False
    cohort: str = ""
    pseudonymise: bool = False
    pseudonym_key: str = ""

    @classmethod
    def of(cls, settings: PipelineSettings) -> "Placement":
        """Absolute places, which mean the same to worker processes; crops lie beside their table."""
        store = open_store(settings.store)
        work = work_folder(store.url, settings.work)
        beside = str(Path(settings.cohort).parent)
        return cls(
            store=store.url,
            work=str(work),
            scans=str(scan_folder(settings.scans or beside, work)),
            jobs=settings.jobs,
            exact_versions=settings.exact_versions,
            cohort=settings.cohort,
            pseudonymise=settings.pseudonymise,
            pseudonym_key=settings.pseudonym_key,
        )

    def open(self) -> Store:
        """Open the store."""
        return open_store(self.store)

    def pseudonyms(self) -> Pseudonyms | None:
        """What files and participants are called, None for their own names. Raises BadSettings."""
        return load_pseudonyms(self.pseudonym_key) if self.pseudonymise else None

    def folder(self, *parts: str) -> Path:
        """A folder on this machine for what can be made again: checkouts, checkpoints."""
        return Path(self.work, *parts)


class ResultsOnStore(WritableFileSystem):
    """Prefect's task results as objects of the artifact store."""

    _block_type_name = "JSL results"
    _block_type_slug = "jsl-results"

    url: str

    def read_path(self, path: str, _sync: bool = True) -> bytes:  # type: ignore[override]
        """A result record. Raises StoreError, which Prefect takes as a miss, if anything it names is gone."""
        context = FlowRunContext.get()
        run = context.flow_run.id if context and context.flow_run else None
        # Prefect reads a task's result three times; once in a run is enough to know that it is whole.
        return _whole_record(self.url, path, run) if run else _whole_record.__wrapped__(self.url, path, run)

    def write_path(self, path: str, content: bytes, _sync: bool = True) -> None:  # type: ignore[override]
        """Write a result record."""
        write_result(open_store(self.url), path, json.loads(content))

    def _resolve_path(self, path: str) -> None:
        return None  # keys stay relative, so that a store can move


def results_block(url: str) -> ResultsOnStore:
    """The block for a store, saved: flows take no other."""
    name = f"store-{digest_of(url)[:12]}"
    try:  # fewer requests than saving it again
        return cast("ResultsOnStore", ResultsOnStore.load(name, _sync=True))  # type: ignore[call-arg]
    except ValueError:
        return save_results_block(url, name)


def save_results_block(url: str, name: str) -> ResultsOnStore:
    """Save the block for a store under a name.

    Prefect asks whether the block's kind, schema and document are there, and makes what is not: where another
    run has made one in between, everything is asked again.
    """
    for _ in range(_MADE_BY_OTHERS):
        block = ResultsOnStore(url=url)
        with suppress(ObjectAlreadyExists):
            block.save(name, overwrite=True, _sync=True)  # type: ignore[call-arg]
            return block
        time.sleep(random.uniform(0.05, 0.5))
    raise StoreError(f"store {url}: other runs are making the same records on Prefect's server; run again")


def forget_results() -> None:
    """Look again, in this process, for results and artifacts that were known to be whole."""
    _whole_record.cache_clear()
    forget_stores()


def stage(name: str, *, version: int) -> Callable[[Callable[P, R]], Task[P, R]]:
    """A task whose result is cached across runs and machines, as long as nothing that it depends on changes.

    Args:
        name: What it is called in runs and in keys.
        version: Raised when something that neither code nor parameters show changes what the task means.
    """

    def decorate(function: Callable[P, R]) -> Task[P, R]:
        return Task(
            function,
            name=name,
            task_run_name=name,
            cache_policy=_StageKey(stage=name, version=version),
            persist_result=True,
            result_serializer="json",
        )

    return decorate


def stage_key(task: Task[..., Any], settings: BaseModel, placement: Placement) -> str:
    """What a stage's records depend on besides the item itself: its code and its settings."""
    policy = task.cache_policy
    assert isinstance(policy, _StageKey)
    return record_key(policy.stage, policy.version, task.fn, settings, placement.exact_versions)


@dataclass
class _StageKey(CachePolicy):
    """Prefect's view of a stage's key: every parameter counts but the placement."""

    stage: str = ""
    version: int = 0

    def compute_key(
        self,
        task_ctx: Any,
        inputs: dict[str, Any],
        flow_parameters: dict[str, Any],
        **kwargs: Any,
    ) -> str:
        placements = [value for value in inputs.values() if isinstance(value, Placement)]
        parameters = {name: value for name, value in inputs.items() if not isinstance(value, Placement)}
        exact = any(placement.exact_versions for placement in placements)
        step = step_of(self.stage, self.version, task_ctx.task.fn, parameters, exact)
        for placement in placements:
            record_step_of_run(step, placement.open(), task_ctx.task_run.flow_run_id)
        return step.key


@lru_cache(maxsize=1024)
def _whole_record(url: str, path: str, run: UUID | None) -> bytes:
    store = open_store(url)
    try:
        record = read_result(store, path)
        artifacts = result_artifacts(record)
    except Unproven:  # damaged, or of an earlier version
        record = None
    if record is None:
        raise StoreError(f"store {url}: no result {path}")
    _check_whole(store, artifacts, path)
    return json.dumps(record).encode()


def _check_whole(store: Store, named: list[Artifact], path: str) -> None:
    while named:
        for artifact in store.missing(named):
            raise StoreError(f"store {store.url}: result {path} names {artifact.key}, which is gone")
        # Records and manifests name artifacts in their turn.
        tables = [store.get(artifact) for artifact in named if artifact.name.endswith(".json")]
        if any(_tries_again(table) for table in tables):
            raise StoreError(f"store {store.url}: result {path} has scans to try again")
        named = [one for table in tables for one in named_in(table)]


def _tries_again(table: bytes) -> bool:
    """Whether a table has a row whose reason says something about the machine: the next run may do better."""
    try:
        rows = json.loads(table)
    except (ValueError, RecursionError):  # a damaged one names no artifact, either
        return False
    return isinstance(rows, list) and any(
        isinstance(row, dict) and row.get("reason") in TRANSIENT for row in rows
    )
