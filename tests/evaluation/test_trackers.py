"""Trackers get a run's curves, figures and models, once, and nothing that names a participant."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from flows.cli.main import main
from jsl_core.config import PipelineSettings, load_pipeline
from jsl_core.errors import BadSettings
from jsl_core.evaluation.trackers import TrackedModel, TrackedRun, figures_of, open_tracker
from jsl_core.storage import FolderStore, put_tree
from tasks import track as tracking

CURVES = pd.DataFrame(
    {"epoch": [1, 2], "lr": 0.1, "train_loss": [0.9, 0.7], "val_auc": [0.6, 0.7], "kept": True}
)
AUC = {"value": 0.74, "low": 0.66, "high": None}
SUMMARY = {
    "part": "test",
    "models": {"jsl-image": {"jsl": {"n": 58, "progressed": 21, "auc": AUC}, "kl": None}},
}


@pytest.fixture
def run(tmp_path: Path) -> TrackedRun:
    (tmp_path / "a").write_text("{}")
    model = TrackedModel(
        "jsl-image", "f" * 64, CURVES, figures_of(SUMMARY, "jsl-image"), {"b/bundle.json": tmp_path / "a"}
    )
    facts = {"dataset": "d" * 64, "version": "1"}
    settings = {"training.seed": "0", "training.backbone": "jslnet"}
    return TrackedRun(
        "20260131T080000Z-lab", "lab", settings, facts, [model], {"report.html": tmp_path / "a"}
    )


def test_figures_have_their_names_numbers_and_ends() -> None:
    assert figures_of(SUMMARY, "jsl-image") == {
        "test_jsl_n": 58.0,
        "test_jsl_progressed": 21.0,
        "test_auc": 0.74,
        "test_auc_low": 0.66,
    }
    assert figures_of(SUMMARY, "kl") == {}


@pytest.mark.parametrize(
    "tracker",
    [
        "mlflow",
        "mlflow:",
        "wandb:x",
        "tensorboard:relative",
        "mlflow:http://me:secret@host",
        "mlflow:https://me@host/x",
    ],
)
def test_a_setting_that_names_no_tracker_or_has_a_password_is_one_line(
    tracker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--tracker", tracker])
    (line,) = capsys.readouterr().err.splitlines()
    assert "write mlflow:ADDRESS without a password" in line
    with pytest.raises(BadSettings):
        load_pipeline(options={"tracker": tracker})


def test_no_result_depends_on_the_tracker() -> None:
    tracked = PipelineSettings(tracker="tensorboard:/curves")
    assert tracked.without_locations() == PipelineSettings().without_locations()


def test_without_its_package_a_tracker_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "mlflow", None)
    monkeypatch.delitem(
        __import__("sys").modules, "jsl_core.evaluation.trackers.mlflow_tracker", raising=False
    )
    with pytest.raises(BadSettings, match="install it with pip install mlflow-skinny"):
        open_tracker("mlflow:file:///x")


class Recorder:
    """A tracker that keeps what it gets, or is away."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.run = error, None

    def send(self, run: TrackedRun) -> str:
        if self.error:
            raise self.error
        self.run = run
        self.files = {name: path.read_bytes() for name, path in run.models[0].files.items()}
        return "here"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []

    def log(line: str, *words: object) -> None:
        lines.append(line % words)

    monkeypatch.setattr(tracking, "get_run_logger", lambda: SimpleNamespace(info=log, warning=log))
    return lines


def send(recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FolderStore(tmp_path / "store")
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "bundle.json").write_text("{}")
    (bundle / "history.csv").write_text(CURVES.to_csv(index=False))
    (bundle / "predictions.csv").write_text("ID\n1000001_1\n")
    model = put_tree(store, bundle, "jsl-image.json")
    files = {
        "report.html": store.put(b"<html>", "r"),
        "metrics.json": store.put(json.dumps(SUMMARY).encode(), "m"),
    }
    settings = PipelineSettings(name="lab", tracker="tensorboard:/curves", scans="/home/doe/films")
    monkeypatch.setattr(tracking, "open_tracker", lambda setting: recorder)
    tracking.track("20260131T080000Z-lab", model, {"jsl-image": model}, SUMMARY, files, settings, store)


def test_a_run_is_sent_with_its_curves_and_bundle_and_without_participants_and_places(
    tmp_path: Path, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder()
    send(recorder, tmp_path, monkeypatch)
    assert lines == ["tracker: here"]
    run: Any = recorder.run
    assert set(recorder.files) == {"bundle.json", "history.csv"}
    assert run.models[0].curves["train_loss"].tolist() == [0.9, 0.7]
    assert run.models[0].figures["test_auc"] == 0.74
    assert "1000001" not in repr(recorder.files)
    assert "doe" not in repr(run.settings)


def test_a_tracker_that_is_away_is_told_and_stops_nothing(
    tmp_path: Path, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    send(Recorder(ConnectionError("refused\n" * 200)), tmp_path, monkeypatch)
    (line,) = lines
    assert line.startswith("tracker: tensorboard got nothing (ConnectionError: refused refused")
    assert len(line) < 400


def test_mlflow_has_a_run_with_one_below_it_for_each_model_and_each_once(
    run: TrackedRun, tmp_path: Path
) -> None:
    mlflow = pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    address = (tmp_path / "mlruns").as_uri()
    for _ in range(2):
        tracker = open_tracker(f"mlflow:{address}")
        assert tracker is not None
        assert tracker.send(run) == "MLflow, experiment JSL lab, run 20260131T080000Z-lab"
    client = mlflow.MlflowClient(address)
    experiment = client.get_experiment_by_name("JSL lab").experiment_id
    runs = {one.info.run_name: one for one in client.search_runs([experiment])}
    assert set(runs) == {"20260131T080000Z-lab", "jsl-image"}
    parent, model = runs["20260131T080000Z-lab"], runs["jsl-image"]
    assert parent.data.params == run.settings
    assert model.data.tags["mlflow.parentRunId"] == parent.info.run_id
    history = client.get_metric_history(model.info.run_id, "train_loss")
    assert [(metric.step, metric.value) for metric in history] == [(1, 0.9), (2, 0.7)]
    assert model.data.metrics["test_auc"] == 0.74
    assert [one.path for one in client.list_artifacts(model.info.run_id, "bundle/b")] == [
        "bundle/b/bundle.json"
    ]


def test_tensorboard_has_the_curves_and_figures_of_each_model(run: TrackedRun, tmp_path: Path) -> None:
    events = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="the extra tensorboard is not installed",
    )
    for _ in range(2):
        tracker = open_tracker(f"tensorboard:{tmp_path / 'curves'}")
        assert tracker is not None
        tracker.send(run)
    assert [path.name for path in (tmp_path / "curves").iterdir()] == [run.name]
    read = events.EventAccumulator(str(tmp_path / "curves" / run.name / "jsl-image"))
    read.Reload()
    assert [(one.step, round(one.value, 6)) for one in read.Scalars("curves/train_loss")] == [
        (1, 0.9),
        (2, 0.7),
    ]
    assert round(read.Scalars("figures/test_auc")[0].value, 6) == 0.74
