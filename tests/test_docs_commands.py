"""Every command block of the documents is run as it is printed, in a folder with what the documents assume.

Films are phantoms, and trainings and drawings are made small once the settings have been read. What cannot be
run here is listed with its reason; a new block that is neither run nor listed fails.
"""

import glob
import os
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import boto3
import cv2
import pandas as pd
import pytest
import torch
from documents import DOCUMENTS, ROOT, blocks, lines
from starlette.testclient import TestClient

import jsl_core.phantom
import jsl_core.phantom.oai
from deployments.review.desk import Desk
from flows.cli.commands import pipeline as commands_of_runs
from flows.cli.main import main
from jsl_core.config import (
    DetectorTrainSettings,
    Lab,
    PhantomSettings,
    PipelineSettings,
    SideTrainSettings,
    TrainingSettings,
)
from jsl_core.detection.training import side, sources, train
from jsl_core.phantom import write_phantom
from jsl_core.phantom.oai import write_oai_release
from jsl_core.review.acts import Subject
from jsl_core.storage import FolderStore, put_tree
from jsl_core.storage.registry import Registry
from tests.learning.test_notebook_files import WithFactors
from tests.storage.servers import moto_server

# How a line begins, and why it is not run here. tests/test_docs.py parses it all the same.
NOT_RUN = {
    "make ": "installs, or runs these tests; CI runs make check, make docs and make test",
    "git clone": "fetches the repository",
    "pip install": "installs; tests/matrix.sh does",
    "docker ": "needs Docker",
    "cp docker/.env.example": "belongs to docker compose, which needs Docker",
    "kubectl ": "needs a cluster",
    "helm ": "needs a cluster",
    "#!/bin/bash": "needs Slurm",
    "#SBATCH": "needs Slurm",
    "exec srun": "needs Slurm",
    "export PREFECT_API_URL=http://SERVER": "names a server of the reader's",
    "export PREFECT_API_URL=http://127.0.0.1:4200": "names a server in a cluster",
    "jsl deploy --pools kubernetes": "needs a cluster; tests/deployments/test_kubernetes.py deploys",
    "prefect ": "needs a server; tests/deployments/test_up.py has workers",
    "jsl up": "serves until Ctrl-C; tests/deployments/lab.py starts it",
    "API=": "needs jsl up; tests/deployments/test_rest.py runs this block",
    "ID=": "needs jsl up; tests/deployments/test_rest.py runs this block",
    "curl ": "needs jsl up; tests/deployments/test_rest.py runs this block",
    "jsl bench learning_value": "takes hours",
    "jsl run --scans RELEASE": "needs replaced knees; tests/flows/test_pipeline_times.py has some",
    "python tests/benchmarks/": "takes minutes to hours",
    "python -m jsl_core.width.training": "takes hours; tests/width/test_network_for_margins.py trains",
}
RUN_ELSEWHERE = {"pacs.md": ROOT / "tests" / "pacs" / "test_document.py"}
OWN = ".venv/bin/"  # where `make demo` has put jsl
README = ROOT / "README.md"


def reason_not_to_run(line: str) -> str | None:
    return next((reason for start, reason in NOT_RUN.items() if line.startswith((start, OWN + start))), None)


BLOCKS = [
    pytest.param(block, id=f"{path.name}-{number}")
    for path in DOCUMENTS
    if path.name not in RUN_ELSEWHERE
    for number, block in enumerate(blocks(path.read_text()), start=1)
    if not all(reason_not_to_run(line) for line in lines(block) if line.strip())
]


def run(command: str) -> None:
    """Run a command of jsl in this process, and expect that it does what it should."""
    words = shlex.split(command, comments=True)
    with pytest.raises(SystemExit) as ended:
        main([*chain.from_iterable(glob.glob(word) or [word] for word in words)])
    assert ended.value.code == 0, command


def small(settings: PipelineSettings) -> PipelineSettings:
    """The run with the same inputs and models, of the least effort."""
    asked = settings.training
    once = {
        name.replace("-", "_"): getattr(asked, name.replace("-", "_")).model_copy(
            update={"epochs": 1, "batch": 16, "freeze_epochs": 0, "small_epochs": 0, "balance": "none"}
        )
        for name in TrainingSettings().regimes
    }
    training = TrainingSettings(
        regimes=asked.regimes, baseline=asked.baseline, factors=asked.factors, jsl_loss=asked.jsl_loss,
        weights="none", augment="none", device="cpu",
    )  # fmt: skip
    return settings.model_copy(
        update={
            "training": training.model_copy(update=once),
            "pack": settings.pack.model_copy(update={"size": 32}),
            "evaluate": settings.evaluate.model_copy(update={"bootstrap": 20, "gallery": 0}),
            "jobs": 1,
            "max_rejected": 1.0,
        }
    )


def shrink(value: Any) -> Any:
    """Settings of the least effort; anything else as it is."""
    match value:
        case DetectorTrainSettings():
            return value.model_copy(
                update={"epochs": 1, "films_per_epoch": 4, "batch": 2, "phantoms": min(value.phantoms, 4)}
            )
        case SideTrainSettings():
            return value.model_copy(
                update={"epochs": 1, "pictures_per_epoch": 16, "batch": 8, "phantoms": 2, "device": "cpu"}
            )
        case PhantomSettings():
            return value.model_copy(update={"patients": min(value.patients, 2), "long_side": (400, 500)})
    return value


@pytest.fixture(scope="module")
def effort() -> Iterator[pytest.MonkeyPatch]:
    """What commands do once they have read their settings is made small."""
    with pytest.MonkeyPatch.context() as patch:
        load_pipeline, load_lab = commands_of_runs.load_pipeline, commands_of_runs.load_lab

        def load_small_lab(*arguments: Any) -> Lab:
            lab = load_lab(*arguments)
            return replace(lab, settings=small(lab.settings))

        patch.setattr(commands_of_runs, "load_pipeline", lambda *words: small(load_pipeline(*words)))
        patch.setattr(commands_of_runs, "load_lab", load_small_lab)
        for module, name in (
            (sources, "open_sources"),
            (train, "train_detector"),
            (side, "train_side"),
            (jsl_core.phantom, "write_phantom"),
            (jsl_core.phantom.oai, "write_oai_release"),
        ):
            patch.setattr(module, name, with_small_settings(getattr(module, name)))
        patch.setattr(sources, "VALIDATION_COMPOSITES", 2)
        patch.setattr("os.sched_getaffinity", lambda process: {0})  # worker processes take seconds to start
        patch.setattr("uvicorn.run", look_at_once)
        yield patch


def with_small_settings(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments, **options: function(*map(shrink, arguments), **options)


def look_at_once(app: Any, **_: Any) -> None:
    """Ask for the first page in place of serving until Ctrl-C."""
    assert TestClient(app, base_url="http://127.0.0.1").get("/").status_code == 200


@pytest.fixture(scope="module")
def assumed(prefect: None, effort: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that the documents' commands begin from, under the names that they give it."""
    folder = tmp_path_factory.mktemp("documents")
    effort.chdir(folder)
    draw_films(folder)
    run("convert films FILMS")
    run("split FILMS KNEES")
    run("crop scans crops --full-film")
    sort_by_grade(folder)
    run("cohort FOLDER cohort.csv")
    run("cohort FOLDER knee_kl224/cohort.csv")
    run("crop FILMS boxes --full-film")
    shutil.copy("boxes/boxes.csv", folder)
    run("measure films widths_00")
    shutil.copytree("widths_00", "widths_06")
    run("detector export darknet --format darknet")
    Path("darknet/knee.cfg").rename("yolov4-joint.cfg")
    Path("darknet/knee.weights").rename("yolov4-joint_best.weights")
    torch.save(WithFactors().state_dict(), "joint_model.pt")
    (settings,) = re.findall(r"^```toml\n(# pipeline.toml\n.*?)^```$", README.read_text(), re.M | re.S)
    Path("pipeline.toml").write_text(settings)
    run("run pipeline.toml")
    store = FolderStore(folder / "jsl-store")
    register_versions(store)
    review(store)
    shutil.copy("jsl-store/corrections.csv", folder)
    shutil.copytree("jsl-store", "lab")
    return folder


def draw_films(folder: Path) -> None:
    """Films of 16 participants beside a table of 20, three films by themselves, and a release of the OAI."""
    films = PhantomSettings(patients=20, seed=3, long_side=(400, 500))
    write_phantom(folder, films, jobs=1)
    for scan in sorted((folder / "scans").iterdir())[16:]:
        scan.unlink()
    (folder / "films").mkdir()
    for scan in sorted((folder / "scans").iterdir())[:3]:
        shutil.copy(scan, folder / "films")
    visits = PhantomSettings(patients=4, seed=1, long_side=(400, 500), visits=(0, 12, 24, 36, 48, 72, 96))
    write_oai_release(folder / "RELEASE", visits)
    readings = "kxr_qjsw_duryea00.txt"
    for archive in map(ZipFile, folder.glob("RELEASE/**/*.zip")):
        for name in archive.namelist():
            if name.endswith(readings):
                (folder / readings).write_bytes(archive.read(name))


def sort_by_grade(folder: Path) -> None:
    """Put the crops, of one size, into a folder a grade, below one a part of the cohort."""
    grades = pd.read_csv("JSL.csv", index_col="ID")["BL_KL_grade"]
    for crop in sorted((folder / "crops").glob("*.png")):
        number = int(crop.stem[:7])
        part = {0: "val", 1: "test"}.get(number % 4, "train")
        place = folder / "FOLDER" / part / str(int(grades[crop.stem]))
        place.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place / crop.name), cv2.resize(cv2.imread(str(crop)), (224, 224)))
    (folder / "knee_kl224").mkdir()


def register_versions(store: FolderStore) -> None:
    """Make two models of the run versions of the line jsl-joint, the second its champion."""
    registry = Registry(store)
    models = [store.root / "models" / regime for regime in ("jsl-joint-frozen", "jsl-joint")]
    for bundle in (next(model.iterdir()) for model in models):
        version = registry.register("jsl-joint", put_tree(store, bundle, "bundle.json"), {})
        registry.promote("jsl-joint", version.name, {})
    tested = pd.read_csv(bundle / "predictions.csv", dtype=str)
    registry.freeze_test("jsl-joint", set(tested["participant"][tested["split"] == "test"]))


def review(store: FolderStore) -> None:
    """Do as reviewers do on the page: move a box, and grade some knees, each reader by himself."""
    desk = Desk(store, "latest", "")
    knees = [entry for entry in desk.entries.values() if entry.side][:6]
    subjects = [{"film": one.file, "pixels": one.pixels, "side": one.side, "knee": one.ID} for one in knees]
    desk.journal.append(Subject(**subjects[0], what="box"), "90 110 240 260", "Ann", upon="")
    for reader, grades in (("Ann", "012340"), ("Ben", "012331")):
        for subject, grade in zip(subjects, grades, strict=True):
            reading = Subject(**subject, what="reading", reader=reader)
            desk.journal.append(reading, grade, reader, upon="")


def stand_ins(folder: Path) -> dict[str, str]:
    """What the documents print of a run of their own, and what it is here."""
    store = FolderStore(folder / "lab")
    (run,) = (path.name for path in (store.root / "runs").iterdir() if path.is_dir())
    dataset = next((store.root / "datasets").iterdir()).name
    return {
        "/data/store": "lab",
        "3f2a": Registry(store).versions("jsl-joint")[0].name[:4],
        "3fa2b1c09d77": dataset,
        "0c1d2e3f4a5b": dataset,
        "9a8b7c6d5e4f": dataset,
        "20260131T080000Z-run": run,
    }


@pytest.fixture(scope="module")
def bucket(assumed: Path, effort: pytest.MonkeyPatch) -> Iterator[None]:
    """An S3 server whose bucket `bucket` holds a copy of the store."""
    with moto_server() as server:
        for name, value in server.environment.items():
            effort.setenv(name, value)
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="bucket")
        for file in (assumed / "lab").rglob("*"):
            if file.is_file():
                client.upload_file(str(file), "bucket", f"prefix/{file.relative_to(assumed / 'lab')}")
        yield


@pytest.mark.slow
@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_runs_as_it_is_printed(
    block: str, assumed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if "s3://" in block:
        request.getfixturevalue("bucket")
    monkeypatch.setenv("JSL_CACHE_DIR", str(tmp_path / "cache"))
    shutil.copytree(assumed, tmp_path / "here", copy_function=os.link, symlinks=True)
    monkeypatch.chdir(tmp_path / "here")
    for line in lines(block):
        for printed, here in stand_ins(assumed).items():
            line = line.replace(printed, here)
        line = line.removeprefix(OWN)
        if line.strip() and reason_not_to_run(line) is None:
            assert line.startswith("jsl "), f"{line}: run it here, or say why not"
            if "--format onnx" in line and find_spec("onnx") is None:
                continue  # the optional package writes these files
            run(line.removeprefix("jsl "))


def test_no_reason_is_given_for_what_no_document_prints() -> None:
    printed = [line for path in DOCUMENTS for block in blocks(path.read_text()) for line in lines(block)]
    assert not [
        start for start in NOT_RUN if not any(line.startswith((start, OWN + start)) for line in printed)
    ]


@pytest.mark.parametrize("document", RUN_ELSEWHERE)
def test_a_document_that_another_test_runs_is_named_there(document: str) -> None:
    assert document in RUN_ELSEWHERE[document].read_text()


def test_a_block_has_a_language_that_is_known() -> None:
    """Else its commands would be passed over."""
    languages = {
        name for path in DOCUMENTS for name in re.findall(r"^ *```(\w+)$", path.read_text(), re.MULTILINE)
    }
    assert languages <= {"sh", "toml", "python", "json", "mermaid", "dockerfile", "yaml"}
