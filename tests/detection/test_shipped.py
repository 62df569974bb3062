"""The shipped detector keeps what its card says, on a few phantoms, since real crops are not at hand."""

import cv2
import numpy as np
import pytest

from jsl_core.config import CropSettings
from jsl_core.detection import JointDetector
from jsl_core.detection.detector import Detector
from jsl_core.detection.resize import trim_padding
from jsl_core.detection.training.films import BoxedImage
from jsl_core.detection.training.implants import draw_implant
from jsl_core.detection.training.metrics import detection_metrics, iou_matrix
from jsl_core.detection.training.phantoms import make_phantom_films

SEED = 900002  # of films that no training draws


@pytest.fixture(scope="module")
def detector() -> JointDetector:
    return JointDetector.load(CropSettings(), "cpu")


@pytest.fixture(scope="module")
def films() -> list[BoxedImage]:
    return make_phantom_films(12, SEED, jobs=1)


@pytest.mark.parametrize("change", ["none", "inverted", "flat", "implants"])
def test_joints_of_phantoms_are_found_and_nothing_else(
    change: str, detector: JointDetector, films: list[BoxedImage]
) -> None:
    pictures = []
    for index, film in enumerate(films):
        pixels = film.pixels.astype(np.float32)
        if change == "implants":
            for box in film.boxes:
                draw_implant(pixels, box, np.random.default_rng([SEED, index]))
        elif change == "inverted":
            pixels = 255 - pixels
        elif change == "flat":
            pixels = 0.4 * cv2.GaussianBlur(pixels, (0, 0), 1.0) + 90
        pictures.append(pixels.clip(0, 255).astype(np.uint8))
    detections = detector.detect(pictures)
    metrics = detection_metrics(
        [film.boxes for film in films],
        [
            np.array([detection.box for detection in per_film], np.float32).reshape(-1, 4)
            for per_film in detections
        ],
        [np.array([detection.score for detection in per_film], np.float32) for per_film in detections],
        0.25,
    )
    assert (metrics.found, metrics.false_alarms) == (1, 0)
    assert metrics.map50 > 0.99
    assert metrics.mean_iou > (0.92 if change == "none" else 0.88)


def test_pictures_without_bones_have_no_joint(detector: JointDetector) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (500, 400)).astype(np.uint8)
    ramp = np.tile(np.linspace(0, 255, 600).astype(np.uint8), (400, 1))
    assert detector.detect([np.zeros((64, 900), np.uint8), noise, ramp]) == [[], [], []]


def test_boxes_do_not_depend_on_padding(detector: JointDetector, films: list[BoxedImage]) -> None:
    halves = [np.ascontiguousarray(film.pixels[:, : film.pixels.shape[1] // 2]) for film in films]
    trimmed = detector.detector
    padded = Detector(trimmed.layout, trimmed.engine, trimmed.resize)
    sizes = {
        trim_padding((half.shape[1], half.shape[0]), trimmed.layout.size, trimmed.layout.stride)
        for half in halves
    }
    assert max(width for width, _ in sizes) < trimmed.layout.size[0]
    pairs = [
        (ours, theirs)
        for (ours, _), (theirs, _) in zip(trimmed.boxes(halves, 0.5), padded.boxes(halves, 0.5), strict=True)
    ]
    assert sum(len(ours) for ours, _ in pairs) >= len(halves) // 2
    for ours, theirs in pairs:
        assert len(ours) == len(theirs)
        assert (iou_matrix(ours, theirs).diagonal() > 0.9).all()  # 0.92 where the edge cuts the joint
