"""Darknet's files in and out, against OpenCV's importer and the published sizes."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from jsl_core.config import CropSettings
from jsl_core.detection import JointDetector
from jsl_core.detection.cfg import Section, format_cfg, parse_cfg
from jsl_core.detection.darknet import read_weights, save_weights
from jsl_core.detection.detector import load_chosen_model
from jsl_core.detection.export import export_detector
from jsl_core.detection.model import load_model
from jsl_core.detection.network import Network
from jsl_core.detection.training.architectures import yolov4, yolov4_tiny
from jsl_core.detection.training.boxes import decode_head
from jsl_core.errors import DetectorError
from tests.detection.conftest import shaken


@pytest.mark.parametrize(("sections", "millions"), [(yolov4(80), 64.36), (yolov4_tiny(80), 6.06)])
def test_networks_have_the_published_number_of_parameters(
    sections: tuple[Section, ...], millions: float
) -> None:
    network = Network(sections)
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.005)


@pytest.mark.parametrize("sections", [yolov4(1), yolov4_tiny(2, 320, 1, width=0.5, spp=True)])
def test_a_cfg_survives_writing_and_reading(sections: tuple[Section, ...]) -> None:
    assert parse_cfg(format_cfg(sections)) == sections


def _opencv_boxes(folder: Path, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Boxes N×4 in pixels of the input and objectness N as OpenCV's Darknet importer finds them."""
    net = cv2.dnn.readNetFromDarknet(str(folder / "knee.cfg"), str(folder / "knee.weights"))
    net.setInput(image)
    rows = np.concatenate(net.forward(net.getUnconnectedOutLayersNames()))
    centre, half = rows[:, :2], rows[:, 2:4] / 2
    scale = np.array([image.shape[3], image.shape[2]] * 2)
    return np.concatenate([centre - half, centre + half], 1) * scale, rows[:, 4]


def _our_boxes(network: Network, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same, in OpenCV's order: row, column, anchor."""
    boxes, scores = [], []
    with torch.inference_mode():
        for raw, head in zip(network(torch.from_numpy(image)), network.layout.heads, strict=True):
            box, logits = decode_head(raw, head)
            boxes.append(box.permute(0, 2, 3, 1, 4).reshape(-1, 4))
            scores.append(logits[..., 0].sigmoid().permute(0, 2, 3, 1).flatten())
    return torch.cat(boxes).numpy(), torch.cat(scores).numpy()


@pytest.mark.parametrize(
    "sections",
    [
        yolov4_tiny(1, 416, 3),
        yolov4_tiny(3, 288, 1, width=0.5, spp=True),
        pytest.param(yolov4(1, 160), marks=pytest.mark.slow),
    ],
    ids=["tiny", "slim", "full"],
)
def test_opencv_finds_the_same_boxes_with_what_we_export(
    sections: tuple[Section, ...], tmp_path: Path
) -> None:
    torch.manual_seed(1)
    network = shaken(Network(sections))
    export_detector(network.to_model(), tmp_path, "darknet")
    image = np.random.default_rng(1).random((1, network.layout.channels, *network.layout.size), np.float32)
    boxes, scores = _our_boxes(network, image)
    expected_boxes, expected_scores = _opencv_boxes(tmp_path, image)
    np.testing.assert_allclose(boxes, expected_boxes, atol=0.5)
    np.testing.assert_allclose(scores, expected_scores, atol=1e-4)


def test_opencv_finds_the_same_boxes_with_the_shipped_weights(tmp_path: Path) -> None:
    model = load_chosen_model(CropSettings())
    export_detector(model, tmp_path, "darknet")
    network = Network.of(model)
    image = np.random.default_rng(2).random((1, 1, 416, 416), np.float32)
    np.testing.assert_allclose(_our_boxes(network, image)[0], _opencv_boxes(tmp_path, image)[0], atol=0.5)


def test_channels_that_hardly_vary_give_the_same_boxes_elsewhere(tiny: Network, tmp_path: Path) -> None:
    for module in tiny.modules():
        if isinstance(module, torch.nn.BatchNorm2d) and module.running_var is not None:
            module.running_var[::4] = 2e-6  # below Darknet's floor, above that of OpenCV's importer
            module.weight.data[::4] *= 0.003
    export_detector(tiny.to_model(), tmp_path, "darknet")
    image = np.random.default_rng(3).random((1, 1, 128, 128), np.float32)
    np.testing.assert_allclose(_our_boxes(tiny, image)[0], _opencv_boxes(tmp_path, image)[0], atol=0.01)
    back = Network.of(load_model(tmp_path / "knee.cfg", tmp_path / "knee.weights"))
    np.testing.assert_allclose(_our_boxes(back, image)[0], _our_boxes(tiny, image)[0], atol=0.01)


def test_weights_come_back_as_they_were_written(tiny: Network, tmp_path: Path) -> None:
    _save(tiny, tmp_path / "a.weights")
    weights = read_weights(tiny.layout, tmp_path / "a.weights")
    state = {name: tensor for name, tensor in tiny.state_dict().items() if tensor.is_floating_point()}
    assert weights.keys() == state.keys()
    for name, tensor in state.items():
        assert torch.equal(tensor, torch.from_numpy(weights[name])), name


def test_the_old_header_of_16_bytes_is_read_too(tiny: Network, tmp_path: Path) -> None:
    _save(tiny, tmp_path / "a.weights")
    data = (tmp_path / "a.weights").read_bytes()
    (tmp_path / "old.weights").write_bytes(np.array([0, 1, 0, 0], "<i4").tobytes() + data[20:])
    weights = read_weights(tiny.layout, tmp_path / "old.weights")
    assert torch.equal(torch.from_numpy(weights["layers.0.0.weight"]), tiny.layers[0].conv.weight)


def _save(network: Network, path: Path) -> None:
    save_weights(network.layout, network.to_model().weights, path)


def _truncated(data: bytes) -> bytes:
    return data[:-100]


def _too_long(data: bytes) -> bytes:
    return data + b"\0" * 4


def _other_version(data: bytes) -> bytes:
    return np.array([7, 0, 0], "<i4").tobytes() + data[12:]


def _not_finite(data: bytes) -> bytes:
    return data[:-4] + np.array([np.nan], "<f4").tobytes()


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (_truncated, "cut short"),
        (_too_long, "not a pair"),
        (_other_version, "version"),
        (_not_finite, "finite"),
        (lambda data: b"PK", "header"),
    ],
)
def test_damaged_or_foreign_weights_are_one_clear_error(
    damage: Callable[[bytes], bytes], word: str, tiny: Network, tmp_path: Path
) -> None:
    _save(tiny, tmp_path / "a.weights")
    (tmp_path / "b.weights").write_bytes(damage((tmp_path / "a.weights").read_bytes()))
    with pytest.raises(DetectorError, match=word):
        read_weights(tiny.layout, tmp_path / "b.weights")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[net]\nwidth=64\nheight=64\n[lstm]\noutput=3\n", r"line 4: section \[lstm\] is unknown"),
        ("[convolutional]\nfilters=3\n", r"no \[net\]"),
        ("width=3\n", "line 1"),
        ("[net]\n[convolutional]\nfilters=3\nactivation=swish\n", "swish"),
        ("[net]\n[convolutional]\nfilters=many\n", "numbers"),
        ("[net]\n[route]\nlayers=-4\n", "not before it"),
        ("[net]\n[convolutional]\nfilters=17\n[yolo]\nmask=0,1,2\nanchors=1,2,3,4,5,6\nclasses=1\n", "18"),
        ("[net]\n[convolutional]\nfilters=6\n[yolo]\nanchors=1,2\nclasses=1\nnew_coords=1\n", "new_coords"),
        ("[net]\n[convolutional]\nfilters=6\n", r"no \[yolo\]"),
    ],
)
def test_a_cfg_beyond_yolov4_is_one_clear_error(text: str, word: str) -> None:
    with pytest.raises(DetectorError, match=word):
        Network(parse_cfg(text))


def test_a_cfg_without_its_weights_is_refused() -> None:
    with pytest.raises(DetectorError, match="both"):
        JointDetector.load(CropSettings(cfg="a.cfg"))


def test_a_users_own_darknet_detector_runs_by_its_two_files(tiny: Network, tmp_path: Path) -> None:
    cfg, weights = export_detector(tiny.to_model(), tmp_path, "darknet")
    settings = CropSettings(cfg=str(cfg), weights=str(weights), resize="stretch", score=0.01)
    image = np.random.default_rng(0).integers(0, 256, (200, 100), np.uint8)
    for detection in JointDetector.load(settings, "cpu").detect([image])[0]:
        assert 0 <= detection.x1 <= detection.x2 <= 100
        assert 0 <= detection.y1 <= detection.y2 <= 200
