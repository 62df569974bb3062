"""The detector's training as a flow: cached while films and settings are the same, its files fit for use."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from prefect.client.orchestration import get_client

from flows.server.embedded import await_events
from flows.train_detector import TrainedDetector, train_detector
from jsl_core.config import CropSettings, DetectorTrainSettings
from jsl_core.detection import JointDetector
from jsl_core.errors import BadTable
from tasks.caching import results_block
from tasks.train_detector import FilmPlacement, list_films

pytestmark = pytest.mark.usefixtures("prefect")


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    rows = ["file,x1,y1,x2,y2"]
    for index in range(3):
        film = np.full((120, 100), 30, np.uint8)
        film[:58, 30:70], film[62:, 30:70] = 200, 180
        cv2.imwrite(str(folder / f"{index}.png"), film)
        rows.append(f"{index}.png,21,29,79,87")
    (folder / "boxes.csv").write_text("\n".join(rows) + "\n")
    return folder


def train(films: Path, store: Path) -> tuple[TrainedDetector, str | None]:
    """The flow's result, and the state in which its task ended."""
    settings = DetectorTrainSettings(
        images=str(films), boxes=str(films / "boxes.csv"), phantoms=0, width=0.25, size=64, epochs=1,
        films_per_epoch=8, batch=8, device="cpu",
    )  # fmt: skip
    run = train_detector.with_options(result_storage=results_block(str(store)))
    trained = run(settings, str(store))
    await_events()
    with get_client(sync_client=True) as client:
        runs = client.read_task_runs()
    last = max((run for run in runs if run.name == "train-detector"), key=lambda run: run.expected_start_time)
    return trained, last.state_name


def test_the_same_films_elsewhere_are_not_trained_on_again_and_other_boxes_are(
    films: Path, tmp_path: Path
) -> None:
    first, state = train(films, tmp_path / "store")
    assert state == "Completed"
    moved = Path(shutil.copytree(films, tmp_path / "moved"))
    assert train(moved, tmp_path / "store") == (first, "Cached")
    boxes = moved / "boxes.csv"
    boxes.write_text(boxes.read_text().replace("2.png,21", "2.png,22"))
    second, state = train(moved, tmp_path / "store")
    assert state == "Completed"
    assert second.weights != first.weights


def test_what_it_publishes_is_what_crop_settings_take(films: Path, tmp_path: Path) -> None:
    trained, _ = train(films, tmp_path / "store")
    detector = JointDetector.load(CropSettings(cfg=trained.cfg, weights=trained.weights), "cpu")
    assert detector.detector.layout.size == (64, 64)
    assert "mean_iou" in Path(trained.metrics).read_text()


def test_the_initial_network_is_keyed_by_its_files_and_not_by_their_place(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for kind in ("cfg", "weights"):
            (tmp_path / name / f"own.{kind}").write_text(kind)
    places = [str(tmp_path / name / "own.weights") for name in ("a", "b")]
    settings = [DetectorTrainSettings(phantoms=0, start=start) for start in (*places, "shipped")]
    kept = [FilmPlacement.beside(some, str(tmp_path / "store"), "") for some in settings]
    first, second, shipped = (list_films(some, place) for some, place in zip(settings, kept, strict=True))
    assert first == second != shipped
    assert len({some.without_paths() for some in settings}) == 1
    assert [
        place.with_films(some.without_paths()) for some, place in zip(settings, kept, strict=True)
    ] == settings


def test_a_box_outside_its_film_stops_it_before_any_training(films: Path, tmp_path: Path) -> None:
    (films / "boxes.csv").write_text("file,x1,y1,x2,y2\n0.png,21,29,179,87\n")
    with pytest.raises(BadTable, match=r"0\.png: a box lies outside"):
        train(films, tmp_path / "store")
    assert not list((tmp_path / "store" / "work").rglob("checkpoint.pt"))
