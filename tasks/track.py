"""Curves, figures and models on their way to MLflow or TensorBoard; a tracker that is away stops no run."""

import io
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from prefect import get_run_logger

from jsl_core import __version__
from jsl_core.config import PipelineSettings
from jsl_core.config.tables import flatten_table
from jsl_core.evaluation.trackers import TrackedModel, TrackedRun, figures_of, open_tracker
from jsl_core.storage import Artifact, Store, tree_files

__all__ = ["track"]

_NAMES_PARTICIPANTS = ("predictions.csv",)
_PAPERS = ("report.html", "metrics.json")


def track(
    run: str,
    dataset: Artifact,
    models: Mapping[str, Artifact],
    summary: Mapping[str, Any],
    files: Mapping[str, Artifact],
    settings: PipelineSettings,
    store: Store,
) -> None:
    """Send a run to the tracker that its settings name, and log where it is, or why it is not.

    Args:
        run: The name of its folder below `runs/`.
        dataset: What its models were trained on.
        models: By regime.
        summary: Their evaluation.
        files: What lies in the run's folder, by name.
        settings: The run's.
        store: Where all of that lies.
    """
    if not settings.tracker:
        return
    kind = settings.tracker.partition(":")[0]
    try:
        tracker = open_tracker(settings.tracker)
        assert tracker is not None
        with tempfile.TemporaryDirectory() as folder:
            tracked = TrackedRun(
                name=run,
                group=settings.name,
                settings=_as_text(settings),
                facts={"dataset": dataset.sha256, "version": __version__},
                models=[_model(name, model, summary, store, Path(folder)) for name, model in models.items()],
                papers={name: store.fetch(files[name], Path(folder, name)) for name in _PAPERS},
            )
            get_run_logger().info("tracker: %s", tracker.send(tracked))
    except Exception as error:  # whatever a tracker and its library make of it: the run itself is done
        line = " ".join(str(error).split())[:300]
        get_run_logger().warning("tracker: %s got nothing (%s: %s)", kind, type(error).__name__, line)


def _as_text(settings: PipelineSettings) -> dict[str, str]:
    """The settings by dotted names, without places, whose folders may name people."""
    table = flatten_table(settings.without_locations().model_dump(mode="json", exclude={"sources"}))
    return {name: str(value) for name, value in table.items()}


def _model(
    name: str, model: Artifact, summary: Mapping[str, Any], store: Store, folder: Path
) -> TrackedModel:
    files = tree_files(store, model)
    curve = files.get("history.csv")
    shareable = {path: file for path, file in files.items() if Path(path).name not in _NAMES_PARTICIPANTS}
    return TrackedModel(
        regime=name,
        digest=model.sha256,
        curves=pd.read_csv(io.BytesIO(store.get(curve))) if curve else pd.DataFrame(),
        figures=figures_of(summary, name),
        files={path: store.fetch(file, folder / name / path) for path, file in shareable.items()},
    )
