"""Whatever stands in a detector's files or in its training's tables: it is read, or refused in one line."""

import random
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from mutants import mutate_bytes, mutate_text

from flows.cli.error_lines import error_line
from jsl_core.detection.cfg import format_cfg, read_cfg
from jsl_core.detection.darknet import save_weights
from jsl_core.detection.layout import detector_layout
from jsl_core.detection.model import load_model, save_model
from jsl_core.detection.network import Network
from jsl_core.detection.training.architectures import yolov4_tiny
from jsl_core.detection.training.films import BoxedImage, read_box_table, read_yolo_folder
from jsl_core.errors import JslError
from tests.detection.test_users_cfg import CFG

_MUTANTS = 400


def judge(read: Callable[[], object]) -> str:
    """The one line by which it is refused; "" where it is read. Anything else fails the test."""
    try:
        read()
    except JslError as error:
        refusal = error
    else:
        return ""
    assert str(refusal)
    assert "\n" not in str(refusal)
    assert len(error_line(refusal)) < 1600  # without the middle of what no terminal shows
    return str(refusal)


def load_finite(cfg: Path, weights: Path) -> None:
    assert all(np.isfinite(array).all() for array in load_model(cfg, weights).weights.values())


@pytest.mark.parametrize("seed", range(2))
def test_a_mutated_cfg_is_a_network_or_one_line(tmp_path: Path, seed: int) -> None:
    rng, lines = random.Random(seed), set()
    text = [CFG, format_cfg(yolov4_tiny(1, 64, width=0.125))][seed]
    cfg = tmp_path / "net.cfg"
    for _ in range(_MUTANTS):
        cfg.write_text(mutate_text(text, rng), encoding="utf-8", errors="replace")
        lines.add(judge(lambda: detector_layout(read_cfg(cfg))).partition(";")[0])
    assert len(lines) > 20


@pytest.mark.parametrize("kind", [".weights", ".safetensors"])
def test_mutated_weights_are_finite_or_one_line(tmp_path: Path, kind: str) -> None:
    rng = random.Random(kind)
    cfg, weights = tmp_path / "net.cfg", tmp_path / f"net{kind}"
    network = Network(yolov4_tiny(1, 64, width=0.125))
    model = network.to_model()
    if kind == ".weights":
        cfg.write_text(format_cfg(model.layout.sections))
        save_weights(model.layout, model.weights, weights)
    else:
        save_model(model, cfg, weights)
    whole, refused = weights.read_bytes(), 0
    for _ in range(_MUTANTS // 4):
        weights.write_bytes(mutate_bytes(whole, rng))
        refused += bool(judge(lambda: load_finite(cfg, weights)))
    assert refused > _MUTANTS // 16
    weights.write_bytes(whole)
    load_finite(cfg, weights)


def test_weights_that_are_not_finite_are_refused_whatever_the_format(tmp_path: Path) -> None:
    model = Network(yolov4_tiny(1, 64, width=0.125)).to_model()
    name = next(iter(model.weights))
    for value in (np.nan, np.inf):
        bad = {**model.weights, name: np.full_like(model.weights[name], value)}
        save_model(type(model)(model.layout, bad), tmp_path / "net.cfg", tmp_path / "net.safetensors")
        with pytest.raises(JslError, match="not finite"):
            load_model(tmp_path / "net.cfg", tmp_path / "net.safetensors")


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Two small films, their box table and their YOLO files."""
    rows = ["file,x1,y1,x2,y2"]
    for number in range(2):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((40, 60), 90, np.uint8))
        rows.append(f"{number}.png,10,10,30,30")
        (tmp_path / f"{number}.txt").write_text("0 0.5 0.5 0.2 0.2\n0 0.2 0.2 0.1 0.1\n")
    (tmp_path / "boxes.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_a_mutated_table_of_boxes_has_boxes_within_its_films_or_is_one_line(films: Path) -> None:
    rng, table = random.Random(1), films / "boxes.csv"
    text = table.read_text()
    for _ in range(_MUTANTS // 2):
        table.write_text(mutate_text(text, rng), encoding="utf-8", errors="replace")
        judge(lambda: check(read_box_table(table, films)))
    whole = text.encode()
    for _ in range(_MUTANTS // 4):
        table.write_bytes(mutate_bytes(whole, rng))
        judge(lambda: check(read_box_table(table, films)))


def test_a_mutated_yolo_file_has_boxes_within_its_film_or_is_one_line(films: Path) -> None:
    rng, file = random.Random(2), films / "0.txt"
    text = file.read_text()
    for _ in range(_MUTANTS // 2):
        file.write_text(mutate_text(text, rng), encoding="utf-8", errors="replace")
        judge(lambda: check(read_yolo_folder(films)))
        file.write_bytes(mutate_bytes(text.encode(), rng))
        judge(lambda: check(read_yolo_folder(films)))


def check(images: list[BoxedImage]) -> None:
    for image in images:
        assert np.isfinite(image.boxes).all()
        assert (image.boxes >= -1).all()
        assert (image.boxes[:, 2] <= image.pixels.shape[1] + 1).all()
