"""ONNX export, against ONNX Runtime and OpenCV's ONNX importer."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from jsl_core.detection.cfg import Section
from jsl_core.detection.decoding import decode
from jsl_core.detection.export import export_detector
from jsl_core.detection.network import Network
from jsl_core.detection.training.architectures import yolov4, yolov4_tiny
from tests.detection.conftest import shaken

pytest.importorskip("onnx", reason="the optional package onnx writes ONNX files")

SECTIONS = pytest.mark.parametrize(
    "sections", [yolov4_tiny(2, 224, 1, width=0.25, spp=True), yolov4(1, 96)], ids=["slim", "full"]
)


def _exported(sections: tuple[Section, ...], folder: Path) -> tuple[Path, np.ndarray, list[np.ndarray]]:
    """The file, an image batch of one, and our boxes and scores for it."""
    torch.manual_seed(3)
    network = shaken(Network(sections))
    (path,) = export_detector(network.to_model(), folder, "onnx")
    image = np.random.default_rng(3).random((1, network.layout.channels, *network.layout.size), np.float32)
    with torch.inference_mode():
        raws = [raw.numpy() for raw in network(torch.from_numpy(image))]
    return path, image, list(decode(raws, network.layout.heads))


@SECTIONS
def test_onnx_runtime_finds_the_same_boxes(sections: tuple[Section, ...], tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    path, image, (boxes, scores) = _exported(sections, tmp_path)
    outputs = runtime.InferenceSession(str(path)).run(["boxes", "scores"], {"images": image})
    np.testing.assert_allclose(outputs[0], boxes, atol=0.5)
    np.testing.assert_allclose(outputs[1], scores, atol=1e-4)


@SECTIONS
def test_opencv_onnx_importer_finds_the_same_boxes(sections: tuple[Section, ...], tmp_path: Path) -> None:
    path, image, (boxes, scores) = _exported(sections, tmp_path)
    net = cv2.dnn.readNetFromONNX(str(path))
    net.setInput(image)
    outputs = net.forward(["boxes", "scores"])
    np.testing.assert_allclose(outputs[0], boxes, atol=0.5)
    np.testing.assert_allclose(outputs[1], scores, atol=1e-4)
