"""`jsl runs`, `models list` and `lineage`: what runs came to, and where a file or a knee is from."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.cli.main import main
from jsl_core.imaging.names import encode_name
from jsl_core.storage import Artifact, FolderStore, Registry, publish_all
from jsl_core.storage.history import History, Step

AUC = {"value": 0.7412, "low": 0.66, "high": 0.82}
FIGURES = {
    "models": {
        "kl": {"jsl": None, "kl": {"n": 60, "accuracy": {"value": 0.5, "low": 0.4, "high": 0.6}}},
        "jsl-joint": {"jsl": {"n": 58, "progressed": 21, "auc": AUC}, "kl": None},
        "risk-factors": {"jsl": {"n": 58, "progressed": 21, "auc": {**AUC, "value": 0.6}}, "kl": None},
    }
}


def record(store: FolderStore, run: str, stage: str, made: Artifact, **parameters: Any) -> None:
    step = Step(stage=stage, digest=f"{stage}-{run}", code={"jsl_core.imaging": "a"}, parameters=parameters)
    History(store).record_step(run, step)
    result = {"metadata": {}, "result": json.dumps({"__class__": "x", "data": made.model_dump()})}
    store.write(f"results/{step.key}", json.dumps(result).encode())


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """A run that is done, one at work, one that died before it published, and two without a folder."""
    store = FolderStore(tmp_path / "jsl-store")
    history = History(store)
    for run, flow in (("r1", "pipeline"), ("r2", "pipeline"), ("r3", "retrain"), ("r4", "score")):
        history.begin(run, f"name-{run}", flow)
    history.end("r1")
    history.end("r4")
    scan = Artifact.of_bytes(b"film", "film.dcm")
    png = store.put(b"joint", "1000001_1.png")
    joints = store.put(json.dumps([{"file": "film.dcm", "png": png.model_dump()}]).encode(), "joints.json")
    record(store, "r1", "crop", joints, scan=scan.model_dump())
    report = store.put(b"<html>", "report.html")
    papers = store.put(json.dumps({"tree": {"report.html": report.model_dump()}}).encode(), "report.json")
    record(store, "r1", "report", papers, joints=joints.model_dump())
    figures = store.put(json.dumps(FIGURES).encode(), "metrics.json")
    folder = f"joints/{joints.sha256[:12]}"
    publish_all(store, store, {f"{folder}/{encode_name('1000001_1')}.png": png}, f"{folder}/published.json")
    for key, file in (("report.html", report), ("metrics.json", figures)):
        store.publish(file, f"runs/20260131T080000Z-lab/{key}")
    runs = {
        "20260131T080000Z-lab": {
            "id": "r1", "started": "2026-01-31T08:00:00+00:00", "joints": folder,
            "models": {"kl": "models/kl/aaaa11112222", "jsl-joint": "models/jsl-joint/bbbb11112222"},
            "report": "runs/20260131T080000Z-lab/report.html",
        },
        "20260131T090000Z-lab": {"id": "r2", "started": "2026-01-31T09:00:00+00:00"},
        "20260131T100000Z-lab": {"id": "gone", "started": "2026-01-31T10:00:00+00:00"},
    }  # fmt: skip
    for name, about in runs.items():
        store.write(f"runs/{name}/run.json", json.dumps(about).encode())
    latest = {"run": "runs/20260131T080000Z-lab", "report": "runs/20260131T080000Z-lab/report.html"}
    store.write("runs/latest.json", json.dumps(latest).encode())
    return store


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    with pytest.raises(SystemExit) as ended:
        main(words)
    said = capsys.readouterr()
    assert ended.value.code in (0, None), said.err
    return said.out.splitlines()


def test_runs_are_listed_newest_first_with_how_each_stands_and_its_best_figures(
    store: FolderStore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(store.root.parent)  # where `jsl run` has made the store
    lines = printed(capsys, "runs")
    assert [line.split()[:2] for line in lines if not line.startswith(" ")] == [
        ["stopped", "20260131T100000Z-lab"],
        ["running", "20260131T090000Z-lab"],
        ["done", "20260131T080000Z-lab"],
        ["done", "name-r4"],
        ["running", "name-r3"],
    ]
    assert (
        lines[3]
        == "        AUC 0.74 [0.66–0.82], 21 of 58 progressed; KL accuracy 0.50 [0.40–0.60], 60 knees"
    )
    assert max(map(len, lines)) <= 90


def test_a_damaged_record_of_a_run_hides_no_other_run(
    store: FolderStore, capsys: pytest.CaptureFixture[str]
) -> None:
    store.write("runs/20260131T100000Z-lab/run.json", b"\0[")
    store.write("runs/20260131T080000Z-lab/metrics.json", b"{")
    lines = printed(capsys, "runs", "--store", store.url)
    assert sum("Z-lab" in line for line in lines) == 3


def test_models_of_runs_are_listed_beside_those_of_the_registry(
    store: FolderStore, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = store.put(b"{}", "bundle.json")
    version = Registry(store).register("multitask", bundle, {})
    lines = printed(capsys, "models", "list", "--store", store.url)
    assert lines[0].split()[:2] == ["multitask", version.name]
    assert [line.split() for line in lines[1:4:2]] == [
        ["kl", "aaaa11112222", "run", "20260131T080000Z-lab"],
        ["jsl-joint", "bbbb11112222", "run", "20260131T080000Z-lab"],
    ]
    assert lines[4].strip() == "AUC 0.74 [0.66–0.82], 21 of 58 progressed"


@pytest.mark.parametrize(
    "name",
    [
        "1000001_1",
        "runs/latest/report.html",
        "latest",
        "jsl-store/runs/latest/report.html",
        "{store}/runs/20260131T080000Z-lab/report.html",
        "copy.html",
    ],
)
def test_a_knee_a_key_and_a_file_are_followed_down_to_the_film(
    name: str, store: FolderStore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(store.root.parent)
    (store.root.parent / "copy.html").write_bytes(b"<html>")  # a report that was taken elsewhere
    lines = printed(capsys, "lineage", name.format(store=store.root), "--store", store.url)
    assert lines[0].split()[0] == ("1000001_1.png" if name == "1000001_1" else "report.html")
    assert any("film.dcm" in line for line in lines)
    assert any("by crop (code " in line and line.endswith("1 modules)") for line in lines)


@pytest.mark.parametrize(
    "name", ["1000009_1", "runs/latest/nothing", "../jsl-store/runs", "", "x" * 5000, "\0"]
)
def test_what_stands_for_nothing_is_one_line(
    name: str, store: FolderStore, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["lineage", name, "--store", store.url])
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "name one, such as runs/latest/report.html or 1000001_1" in line
