"""The joint detector: films in, scored boxes out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from jsl_core.config import CropSettings
from jsl_core.detection.boxes import decode
from jsl_core.detection.cfg import read_cfg, write_cfg
from jsl_core.detection.darknet import load_weights
from jsl_core.detection.engines import Engine, opencv_engine, torch_engine
from jsl_core.detection.knee_pairing import joints_of_legs
from jsl_core.detection.network import Network
from jsl_core.detection.resize import Resize, eight_bits, fit
from jsl_core.errors import DetectorError
from jsl_core.system.files import replace_atomically, write_atomically

__all__ = ["SHIPPED", "Detection", "Detector", "JointDetector", "load_network", "save_detector"]

_WEIGHTS = Path(__file__).with_name("weights")
SHIPPED = _WEIGHTS / "knee.cfg", _WEIGHTS / "knee.safetensors"

Boxes = NDArray[np.float32]


@dataclass(frozen=True)
class Detection:
    """A box in pixels of the image it was found in (x right, y down), within it, and its score 0…1."""

    x1: float
    y1: float
    x2: float
    y2: float
    score: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        return self.x1, self.y1, self.x2, self.y2


class Detector:
    """A network, the engine that runs it, and its way of resizing; boxes of any class count as joints."""

    def __init__(self, network: Network, engine: Engine, resize: Resize) -> None:
        self.network, self.engine, self.resize = network, engine, resize

    def boxes(
        self, images: Sequence[NDArray[np.unsignedinteger]], score: float, nms_iou: float = 0.5
    ) -> list[tuple[Boxes, NDArray[np.float32]]]:
        """Boxes N×4 in pixels of each image H×W, clipped to it, and scores N ≥ `score`, best first."""
        if not images:
            return []
        fitted = [fit(eight_bits(image), self.network.size, self.resize) for image in images]
        found, scores = decode(self.engine(np.stack([canvas for canvas, _ in fitted])), self.network.heads)
        results = []
        for image, (_, place), box, value in zip(
            images, fitted, found.cpu(), scores.amax(-1).cpu(), strict=True
        ):
            likely = (value >= score).numpy()
            box, value = box.numpy()[likely], value.numpy()[likely]
            kept = _best_apart(box, value, nms_iou)
            height, width = image.shape
            pixels = place.back(box[kept]).clip(0, [width, height, width, height])
            results.append((pixels.astype(np.float32), value[kept]))
        return results


class JointDetector:
    """Finds knee joints with the shipped network, or with a user's own Darknet one.

    `one_film`: boxes that cannot be of the same person's knees as the best one are dropped.
    """

    def __init__(
        self, detector: Detector, score: float, nms_iou: float, *, one_film: bool = True, batch: int = 8
    ) -> None:
        self.detector, self.score, self.nms_iou = detector, score, nms_iou
        self.one_film, self.batch = one_film, batch

    @classmethod
    def load(cls, settings: CropSettings, device: str = "auto") -> "JointDetector":
        """The detector the settings name; raises DetectorError where its files are damaged or no pair.

        Of the shipped one's boxes only those of one person's knees are kept; a user's own gives all of its.
        """
        if bool(settings.cfg) != bool(settings.weights):
            raise DetectorError("A detector of your own needs both cfg and weights; give both or neither.")
        if settings.cfg:
            network = load_network(Path(settings.cfg), Path(settings.weights))
        else:
            network = load_network(*SHIPPED)
        detector = Detector(network, _started(network, device), _resize(settings, network))
        return cls(detector, settings.score, settings.nms_iou, one_film=not settings.cfg)

    def detect(self, images: Sequence[NDArray[np.unsignedinteger]]) -> list[list[Detection]]:
        """The detections of each grey image (uint8 or uint16 H×W), in its pixels, best score first."""
        found: list[list[Detection]] = []
        for first in range(0, len(images), self.batch):
            for boxes, scores in self.detector.boxes(
                images[first : first + self.batch], self.score, self.nms_iou
            ):
                rows = zip(boxes.tolist(), scores.tolist(), strict=True)
                boxed = [Detection(x1, y1, x2, y2, score) for (x1, y1, x2, y2), score in rows]
                found.append(joints_of_legs(boxed) if self.one_film else boxed)
        return found


def load_network(cfg: Path, weights: Path) -> Network:
    """A network in evaluation mode from a cfg and its weights: Darknet's `.weights`, or `.safetensors`."""
    network = Network(read_cfg(cfg)).eval()
    if weights.suffix != ".safetensors":
        load_weights(network, weights)
        return network
    try:
        network.load_state_dict(load_file(weights), strict=False)
    except Exception as error:
        raise DetectorError(
            f"{weights.name} does not hold the weights of {cfg.name}; are they a pair?"
        ) from error
    return network


def save_detector(network: Network, cfg: Path, weights: Path) -> None:
    """Write a network as a cfg and half-precision safetensors, each file whole or not at all."""
    state = {
        key: value.detach().half().contiguous().cpu()
        for key, value in network.state_dict().items()
        if value.is_floating_point()  # not the batch norms' step counters
    }
    with replace_atomically(weights) as temporary:
        save_file(state, temporary)
    with write_atomically(cfg) as file:
        file.write(write_cfg(network.sections).encode())


def _best_apart(boxes: Boxes, scores: NDArray[np.float32], iou: float) -> NDArray[np.intp]:
    """Which of N×4 boxes remain, best first, where of those that overlap by more than `iou` the best does.

    OpenCV's: torchvision's own takes a second to load, most of it for compilers of networks.
    """
    corner, size = boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
    rectangles = np.concatenate([corner, size], 1).tolist()
    return np.asarray(cv2.dnn.NMSBoxes(rectangles, scores.tolist(), 0.0, iou), np.intp)


def _resize(settings: CropSettings, network: Network) -> Resize:
    """As asked for, or as the cfg says the network was trained: stretched, if it says nothing."""
    if settings.resize != "auto":
        return settings.resize
    return "letterbox" if network.sections[0].integer("letter_box", 0) else "stretch"


def _started(network: Network, device: str) -> Engine:
    """PyTorch in half precision where there is a GPU, OpenCV elsewhere."""
    if device == "cuda" or (device == "auto" and torch.cuda.is_available()):
        return torch_engine(network.to("cuda", torch.float16).to(memory_format=torch.channels_last))
    return opencv_engine(network)
