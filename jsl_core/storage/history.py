"""Which steps each run asked for, and what each step's key was made of: kept beside what the steps made."""

import json
import math
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from jsl_core.errors import StoreError
from jsl_core.storage.artifact import Artifact
from jsl_core.storage.gc_lock import await_removal
from jsl_core.storage.interface import Store
from jsl_core.storage.memo import artifacts_in

__all__ = ["History", "Run", "Step"]

_HANDS = 16
_SILENT = 300.0  # seconds without a sign of life after which a run is not at work; it gives one a minute


class Step(BaseModel):
    """One task of a run: its key is the digest of what stands here.

    `code` gives the digest of each part of the code by name; `parameters` is JSON, artifacts within.
    """

    model_config = ConfigDict(frozen=True)

    stage: str
    digest: str
    code: dict[str, str]
    parameters: dict[str, Any]

    @property
    def key(self) -> str:
        """The name of its result."""
        return f"{self.stage}/{self.digest}"

    @property
    def inputs(self) -> list[Artifact]:
        return artifacts_in(self.parameters)


@dataclass(frozen=True)
class Run:
    """A run with the keys of its steps; `age` in seconds since it last asked for one, `silent` since it last
    gave a sign of life. `ended`: to the end.
    """

    id: str
    name: str
    flow: str
    keys: tuple[str, ...]
    age: float
    silent: float
    ended: bool

    @property
    def at_work(self) -> bool:
        return not self.ended and self.silent < _SILENT

    def __str__(self) -> str:
        return f"{self.name} ({self.flow}, {self.id[:8]})"


class History:
    """The runs of a store, below `history/`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(self, run: str, name: str, flow: str) -> None:
        """Note that a run is at work, before it reads anything; doing so again changes nothing.

        Returns when no removal is at work: what the run will find, it will keep.
        """
        self._store.write(f"history/{run}/run.json", json.dumps({"name": name, "flow": flow}).encode())
        await_removal(self._store)

    def beat(self, run: str) -> None:
        """Note that a run is still at work, however long its steps take."""
        self._store.write(f"history/{run}/alive.json", b"{}")

    def note(self, run: str, step: Step) -> None:
        self._store.write(f"history/{run}/{step.key}.json", step.model_dump_json().encode())

    def end(self, run: str) -> None:
        """Note that a run has got to its end: it needs nothing more of what no other run keeps."""
        self._store.write(f"history/{run}/ended.json", b"{}")

    def runs(self) -> list[Run]:
        """All runs, the newest first."""
        return self._told(self._ages())

    def newcomers(self, known: set[str]) -> list[Run]:
        """The runs at work, and those, at work or already through, whose ids are not among the known."""
        found = self._ages()
        fresh = {run: ages for run, ages in found.items() if run not in known or min(ages.values()) < _SILENT}
        return [run for run in self._told(fresh) if run.at_work or run.id not in known]

    def _ages(self) -> dict[str, dict[str, float]]:
        """Seconds since each note of each run."""
        found: dict[str, dict[str, float]] = {}
        for key, _, age in self._store.sizes("history"):
            _, run, rest = key.split("/", 2)
            found.setdefault(run, {})[rest.removesuffix(".json")] = age
        return found

    def _told(self, found: Mapping[str, Mapping[str, float]]) -> list[Run]:
        facts = self._read(f"history/{run}/run.json" for run in found)
        runs = [
            Run(
                id=run,
                name=fact.get("name", ""),
                flow=fact.get("flow", ""),
                keys=tuple(key for key in ages if "/" in key),
                age=min(age for key, age in ages.items() if key != "alive" or len(ages) == 1),
                silent=min(ages.get(sign, math.inf) for sign in ("run", "alive")),
                ended="ended" in ages,
            )
            for (run, ages), fact in zip(found.items(), facts, strict=True)
        ]
        return sorted(runs, key=lambda run: run.age)

    def find(self, start: str) -> Run:
        """The run whose name or id starts so; `latest`: the newest. Raises StoreError with what there is."""
        runs = self.runs()
        fits = [run for run in runs if start and (run.name.startswith(start) or run.id.startswith(start))]
        if start == "latest" and runs:
            return runs[0]
        if len(fits) != 1:
            known = ", ".join(map(str, runs[:10])) or "none yet"
            what = "several runs are" if fits else "no run is"
            raise StoreError(f"store {self._store.url}: {what} called {start!r}; there are: {known}")
        return fits[0]

    def steps(self, runs: Iterable[Run], stage: str = "") -> dict[str, Step]:
        """The steps of runs by key, each once; with `stage` only those of one stage."""
        where = {
            key: f"history/{run.id}/{key}.json"
            for run in runs
            for key in run.keys
            if not stage or key.startswith(f"{stage}/")
        }
        return {
            key: Step.model_validate(step)
            for key, step in zip(where, self._read(where.values()), strict=True)
            if step
        }

    def results(self, keys: Iterable[str]) -> dict[str, list[Artifact]]:
        """The artifacts that steps have made, by the step's key; a step without a result is left out."""
        keys = list(keys)
        records = self._read(f"results/{key}" for key in keys)
        return {
            key: artifacts_in(json.loads(record["result"]))
            for key, record in zip(keys, records, strict=True)
            if "result" in record
        }

    def _read(self, keys: Iterable[str]) -> list[dict[str, Any]]:
        """Each note; an empty one for what is not there, or damaged."""
        with ThreadPoolExecutor(_HANDS) as pool:
            return [_parsed(data) for data in pool.map(self._store.read, keys)]


def _parsed(data: bytes | None) -> dict[str, Any]:
    try:
        note = json.loads(data or b"{}")
    except ValueError:  # a power cut may leave a file's name without its bytes
        return {}
    return note if isinstance(note, dict) else {}
