"""Cfg files as AlexeyAB's users write them, against OpenCV's importer reading the very same text."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from jsl_core.config import CropSettings
from jsl_core.detection import JointDetector
from jsl_core.detection.cfg import parse_cfg
from jsl_core.detection.darknet import save_weights
from jsl_core.detection.detector import load_chosen_model
from jsl_core.detection.layout import detector_layout
from jsl_core.detection.network import Network
from jsl_core.detection.torch_engine import make_torch_engine
from jsl_core.errors import DetectorError
from tests.detection.conftest import shaken

YOLO = """
[yolo]
mask = {mask}
anchors = 12, 16, 19, 36, 40, 28,  36, 75, 76, 55, 72, 146,  142, 110, 92, 143, 159, 101
classes=1
num=9
jitter=.3
scale_x_y = 1.05
cls_normalizer=1.0
iou_normalizer=0.07
iou_loss=ciou
ignore_thresh = .7
truth_thresh = 1
random=0
resize=1.5
nms_kind=greedynms
beta_nms=0.6
max_delta=5
"""

# Three heads as in yolov4-tiny-3l, few filters; comments, blanks, an absolute route as in published files.
CFG = f"""[net]
# Testing
#batch=1
batch=64
subdivisions=16
width = 128
height=128
channels=3
momentum=0.9
saturation = 1.5
hue=.1
learning_rate=0.00261
policy=steps
steps=1600,1800
scales=.1,.1

[convolutional]
batch_normalize=1
filters=8
size=3
stride=2
pad=1
activation=leaky

[convolutional] ; a second one
batch_normalize=1
filters = 16
size=3
stride=2
pad=1
activation=mish

[route]
layers=-1
groups=2
group_id=1

[convolutional]
batch_normalize=1
filters=8
size=3
stride=1
pad=1
activation=leaky

[route]
layers = -1,-2

[maxpool]
size=2
stride=2

##################################

[convolutional]
batch_normalize=1
size=3
stride=2
pad=1
filters=16
activation=leaky
stopbackward=800

[convolutional]
size=1
stride=1
pad=1
filters=18
activation=linear

{YOLO.format(mask="6,7,8")}
[route]
layers = -3

[upsample]
stride=2

[route]
layers = -1, 5

[convolutional]
size=1
stride=1
pad=1
filters=18
activation=linear
{YOLO.format(mask="3, 4, 5")}
[route]
layers = -3

[upsample]
stride=2

[route]
layers = -1,4

[convolutional]
size=1
stride=1
pad=1
filters=18
activation=linear
{YOLO.format(mask="0,1,2")}"""


def _written(folder: Path, text: str = CFG, encoding: str = "utf-8") -> tuple[Path, Path]:
    """A user's cfg and weights."""
    cfg, weights = folder / "yolo-obj.cfg", folder / "yolo-obj_best.weights"
    cfg.write_text(text, encoding=encoding)
    torch.manual_seed(0)
    network = shaken(Network(parse_cfg(text)))
    save_weights(network.layout, network.to_model().weights, weights)
    return cfg, weights


def _settings(files: tuple[Path, Path], **others: object) -> CropSettings:
    return CropSettings.model_validate({"cfg": str(files[0]), "weights": str(files[1]), **others})


def _as_the_seed(files: tuple[Path, Path], image: np.ndarray) -> list[tuple[float, np.ndarray]]:
    """Scores and boxes in pixels, found as in the seed: OpenCV, stretched, score 0.25, NMS 0.5."""
    net = cv2.dnn.readNetFromDarknet(*map(str, files))
    colour = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    net.setInput(cv2.dnn.blobFromImage(colour, 1 / 255, (128, 128), swapRB=True))
    rows = np.concatenate(net.forward(net.getUnconnectedOutLayersNames()))
    boxes = np.concatenate([rows[:, :2] - rows[:, 2:4] / 2, rows[:, 2:4]], 1) * (image.shape[::-1] * 2)
    best = cv2.dnn.NMSBoxes(boxes.tolist(), rows[:, 5].tolist(), 0.25, 0.5)
    corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)
    return [(float(rows[index, 5]), corners[index]) for index in best]


@pytest.mark.parametrize("shape", [(300, 200), (150, 420)])
def test_a_users_weights_find_what_the_seed_found_with_them(shape: tuple[int, int], tmp_path: Path) -> None:
    files = _written(tmp_path)
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    expected = _as_the_seed(files, image)
    detections = JointDetector.load(_settings(files, resize="stretch"), "cpu").detect([image])[0]
    assert len(detections) == len(expected) > 3
    boxes = np.array([detection.box for detection in detections])
    for score, corners in expected:  # scores are close together, so that the order is left to rounding
        off = np.abs(boxes - corners.clip(0, shape[::-1] * 2)).max(1)
        assert off.min() < 0.5
        assert detections[int(off.argmin())].score == pytest.approx(score, abs=1e-4)


def test_the_engines_agree_on_a_users_network(tmp_path: Path) -> None:
    settings = _settings(_written(tmp_path))
    engine = JointDetector.load(settings, "cpu").detector.engine
    torch_engine = make_torch_engine(Network.of(load_chosen_model(settings)))
    images = np.random.default_rng(1).integers(0, 256, (2, 128, 128), np.uint8)
    for opencv_map, torch_map in zip(engine(images), torch_engine(images), strict=True):
        np.testing.assert_allclose(opencv_map, torch_map, atol=1e-3)


@pytest.mark.parametrize(
    ("letter_box", "asked", "how"),
    [
        (0, "auto", "stretch"),
        (1, "auto", "letterbox"),
        (1, "stretch", "stretch"),
        (0, "letterbox", "letterbox"),
    ],
)
def test_a_users_detector_is_given_what_its_cfg_says_unless_asked_otherwise(
    letter_box: int, asked: str, how: str, tmp_path: Path
) -> None:
    files = _written(tmp_path, CFG.replace("channels=3", f"channels=3\nletter_box={letter_box}"))
    assert JointDetector.load(_settings(files, resize=asked), "cpu").detector.resize == how


def test_the_shipped_detector_keeps_the_aspect_ratio() -> None:
    assert JointDetector.load(CropSettings(), "cpu").detector.resize == "letterbox"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gbk", "utf-8"])
def test_a_cfg_of_another_editor_is_the_same_network(encoding: str, tmp_path: Path) -> None:
    text = CFG.replace("# Testing", "# 测试").replace("\n", "\r\n")
    assert JointDetector.load(_settings(_written(tmp_path, text, encoding)), "cpu").detector.layout.heads == (
        detector_layout(parse_cfg(CFG)).heads
    )


def test_of_two_equal_keys_the_first_counts_as_in_darknet() -> None:
    def options(text: str) -> list[dict[str, str]]:
        return [dict(section.options) for section in parse_cfg(text)]

    twice = CFG.replace("width = 128", "width = 128\nheight=128\nwidth=416\nheight = 64")
    assert options(twice) == options(CFG)
    filters = CFG.replace("filters=8\nsize=3", "filters=8\nsize=3\nfilters=32", 1)
    assert options(filters) == options(CFG)
    yolo = CFG.replace("classes=1\n", "classes=1\nclasses = 80\n")
    assert options(yolo) == options(CFG)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("pad=1\nactivation=mish", "pad=1\ndilation=2\nactivation=mish", "dilation=2"),
        ("pad=1\nactivation=mish", "pad=1\nantialiasing=1\nactivation=mish", "antialiasing=1"),
        ("max_delta=5", "new_coords=1", "new_coords=1"),
        ("mask = 6,7,8", "mask = -1,7,8", "mask"),
        ("layers = -1, 5", "layers = -1, 1", "do not fit"),
        ("groups=2", "groups=3", "do not divide"),
        ("filters = 16", "filters = 0", "whole number"),
        ("filters = 16", "filters = 8000000", "whole number"),
        ("filters=8\nsize=3", "filters=8\nsize=20001", "too large"),
        ("width = 128", "width = 130", "multiples of 16"),
        ("[upsample]\nstride=2", "[upsample]\nstride=3", "upsamples"),
        ("12, 16, 19", "12, 19", "pairs"),
        ("[upsample]", "[reorg]", r"section \[reorg\] is unknown"),
        ("[yolo]", "[region]", r"section \[region\] is unknown"),
    ],
)
def test_what_would_give_other_boxes_is_one_clear_error(old: str, new: str, word: str) -> None:
    assert old in CFG
    with pytest.raises(DetectorError, match=word):
        detector_layout(parse_cfg(CFG.replace(old, new)))
