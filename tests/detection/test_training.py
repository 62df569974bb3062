"""Training: data in, a network that gets better, resumed bit by bit."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from jsl_core.config import DetectorTrainSettings
from jsl_core.detection.network import load_network
from jsl_core.detection.resize import resize_to_input
from jsl_core.detection.training.augment import Augmentation
from jsl_core.detection.training.blends import BlendSampler
from jsl_core.detection.training.composites import CompositeSampler, CropConvention
from jsl_core.detection.training.films import BoxedImage, Sampler, read_box_table, read_yolo_folder
from jsl_core.detection.training.implants import draw_implant
from jsl_core.detection.training.sources import open_sources
from jsl_core.detection.training.train import train_detector
from jsl_core.errors import BadTable, DetectorError

SMALL = DetectorTrainSettings(
    width=0.25, size=96, epochs=4, films_per_epoch=64, batch=8, mosaic=0.1, precision="fp32", device="cpu"
)


@pytest.mark.slow
def test_a_short_training_lowers_the_loss_and_its_files_load(draw_knee: Sampler, tmp_path: Path) -> None:
    rows: list[dict[str, float]] = []
    held_out = [draw_knee(np.random.default_rng(index)) for index in range(4)]
    train_detector(draw_knee, held_out, SMALL, tmp_path, rows.append)
    assert rows[-1]["loss"] < 0.75 * rows[0]["loss"]
    assert {"map50", "map50_95", "mean_iou", "found", "false_alarms"} <= rows[-1].keys()
    network = load_network(tmp_path / "detector.cfg", tmp_path / "detector.safetensors")
    assert network.layout.size == (96, 96)


@pytest.mark.slow
def test_a_stopped_training_resumes_bit_by_bit(draw_knee: Sampler, tmp_path: Path) -> None:
    def stop_after_one(row: dict[str, float]) -> None:
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    train_detector(draw_knee, [], SMALL, whole)
    with pytest.raises(KeyboardInterrupt):
        train_detector(draw_knee, [], SMALL, stopped, stop_after_one)
    train_detector(draw_knee, [], SMALL, stopped)
    expected, resumed = (path / "detector.safetensors" for path in (whole, stopped))
    assert resumed.read_bytes() == expected.read_bytes()


def test_augmented_boxes_stay_on_the_canvas_and_on_the_joint(draw_knee: Sampler) -> None:
    augment = Augmentation((128, 128), mosaic=0.3)
    for seed in range(40):
        film = augment(draw_knee, np.random.default_rng(seed))
        assert film.pixels.shape == (128, 128)
        assert (film.boxes >= 0).all()
        assert (film.boxes <= 128).all()
        assert (film.boxes[:, 2:] > film.boxes[:, :2]).all()


def test_the_same_generator_state_draws_the_same_film(draw_knee: Sampler) -> None:
    augment = Augmentation((128, 128))
    first, second = (augment(draw_knee, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first.pixels, second.pixels)


def test_composites_hold_their_crop_inside_the_box() -> None:
    crop = np.zeros((1, 224, 224), np.uint8)
    crop[0, 100:150, 60:160] = 255
    sampler = CompositeSampler(crop)
    for seed in range(20):
        film = sampler(np.random.default_rng(seed))
        height, width = film.pixels.shape
        assert (film.boxes >= 0).all()
        assert (film.boxes <= [width, height, width, height]).all()
        assert len(film.boxes) <= 2


def test_a_blend_shows_the_crop_where_the_drawn_joint_was() -> None:
    columns = np.arange(260, dtype=np.float32)
    leg = np.tile(60 + 90 * np.exp(-(((columns - 130) / 50) ** 2)), (300, 1)).astype(np.uint8)
    grain = np.random.default_rng(0).normal(0, 1, (28, 28)).astype(np.float32)
    crop = np.clip(128 + 30 * cv2.resize(grain, (224, 224)), 0, 255).astype(np.uint8)
    film = BoxedImage(leg.copy(), np.array([[50, 70, 210, 230]], np.float32))
    side = round(160 / CropConvention().box_side)
    x, y = round(130 - side / 2), round(70 + 0.54 * 160 - CropConvention().joint_line * side)
    middle = slice(side // 4, 3 * side // 4)
    small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)[middle, middle]
    for seed in range(6):
        blended = BlendSampler([film], crop[None])(np.random.default_rng(seed))
        np.testing.assert_array_equal(blended.boxes, film.boxes)
        np.testing.assert_array_equal(blended.pixels[:y], leg[:y])
        np.testing.assert_array_equal(blended.pixels[:, x + side :], leg[:, x + side :])
        joint = blended.pixels[y : y + side, x : x + side]
        right, left = joint[middle, middle], joint[:, ::-1][middle, middle]
        assert max(np.corrcoef(view.ravel(), small.ravel())[0, 1] for view in (right, left)) > 0.8
    np.testing.assert_array_equal(film.pixels, leg)


def test_a_joint_cut_by_the_films_edge_is_not_blended() -> None:
    leg = np.tile(np.linspace(40, 200, 200, dtype=np.uint8), (200, 1))
    film = BoxedImage(leg, np.array([[0, 40, 90, 160]], np.float32))
    blended = BlendSampler([film], np.zeros((1, 224, 224), np.uint8))(np.random.default_rng(0))
    np.testing.assert_array_equal(blended.pixels, leg)


def test_an_implant_stays_in_its_joints_box() -> None:
    box = np.array([40, 50, 140, 150], np.float32)
    for seed in range(20):
        film = np.zeros((200, 180), np.float32)
        draw_implant(film, box, np.random.default_rng(seed))
        rows, columns = np.nonzero(film)
        assert len(rows) > 200
        assert (rows.min() >= 50) & (rows.max() < 150) & (columns.min() >= 40) & (columns.max() < 140)


@pytest.mark.slow
def test_a_training_goes_on_from_an_earlier_detector(draw_knee: Sampler, tmp_path: Path) -> None:
    brief = SMALL.model_copy(update={"epochs": 1, "films_per_epoch": 8})
    first = train_detector(draw_knee, [], brief, tmp_path / "first").layout
    start = str(tmp_path / "first" / "detector.safetensors")
    slow = brief.model_copy(update={"start": start, "lr": 1e-9, "size": 128, "width": 1.0})
    second = train_detector(draw_knee, [], slow, tmp_path / "second").layout
    assert second.sections == first.sections
    before, after = (load_file(tmp_path / name / "detector.safetensors") for name in ("first", "second"))
    for name in dict(first.parameters()):
        if "running" not in name:  # what the second training's films moved
            torch.testing.assert_close(after[name], before[name], atol=1e-3, rtol=1e-3)
    save_file({name: 2 * tensor for name, tensor in load_file(start).items()}, start)
    with pytest.raises(DetectorError, match="other settings or films"):  # the start was replaced in place
        train_detector(draw_knee, [], slow, tmp_path / "second")


def test_a_start_that_is_missing_is_one_error(draw_knee: Sampler, tmp_path: Path) -> None:
    gone = SMALL.model_copy(update={"start": str(tmp_path / "gone.weights")})
    with pytest.raises(DetectorError, match=r"gone\.cfg"):
        train_detector(draw_knee, [], gone, tmp_path / "out")


@pytest.mark.parametrize("how", ["letterbox", "stretch"])
@pytest.mark.parametrize("shape", [(300, 200), (100, 333), (64, 64)])
def test_boxes_come_back_from_the_network_where_they_were(how: str, shape: tuple[int, int]) -> None:
    canvas, transform = resize_to_input(np.zeros(shape, np.uint8), (128, 96), how)
    assert canvas.shape == (96, 128)
    boxes = np.array([[3, 4, 50, 60], [0, 0, shape[1], shape[0]]], np.float32)
    np.testing.assert_allclose(transform.to_image(transform.to_input(boxes)), boxes, atol=1e-3)
    corners = transform.to_input(boxes)[1]
    assert (corners >= -0.01).all()
    assert (corners[2:] <= np.array([128, 96]) + 1).all()  # a pixel may be left out on the right and below


@pytest.fixture
def films(tmp_path: Path, draw_knee: Callable[[np.random.Generator], BoxedImage]) -> Path:
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), draw_knee(np.random.default_rng(0)).pixels)
    return tmp_path


def test_a_box_table_and_yolo_files_say_the_same(films: Path) -> None:
    (films / "boxes.csv").write_text("file,x1,y1,x2,y2\na.png,30,40,90,100\nb.png,,,,\n")
    (films / "a.txt").write_text("0 0.5 0.4375 0.5 0.375\n")
    table, yolo = read_box_table(films / "boxes.csv", films), read_yolo_folder(films)
    assert [len(film.boxes) for film in table] == [len(film.boxes) for film in yolo] == [1, 0]
    np.testing.assert_allclose(table[0].boxes, yolo[0].boxes, atol=1e-3)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("file,x1,y1,x2\na.png,1,2,3\n", "lacks the column y2"),
        ("file,x1,y1,x2,y2\na.png,30,40,300,100\n", "a.png: a box lies outside"),
        ("file,x1,y1,x2,y2\na.png,-30,40,90,100\n", "outside"),
        ("file,x1,y1,x2,y2\na.png,90,40,30,100\n", "no area"),
        ("file,x1,y1,x2,y2\na.png,x,40,30,100\n", "line 2"),
    ],
)
def test_a_bad_box_table_is_one_error_before_any_training(films: Path, text: str, word: str) -> None:
    (films / "boxes.csv").write_text(text)
    with pytest.raises(BadTable, match=word):
        open_sources(DetectorTrainSettings(images=str(films), boxes=str(films / "boxes.csv"), phantoms=0))


def test_training_without_any_film_is_refused() -> None:
    with pytest.raises(DetectorError, match="no films"):
        open_sources(DetectorTrainSettings(phantoms=0))


def test_half_precision_weights_of_another_network_are_refused(tmp_path: Path, draw_knee: Sampler) -> None:
    train_detector(draw_knee, [], SMALL.model_copy(update={"epochs": 1, "films_per_epoch": 8}), tmp_path)
    cfg = tmp_path / "detector.cfg"
    cfg.write_text(cfg.read_text().replace("filters=64", "filters=72", 1))
    with pytest.raises(DetectorError, match="pair"):
        load_network(cfg, tmp_path / "detector.safetensors")


def test_torch_generator_is_left_to_its_owner(draw_knee: Sampler) -> None:
    before = torch.random.get_rng_state()
    Augmentation((96, 96))(draw_knee, np.random.default_rng(0))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.slow
def test_a_folder_with_a_training_of_other_settings_is_refused(draw_knee: Sampler, tmp_path: Path) -> None:
    brief = SMALL.model_copy(update={"epochs": 1, "films_per_epoch": 8})
    train_detector(draw_knee, [], brief, tmp_path)
    with pytest.raises(DetectorError, match="other settings"):
        train_detector(draw_knee, [], brief.model_copy(update={"lr": 1e-4}), tmp_path)
    (tmp_path / "checkpoint.pt").write_bytes(b"PK cut short")
    with pytest.raises(DetectorError, match="damaged"):
        train_detector(draw_knee, [], brief, tmp_path)
