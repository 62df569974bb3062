"""The only place that knows Prefect's cache machinery.

A stage task is keyed by its name, its declared version, the digest of the code it runs, and its parameters.
Where things lie (`Placement`) is in no key, so a moved store or another machine still finds its results.
Results are small JSON records on the artifact store; one that names an artifact which is no longer there
counts as a miss, so the task runs again.
"""

import hashlib
import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast
from uuid import UUID

from prefect import Task
from prefect.cache_policies import CachePolicy
from prefect.context import FlowRunContext
from prefect.filesystems import WritableFileSystem
from pydantic import BaseModel, ConfigDict

from jsl_core.config import PipelineSettings
from jsl_core.errors import StoreError
from jsl_core.landing import folder_of
from jsl_core.storage import Store, artifacts_in, digest_of, open_store, work_folder
from jsl_core.storage.history import Step
from tasks.run_history import note_step

__all__ = ["Placement", "ResultsOnStore", "code_digest", "results_block", "stage", "stage_key"]

P = ParamSpec("P")
R = TypeVar("R")


class Placement(BaseModel):
    """Where a run finds and keeps things, and how many hands it has; never part of a cache key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    store: str
    work: str
    scans: str = ""
    jobs: int = 0

    @classmethod
    def of(cls, settings: PipelineSettings) -> "Placement":
        """Absolute places, which mean the same to worker processes; crops lie beside their table."""
        store = open_store(settings.store)
        work = work_folder(store.url, settings.work)
        beside = str(Path(settings.cohort).parent)
        return cls(
            store=store.url,
            work=str(work),
            scans=str(folder_of(settings.scans or beside, work)),
            jobs=settings.jobs,
        )

    def open(self) -> Store:
        return open_store(self.store)

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
        open_store(self.url).write(f"results/{path}", content)

    def _resolve_path(self, path: str) -> None:
        return None  # keys stay relative, so that a store can move


def results_block(url: str) -> ResultsOnStore:
    """The block for a store, saved: flows take no other."""
    name = f"store-{digest_of(url)[:12]}"
    try:  # fewer requests than saving it again
        return cast("ResultsOnStore", ResultsOnStore.load(name, _sync=True))  # type: ignore[call-arg]
    except ValueError:
        block = ResultsOnStore(url=url)
        block.save(name, overwrite=True, _sync=True)  # type: ignore[call-arg]
        return block


def stage(name: str, *, version: int, code: tuple[str, ...]) -> Callable[[Callable[P, R]], Task[P, R]]:
    """A task whose result is cached across runs and machines.

    `code` names the packages and modules whose behaviour the result depends on; `version` is raised when
    something outside them changes what the task means.
    """

    def decorate(function: Callable[P, R]) -> Task[P, R]:
        return Task(
            function,
            name=name,
            task_run_name=name,
            cache_policy=_StageKey(stage=name, version=version, code=code),
            persist_result=True,
            result_serializer="json",
        )

    return decorate


def stage_key(task: Task[..., Any], settings: BaseModel) -> str:
    """What a stage's records depend on besides the item itself: its code and its settings."""
    policy = task.cache_policy
    assert isinstance(policy, _StageKey)
    return digest_of([policy.identity(task), settings.model_dump(mode="json")])


@dataclass
class _StageKey(CachePolicy):
    """Name, version, code, and every parameter but the placement."""

    stage: str = ""
    version: int = 0
    code: tuple[str, ...] = ()

    def identity(self, task: Task[..., Any]) -> list[Any]:
        return [self.stage, self.version, inspect.getsource(task.fn), *map(code_digest, self.code)]

    def parts(self, task: Task[..., Any]) -> dict[str, str]:
        """The same by name, for people."""
        own = hashlib.sha256(inspect.getsource(task.fn).encode()).hexdigest()
        return {"version": str(self.version), "task": own} | {name: code_digest(name) for name in self.code}

    def compute_key(
        self,
        task_ctx: Any,
        inputs: dict[str, Any],
        flow_parameters: dict[str, Any],
        **kwargs: Any,
    ) -> str:
        parameters = {
            name: _jsonable(value) for name, value in inputs.items() if not isinstance(value, Placement)
        }
        step = Step(
            stage=self.stage,
            digest=digest_of([self.identity(task_ctx.task), parameters]),
            code=self.parts(task_ctx.task),
            parameters=parameters,
        )
        for value in inputs.values():
            if isinstance(value, Placement):
                note_step(step, value.open(), task_ctx.task_run.flow_run_id)
        return step.key


@cache
def code_digest(module: str) -> str:
    """Digest of every file of a package (or of a single module) as it is installed."""
    # The parents of a module are not imported for it: that of `learning.calibration` would bring PyTorch.
    top, *below = module.split(".")
    spec = find_spec(top)
    assert spec is not None, module
    assert spec.origin is not None, module
    place = Path(spec.origin).parent.joinpath(*below)
    origin = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    root = origin.parent
    files = sorted(root.rglob("*")) if origin.name == "__init__.py" else [origin]
    digest = hashlib.sha256()
    for file in files:
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _jsonable(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    # Anything else would make Prefect log and silently run uncached.
    raise TypeError(f"a stage task takes artifacts, settings and plain values, not {type(value).__name__}")


@lru_cache(maxsize=1024)
def _whole_record(url: str, path: str, run: UUID | None) -> bytes:
    store = open_store(url)
    data = store.read(f"results/{path}")
    if data is None:
        raise StoreError(f"store {url}: no result {path}")
    record = json.loads(data)
    # Prefect wraps what it caches, a task's result, and leaves a flow's result as it is.
    wrapped = isinstance(record, dict) and record.keys() == {"metadata", "result"}
    _check_whole(store, json.loads(record["result"]) if wrapped else record, path)
    return data


def _check_whole(store: Store, value: Any, path: str) -> None:
    named = artifacts_in(value)
    while named:
        for artifact in store.missing(named):
            raise StoreError(f"store {store.url}: result {path} names {artifact.key}, which is gone")
        # Records and manifests name artifacts in their turn.
        tables = [store.get(artifact) for artifact in named if artifact.name.endswith(".json")]
        named = artifacts_in([json.loads(table) for table in tables])
