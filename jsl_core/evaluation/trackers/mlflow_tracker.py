"""Runs for MLflow, in a folder or on a server: one run each, with a run below it for each model."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NAME

from jsl_core.evaluation.trackers.content import TrackedModel, TrackedRun

__all__ = ["MlflowTracker"]

T = TypeVar("T")

_MOST_METRICS, _MOST_PARAMS = 900, 90  # of a request, which takes 1000 and 100
_LONGEST = 5000  # letters of a parameter's value
_RUN, _MODEL = "jsl.run", "jsl.model"  # tags by which a run is found again
_HURRY = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}  # else half an hour


class MlflowTracker:
    """Sends runs by MLflow's client; name and password are those of MLflow's own environment variables."""

    def __init__(self, address: str) -> None:
        """Open a tracker.

        Args:
            address: Such as `http://host:5000`, or `file:///folder`.
        """
        for name, value in _HURRY.items():
            os.environ.setdefault(name, value)
        if address.startswith("file:") or "://" not in address:
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # which later versions want to be told
        self._address = address
        self._client = MlflowClient(tracking_uri=address)

    def send(self, run: TrackedRun) -> str:
        """Send a run and its models; what has been sent whole before stays as it is."""
        experiment = self._experiment(f"JSL {run.group}")
        tags = {_RUN: run.name, **{f"jsl.{name}": value for name, value in run.facts.items()}}
        parent, is_new = self._begin(experiment, tags | {_MODEL: ""}, run.name)
        if is_new:
            self._log_settings(parent, run.settings)
            self._log_files(parent, run.papers, "report")
        for model in run.models:
            own = tags | {_MODEL: model.regime, "jsl.digest": model.digest, MLFLOW_PARENT_RUN_ID: parent}
            self._send_model(experiment, own, model)
        if is_new:
            self._client.set_terminated(parent)
        return f"MLflow, experiment JSL {run.group}, run {run.name}"

    def _send_model(self, experiment: str, tags: Mapping[str, str], model: TrackedModel) -> None:
        run, is_new = self._begin(experiment, tags, model.regime)
        if not is_new:
            return
        now = int(time.time() * 1000)
        curves = [
            Metric(str(name), float(value), now, int(row["epoch"]))
            for row in model.curves.to_dict("records")
            for name, value in row.items()
            if name not in ("epoch", "kept") and value == value
        ]
        figures = [Metric(name, value, now, 0) for name, value in model.figures.items()]
        for metrics in _batches([*curves, *figures], _MOST_METRICS):
            self._client.log_batch(run, metrics=metrics)
        self._log_files(run, model.files, "bundle")
        self._client.set_terminated(run)

    def _experiment(self, name: str) -> str:
        existing = self._client.get_experiment_by_name(name)
        return existing.experiment_id if existing else self._client.create_experiment(name)

    def _begin(self, experiment: str, tags: Mapping[str, str], name: str) -> tuple[str, bool]:
        """The id of the run with these tags, and whether it is still to be filled; a torso is replaced."""
        wanted = " and ".join(f"tags.`{tag}` = '{tags[tag]}'" for tag in (_RUN, _MODEL))
        found: Iterable[Run] = self._client.search_runs([experiment], wanted)
        for run in found:
            if run.info.status == "FINISHED":
                return run.info.run_id, False
            self._client.delete_run(run.info.run_id)
        created = self._client.create_run(experiment, tags={**tags, MLFLOW_RUN_NAME: name})
        return created.info.run_id, True

    def _log_settings(self, run: str, settings: Mapping[str, str]) -> None:
        params = [Param(name, value[:_LONGEST]) for name, value in settings.items()]
        for some in _batches(params, _MOST_PARAMS):
            self._client.log_batch(run, params=some)

    def _log_files(self, run: str, files: Mapping[str, Path], below: str) -> None:
        """Send files under their own names, which those of the store are not."""
        with tempfile.TemporaryDirectory() as folder:
            for name, path in files.items():
                place = Path(folder, name)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, place)
            self._client.log_artifacts(run, folder, below)


def _batches(items: list[T], most: int) -> list[list[T]]:
    return [items[start : start + most] for start in range(0, len(items), most)]
