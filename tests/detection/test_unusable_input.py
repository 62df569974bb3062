"""Whatever a user gives instead of usable files is one line that says what, where and what to do."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from jsl_core.config import CropSettings, DetectorTrainSettings
from jsl_core.detection import JointDetector
from jsl_core.detection.cfg import format_cfg
from jsl_core.detection.export import Format, export_detector
from jsl_core.detection.model import load_model, save_model
from jsl_core.detection.network import Network, load_network
from jsl_core.detection.training.augment import Augmentation
from jsl_core.detection.training.composites import read_crops
from jsl_core.detection.training.films import BoxedImage
from jsl_core.detection.training.initial_network import initial_files, initial_network
from jsl_core.detection.training.sources import open_sources, read_boxed_films
from jsl_core.errors import JslError

BINARY = bytes(range(256))


def _message(call: Callable[[], object], word: str) -> None:
    with pytest.raises(JslError, match=word) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert not message.endswith(".")


@pytest.mark.parametrize("file_format", ["darknet", "onnx"])
def test_a_file_is_no_folder_to_export_to(file_format: Format, tiny: Network, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("mine")
    _message(lambda: export_detector(tiny.to_model(), file, file_format), "notes.txt: is a file")
    _message(lambda: export_detector(tiny.to_model(), file / "below", "darknet"), "notes.txt")
    assert file.read_text() == "mine"


def test_a_folder_under_the_exports_name_is_left_alone(tiny: Network, tmp_path: Path) -> None:
    (tmp_path / "knee.cfg").mkdir()
    _message(lambda: export_detector(tiny.to_model(), tmp_path, "darknet"), "knee.cfg: is a folder")


@pytest.mark.parametrize("name", ["d.cfg", "d.safetensors", "d.weights"])
@pytest.mark.parametrize("kind", ["missing", "empty", "binary", "folder"])
def test_a_detector_of_unusable_files_is_refused(kind: str, name: str, tiny: Network, tmp_path: Path) -> None:
    cfg, weights = tmp_path / "d.cfg", tmp_path / ("d.safetensors" if name == "d.cfg" else name)
    save_model(tiny.to_model(), cfg, tmp_path / "d.safetensors")
    (tmp_path / name).unlink(missing_ok=True)
    _make(tmp_path / name, kind)
    settings = CropSettings(cfg=str(cfg), weights=str(weights))
    _message(lambda: JointDetector.load(settings, "cpu"), r"d\.")


def test_weights_that_lack_a_layer_are_no_pair_with_their_cfg(tiny: Network, tmp_path: Path) -> None:
    (tmp_path / "d.cfg").write_text(format_cfg(tiny.layout.sections))
    save_file({"layers.0.0.weight": tiny.state_dict()["layers.0.0.weight"]}, tmp_path / "d.safetensors")
    _message(lambda: load_model(tmp_path / "d.cfg", tmp_path / "d.safetensors"), "are they a pair")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_one_line() -> None:
    _message(lambda: JointDetector.load(CropSettings(), "cuda"), "no CUDA GPU")


@pytest.mark.parametrize("kind", ["missing", "empty", "binary", "folder of nothing"])
def test_films_need_a_folder_that_holds_some(kind: str, tmp_path: Path) -> None:
    _make(tmp_path / "films", kind)
    _message(lambda: read_boxed_films(tmp_path / "films", ""), "films")


@pytest.mark.parametrize("kind", ["empty", "binary", "folder"])
def test_a_film_that_is_no_image_is_named(kind: str, tmp_path: Path) -> None:
    _make(tmp_path / "a.png", kind)
    _message(lambda: read_boxed_films(tmp_path, ""), r"a\.png cannot be read as an image")


@pytest.mark.parametrize("kind", ["missing", "empty", "binary", "folder"])
@pytest.mark.parametrize("key", ["boxes", "crops"])
def test_a_table_that_is_none_is_named(key: str, kind: str, tmp_path: Path) -> None:
    _make(tmp_path / "t.csv", kind)
    settings = DetectorTrainSettings.model_validate(
        {"images": str(tmp_path) if key == "boxes" else "", "phantoms": 0, key: str(tmp_path / "t.csv")}
    )
    _message(lambda: open_sources(settings), r"t\.csv")


@pytest.mark.parametrize("kind", ["binary", "folder"])
def test_a_yolo_file_that_is_no_text_is_named(
    kind: str, tmp_path: Path, draw_knee: Callable[[np.random.Generator], BoxedImage]
) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), draw_knee(np.random.default_rng(0)).pixels)
    _make(tmp_path / "a.txt", kind)
    _message(lambda: read_boxed_films(tmp_path, ""), r"a\.txt cannot be read")


def test_crops_too_small_for_composites_are_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((2, 2), np.uint8))
    (tmp_path / "t.csv").write_text("ID,Img_path,split\n1000001_1,a.png,train\n")
    _message(lambda: read_crops(tmp_path / "t.csv", "train"), r"t\.csv: its crops are under")


def test_a_film_that_is_a_mere_strip_can_be_augmented() -> None:
    strip = BoxedImage(np.zeros((2, 900), np.uint8), np.zeros((0, 4), np.float32))
    augmented = Augmentation((64, 64))(lambda rng: strip, np.random.default_rng(0))
    assert augmented.pixels.shape == (64, 64)


@pytest.mark.parametrize("start", [".", "/", "no.safetensors"])
def test_a_start_that_names_no_detector_is_one_line(start: str) -> None:
    def load() -> None:
        load_network(*initial_files(start))

    _message(load, "start from" if start in "./" else r"no\.cfg")


def test_films_without_a_joint_train_no_detector() -> None:
    film = BoxedImage(np.zeros((64, 64), np.uint8), np.zeros((0, 4), np.float32))
    _message(lambda: initial_network(lambda rng: film, DetectorTrainSettings(size=64)), "no training film")


def _make(path: Path, kind: str) -> None:
    if kind.startswith("folder"):
        path.mkdir()
    elif kind != "missing":
        path.write_bytes(BINARY if kind == "binary" else b"")
