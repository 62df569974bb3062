"""What the stages of one run have made so far, read back from its store."""

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from jsl_core.errors import StoreError
from jsl_core.scans.rows import Row
from jsl_core.storage import Artifact, Store, tree_files
from jsl_core.storage.history import History, Run
from jsl_core.storage.run_folders import run_in_folder
from jsl_core.system.spreadsheet import read_csv

__all__ = ["RunTables", "find_run", "read_run_tables"]

_LATEST = "latest"
_SHOWN = ("convert", "pack")  # stages of which a run has one, if there is anything to look at
_STAGES = ("convert", "split", "crop", "measure", "gather", "pack", "train")


@dataclass(frozen=True)
class RunTables:
    """The rows and tables of a run; what it has not made yet is empty.

    Attributes:
        run: The run.
        films: Rows of the convert stage.
        knees: Of the split stage.
        joints: Of the crop stage.
        gathered: Of these, the ones that the gather stage kept, with their visits.
        widths: Of the measure stage.
        rejected: file, ID, reason, sentence of what the gather stage left out, too.
        dataset: The packed dataset's tree.
        table: Its table.
        models: Trees of bundles by regime.
        predictions: Their `predictions.csv`.
        missing: How many of its tables cannot be read: they are gone, or damaged.
    """

    run: Run
    films: list[Row] = field(default_factory=list)
    knees: list[Row] = field(default_factory=list)
    joints: list[Row] = field(default_factory=list)
    gathered: list[Row] = field(default_factory=list)
    widths: list[Row] = field(default_factory=list)
    rejected: pd.DataFrame = field(default_factory=pd.DataFrame)
    dataset: Artifact | None = None
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    models: Mapping[str, Artifact] = field(default_factory=dict)
    predictions: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    missing: int = 0


def find_run(store: Store, name: str) -> Run:
    """Find a run that has something to look at.

    Args:
        store: The store.
        name: Its name, id or folder, or how one begins; `latest` for the newest.

    Raises:
        StoreError: If there is none.
    """
    history = History(store)
    if name != _LATEST:
        return history.find(run_in_folder(store, name) or name)
    for run in history.runs():
        if any(key.startswith(tuple(f"{stage}/" for stage in _SHOWN)) for key in run.keys):
            return run
    raise StoreError(
        f"store {store.url}: no run has films or a dataset yet; start one with jsl run, then review it"
    )


def read_run_tables(store: Store, run: Run) -> RunTables:
    """Read what a run has made so far; what is missing or damaged is left out and counted."""
    history, reader = History(store), _Reader(store)
    keys = [key for key in run.keys if key.partition("/")[0] in _STAGES]
    made: dict[str, list[tuple[str, list[Artifact]]]] = {}
    for key, artifacts in sorted(history.read_results(keys).items()):
        stage = key.partition("/")[0]
        if artifacts is None:
            reader.missing += 1
        else:
            made.setdefault(stage, []).append((key, artifacts))
    rows = {
        stage: reader.rows(artifacts[0] for _, artifacts in made.get(stage, ()))
        for stage in ("convert", "split", "crop", "measure")
    }
    gathered = reader.rows(
        artifact
        for _, artifacts in made.get("gather", ())
        for artifact in artifacts
        if artifact.name == "joints.json"
    )
    rejected = [
        table
        for _, artifacts in made.get("gather", ())
        for artifact in artifacts
        if artifact.name == "rejected.csv" and (table := reader.table(artifact)) is not None
    ]
    dataset, table = _newest_dataset(reader, [artifacts[0] for _, artifacts in made.get("pack", ())])
    models = {Path(tree.name).stem: tree for _, (tree, *_) in made.get("train", ())}
    predictions = {
        name: predicted
        for name, tree in models.items()
        if (predicted := reader.file_of_tree(tree, "predictions.csv")) is not None
    }
    return RunTables(
        run=run,
        films=rows["convert"],
        knees=rows["split"],
        joints=rows["crop"],
        gathered=gathered,
        widths=rows["measure"],
        rejected=pd.concat(rejected) if rejected else pd.DataFrame(columns=["file", "ID", "reason"]),
        dataset=dataset,
        table=table if table is not None else pd.DataFrame(),
        models=models,
        predictions=predictions,
        missing=reader.missing,
    )


def _newest_dataset(reader: "_Reader", trees: list[Artifact]) -> tuple[Artifact | None, pd.DataFrame | None]:
    """The largest of the datasets: a retraining also packs its champion's."""
    tables = [(tree, reader.file_of_tree(tree, "table.csv")) for tree in trees]
    whole = [(tree, table) for tree, table in tables if table is not None]
    return max(whole, key=lambda pair: len(pair[1]), default=(None, None))


class _Reader:
    """Reads artifacts of a store that may still be written to, and counts those that cannot be read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.missing = 0

    def rows(self, tables: Iterable[Artifact]) -> list[Row]:
        """The rows of tables; each table once."""
        rows: list[Row] = []
        for table in {table.sha256: table for table in tables}.values():
            data = self._read(table)
            rows += json.loads(data) if data else []
        return rows

    def table(self, artifact: Artifact) -> pd.DataFrame | None:
        data = self._read(artifact)
        return None if data is None else read_csv(io.BytesIO(data))

    def file_of_tree(self, tree: Artifact, name: str) -> pd.DataFrame | None:
        """A table in a tree; None where there is none."""
        try:
            files: Mapping[str, Any] = tree_files(self._store, tree)
        except StoreError:
            self.missing += 1
            return None
        return self.table(files[name]) if name in files else None

    def _read(self, artifact: Artifact) -> bytes | None:
        try:
            return self._store.get(artifact)
        except StoreError:
            self.missing += 1
            return None
