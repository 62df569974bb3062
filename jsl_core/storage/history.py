"""The history of a store: which steps each run asked for, and what each step's key was made of."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from jsl_core.errors import StoreError
from jsl_core.storage.artifact import Artifact
from jsl_core.storage.concurrent import map_requests
from jsl_core.storage.gc_lock import wait_for_gc
from jsl_core.storage.interface import Store
from jsl_core.storage.memo import artifacts_in
from jsl_core.storage.proof import Unproven, seal, unseal
from jsl_core.storage.results import read_result, result_artifacts

__all__ = ["History", "Run", "Step", "read_step", "write_step"]

_HEARTBEAT_EXPIRY = (
    300.0  # seconds without a heartbeat after which a run is not at work; it sends one a minute
)


class Step(BaseModel):
    """One task of a run, and what its key is the digest of.

    Attributes:
        stage: The task's name.
        digest: What tells its result from those of other steps of the stage.
        version: As the stage declares it.
        code: A digest of each module and data file that it reaches, by name.
        libraries: The version of each library that these import, as far as it counts.
        parameters: JSON, with the artifacts it was made from.
    """

    model_config = ConfigDict(frozen=True)

    stage: str
    digest: str
    version: int = 0
    code: dict[str, str]
    libraries: dict[str, str] = {}
    parameters: dict[str, Any]

    @property
    def key(self) -> str:
        """The name of its result."""
        return f"{self.stage}/{self.digest}"

    @property
    def inputs(self) -> list[Artifact]:
        """The artifacts among its parameters."""
        return artifacts_in(self.parameters)


@dataclass(frozen=True)
class Run:
    """A run and the keys of its steps.

    `age` is seconds since it last asked for a step, `heartbeat_age` since it last showed that it is alive,
    infinite where it has said since that it stops; `ended` says that it got to its end.
    """

    id: str
    name: str
    flow: str
    keys: tuple[str, ...]
    age: float
    heartbeat_age: float
    ended: bool

    @property
    def at_work(self) -> bool:
        """Whether it has not ended and gave a heartbeat lately."""
        return not self.ended and self.heartbeat_age < _HEARTBEAT_EXPIRY

    def __str__(self) -> str:
        return f"{self.name} ({self.flow}, {self.id[:8]})"


class History:
    """The runs of a store, below `history/`."""

    def __init__(self, store: Store) -> None:
        """Read and write the history of this store."""
        self._store = store

    def begin(self, run: str, name: str, flow: str) -> None:
        """Record that a run is at work, before it reads anything; repeating it changes nothing.

        Returns when no garbage collection is at work: none will then remove what the run finds.

        Args:
            run: Its id.
            name: Its name, for people.
            flow: The name of its flow.
        """
        key = f"history/{run}/run.json"
        self._store.write(key, seal(key, {"name": name, "flow": flow}))
        wait_for_gc(self._store)

    def heartbeat(self, run: str) -> None:
        """Record that a run is still at work, however long its steps take."""
        self._store.write(f"history/{run}/alive.json", b"{}")

    def record_step(self, run: str, step: Step) -> None:
        """Record that a run asked for a step."""
        write_step(self._store, run, step)

    def end(self, run: str) -> None:
        """Record that a run has got to its end: from now on it needs its last results only."""
        self._store.write(f"history/{run}/ended.json", b"{}")

    def stop(self, run: str) -> None:
        """Record that a run is not at work any more, ended or not, until it gives a heartbeat again."""
        self._store.write(f"history/{run}/stopped.json", b"{}")

    def runs(self) -> list[Run]:
        """List all runs, the newest first."""
        return self._load_runs(self._record_ages())

    def running_or_new(self, known: set[str]) -> list[Run]:
        """List the runs at work, and those, ended or not, whose ids are not among the known."""
        ages_by_run = self._record_ages()
        candidates = {
            run: ages
            for run, ages in ages_by_run.items()
            if run not in known or min(ages.values()) < _HEARTBEAT_EXPIRY
        }
        return [run for run in self._load_runs(candidates) if run.at_work or run.id not in known]

    def _record_ages(self) -> dict[str, dict[str, float]]:
        """The age in seconds of each record of each run, by the run's id."""
        ages_by_run: dict[str, dict[str, float]] = {}
        for key, _, age in self._store.sizes("history"):
            run, _, rest = key.removeprefix("history/").partition("/")
            if rest:
                ages_by_run.setdefault(run, {})[rest.removesuffix(".json")] = age
        return ages_by_run

    def _load_runs(self, ages_by_run: Mapping[str, Mapping[str, float]]) -> list[Run]:
        names = map_requests(self._read_names, list(ages_by_run))
        runs = [
            Run(
                id=run,
                name=name,
                flow=flow,
                keys=tuple(key for key in ages if "/" in key),
                age=min(age for key, age in ages.items() if key != "alive" or len(ages) == 1),
                heartbeat_age=_heartbeat_age(ages),
                ended="ended" in ages,
            )
            for (run, ages), (name, flow) in zip(ages_by_run.items(), names, strict=True)
        ]
        return sorted(runs, key=lambda run: run.age)

    def find(self, prefix: str) -> Run:
        """Find the run whose name or id begins with `prefix`, or the newest for `latest`.

        Raises:
            StoreError: If not exactly one does; the message names the newest runs.
        """
        runs = self.runs()
        matches = [
            run for run in runs if prefix and (run.name.startswith(prefix) or run.id.startswith(prefix))
        ]
        if prefix == "latest" and runs:
            return runs[0]
        if len(matches) != 1:
            known = ", ".join(map(str, runs[:10])) or "none yet"
            problem = "several runs are" if matches else "no run is"
            raise StoreError(f"store {self._store.url}: {problem} called {prefix!r}; there are: {known}")
        return matches[0]

    def steps(self, runs: Iterable[Run], stage: str = "") -> dict[str, Step]:
        """Read the steps of runs by key, each once, without damaged ones; with `stage` only those of one."""
        return {key: step for key, step in self.read_steps(runs, stage).items() if step}

    def read_steps(self, runs: Iterable[Run], stage: str = "") -> dict[str, Step | None]:
        """Read the steps of runs as `steps` does; None for one whose record is damaged."""
        wanted = [
            (run.id, key) for run in runs for key in run.keys if not stage or key.startswith(f"{stage}/")
        ]
        records = map_requests(lambda one: read_step(self._store, *one), wanted)
        steps: dict[str, Step | None] = {}
        for (_, key), step in zip(wanted, records, strict=True):
            steps[key] = step or steps.get(key)
        return steps

    def results(self, keys: Iterable[str]) -> dict[str, list[Artifact]]:
        """Read which artifacts steps have made, by the step's key; a step without a result is left out."""
        return {key: artifacts for key, artifacts in self.read_results(keys).items() if artifacts is not None}

    def read_results(self, keys: Iterable[str]) -> dict[str, list[Artifact] | None]:
        """Read the results as `results` does; None for one that is damaged."""

        def read(key: str) -> tuple[str, bool, list[Artifact] | None]:
            try:
                record = read_result(self._store, key, or_plain=True)
                return key, record is not None, None if record is None else result_artifacts(record)
            except Unproven:
                return key, True, None

        return {key: artifacts for key, there, artifacts in map_requests(read, list(keys)) if there}

    def _read_names(self, run: str) -> tuple[str, str]:
        """The name of a run and of its flow; blank where they are damaged."""
        key = f"history/{run}/run.json"
        try:
            fact = unseal(key, self._store.read(key) or b"", or_plain=True)
            return str(fact["name"]), str(fact["flow"])
        except (Unproven, KeyError, TypeError):
            return "", ""


def _heartbeat_age(ages: Mapping[str, float]) -> float:
    """The age of a run's newest sign of life; infinite where its record that it stops is newer."""
    age = min(ages.get(record, math.inf) for record in ("run", "alive"))
    return math.inf if ages.get("stopped", math.inf) < age else age


def write_step(store: Store, run: str, step: Step) -> None:
    """Write the record of a step of a run."""
    key = f"history/{run}/{step.key}.json"
    store.write(key, seal(key, step.model_dump(mode="json")))


def read_step(store: Store, run: str, key: str) -> Step | None:
    """Read the record of a step of a run; None where it is damaged or has gone."""
    record_key = f"history/{run}/{key}.json"
    try:
        value = unseal(record_key, store.read(record_key) or b"", or_plain=True)
        step = Step.model_validate(value)
        artifacts_in(step.parameters)  # of a record without a proof, some may not be artifacts
        return step if step.key == key else None
    except (Unproven, ValidationError):
        return None
