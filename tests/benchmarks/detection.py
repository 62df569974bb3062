"""How fast a joint is found, from decoded pixels to box, beside OpenCV's importer on the same weights.

python tests/benchmarks/detection.py [--full]   # --full: YOLOv4 too, some seconds a knee
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from results import bars, keep, options, show

from jsl_core.config import CropSettings
from jsl_core.detection import JointDetector
from jsl_core.detection.cfg import Section
from jsl_core.detection.detector import load_chosen_model
from jsl_core.detection.export import export_detector
from jsl_core.detection.model import Model, load_model
from jsl_core.detection.network import Network
from jsl_core.detection.training.architectures import yolov4, yolov4_tiny

_KNEE = (1400, 900)  # height and width of a split knee in pixels
_SCORE, _NMS = 0.25, 0.5


def _opencv(folder: Path) -> Callable[[np.ndarray], object]:
    """OpenCV's own way: its importer, its blob, its NMS; stretched to the input, as Darknet does."""
    net = cv2.dnn.readNetFromDarknet(str(folder / "knee.cfg"), str(folder / "knee.weights"))
    names = net.getUnconnectedOutLayersNames()
    channels = load_model(folder / "knee.cfg", folder / "knee.weights").layout.channels

    def run(image: np.ndarray) -> object:
        pixels = image if channels == 1 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
        net.setInput(cv2.dnn.blobFromImage(pixels, 1 / 255, (416, 416)))
        rows = np.concatenate(net.forward(names))
        rows = rows[rows[:, 5] >= _SCORE]
        boxes = np.concatenate([rows[:, :2] - rows[:, 2:4] / 2, rows[:, 2:4]], 1) * (_KNEE[::-1] * 2)
        return cv2.dnn.NMSBoxes(boxes.tolist(), rows[:, 5].tolist(), _SCORE, _NMS)

    return run


def _ours(folder: Path) -> Callable[[np.ndarray], object]:
    files = {"cfg": str(folder / "knee.cfg"), "weights": str(folder / "knee.weights")}
    detector = JointDetector.load(CropSettings(**files, score=_SCORE, nms_iou=_NMS), "cpu")
    return lambda image: detector.detect([image])


def _measure(model: Model, rounds: int) -> dict[str, float]:
    """Both in turn, so that a busy machine slows both alike; medians in milliseconds."""
    image = np.random.default_rng(0).integers(0, 256, _KNEE, np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        export_detector(model, Path(folder), "darknet")
        runs = {"ours": _ours(Path(folder)), "OpenCV": _opencv(Path(folder))}
        taken: dict[str, list[float]] = {which: [] for which in runs}
        for _ in range(rounds + 2):
            for which, run in runs.items():
                start = time.perf_counter()
                run(image)
                taken[which].append(1000 * (time.perf_counter() - start))
    return {which: statistics.median(times[2:]) for which, times in taken.items()}


def _untrained(sections: tuple[Section, ...]) -> Model:
    torch.manual_seed(0)
    return Network(sections).eval().to_model()


def main() -> None:
    parser = options(__doc__, "detection")
    parser.add_argument("--full", action="store_true")
    chosen = parser.parse_args()
    networks = {
        "shipped": (load_chosen_model(CropSettings()), 30),
        "YOLOv4-tiny": (_untrained(yolov4_tiny()), 20),
    }
    if chosen.full:
        networks["YOLOv4"] = _untrained(yolov4()), 5
    medians = {name: _measure(*network) for name, network in networks.items()}
    rows = [(name, *took.values(), took["ours"] / took["OpenCV"]) for name, took in medians.items()]
    show(("ms a knee", "ours", "OpenCV", "ours ÷ OpenCV"), rows)
    series = {which: [took[which] for took in medians.values()] for which in ("ours", "OpenCV")}
    keep(chosen.out, {"ms": medians}, bars("From pixels to boxes", list(medians), series, "ms a knee"))


if __name__ == "__main__":
    main()
