"""The joint detector: films in, scored boxes out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from jsl_core.config import CropSettings
from jsl_core.detection.boxes import decode
from jsl_core.detection.cfg import format_cfg, read_cfg
from jsl_core.detection.darknet import load_weights
from jsl_core.detection.engines import Engine, make_opencv_engine, make_torch_engine
from jsl_core.detection.half_precision import save_half_precision
from jsl_core.detection.knee_pairing import pair_knees
from jsl_core.detection.network import Network
from jsl_core.detection.resize import ResizeMethod, resize_to_input, to_eight_bits, trim_padding
from jsl_core.errors import DetectorError
from jsl_core.system.files import write_atomically

__all__ = ["SHIPPED", "Detection", "Detector", "JointDetector", "load_network", "save_detector"]

# Both names are written out: they tell a static reader of this module which data it loads.
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
        """The box in pixels, (x1, y1, x2, y2)."""
        return self.x1, self.y1, self.x2, self.y2


class Detector:
    """A network, the engine that runs it, and its way of resizing; boxes of any class count as joints.

    `trim`: leave padding out of letterboxed inputs, which is faster and changes boxes by a hair.
    """

    def __init__(self, network: Network, engine: Engine, resize: ResizeMethod, *, trim: bool = False) -> None:
        self.network, self.engine, self.resize = network, engine, resize
        self.trim = trim and resize == "letterbox"

    def boxes(
        self,
        images: Sequence[NDArray[np.unsignedinteger]],
        score: float,
        nms_iou: float = 0.5,
        size: tuple[int, int] | None = None,
    ) -> list[tuple[Boxes, NDArray[np.float32]]]:
        """Find the joints of images, all those of one input size in one batch.

        Args:
            images: Grey, uint8 or uint16, each H×W of any size.
            score: The least score of a box, 0…1.
            nms_iou: Of boxes that overlap by more than this only the best remains.
            size: Width and height to which images are resized, multiples of 32; None: the network's own.

        Returns:
            Per image boxes N×4 (x1, y1, x2, y2 in its pixels, clipped to it) and scores N, best first.
        """
        size = size or self.network.size
        groups: dict[tuple[int, int], list[int]] = {}
        for number, image in enumerate(images):
            height, width = image.shape
            trimmed = trim_padding((width, height), size, self.network.stride) if self.trim else size
            groups.setdefault(trimmed, []).append(number)
        found = {}
        for trimmed, numbers in groups.items():
            batch = [images[number] for number in numbers]
            found |= zip(numbers, self._boxes_of_batch(batch, score, nms_iou, trimmed), strict=True)
        return [found[number] for number in range(len(images))]

    def _boxes_of_batch(
        self,
        images: Sequence[NDArray[np.unsignedinteger]],
        score: float,
        nms_iou: float,
        size: tuple[int, int],
    ) -> list[tuple[Boxes, NDArray[np.float32]]]:
        inputs = [resize_to_input(to_eight_bits(image), size, self.resize) for image in images]
        boxes, scores = decode(self.engine(np.stack([canvas for canvas, _ in inputs])), self.network.heads)
        results = []
        for image, (_, transform), box, value in zip(
            images, inputs, boxes.cpu(), scores.amax(-1).cpu(), strict=True
        ):
            likely = (value >= score).numpy()
            box, value = box.numpy()[likely], value.numpy()[likely]
            best = _suppress_overlapping(box, value, nms_iou)
            height, width = image.shape
            pixels = transform.to_image(box[best]).clip(0, [width, height, width, height])
            results.append((pixels.astype(np.float32), value[best]))
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
        """Load the detector that the settings name.

        Of the shipped one's boxes only those of one person's knees are kept, and its inputs are trimmed; a
        user's own gives all of its boxes, from inputs as Darknet makes them.

        Args:
            settings: Files, threshold and overlap of the detector.
            device: `cpu`, `cuda`, or `auto`: the GPU where there is one.

        Raises:
            DetectorError: Where the files are missing, damaged or no pair, or there is no such device.
        """
        if bool(settings.cfg) != bool(settings.weights):
            raise DetectorError("a detector of your own needs both cfg and weights; give both or neither")
        if settings.cfg:
            network = load_network(Path(settings.cfg), Path(settings.weights))
        else:
            network = load_network(*SHIPPED)
        engine, resize = _start_engine(network, device), _choose_resize(settings, network)
        detector = Detector(network, engine, resize, trim=not settings.cfg)
        return cls(detector, settings.score, settings.nms_iou, one_film=not settings.cfg)

    def detect(self, images: Sequence[NDArray[np.unsignedinteger]]) -> list[list[Detection]]:
        """The detections of each grey image (uint8 or uint16 H×W), in its pixels, best score first."""
        results: list[list[Detection]] = []
        for first in range(0, len(images), self.batch):
            for boxes, scores in self.detector.boxes(
                images[first : first + self.batch], self.score, self.nms_iou
            ):
                rows = zip(boxes.tolist(), scores.tolist(), strict=True)
                detections = [Detection(x1, y1, x2, y2, score) for (x1, y1, x2, y2), score in rows]
                results.append(pair_knees(detections) if self.one_film else detections)
        return results


def load_network(cfg: Path, weights: Path) -> Network:
    """Load a network, in evaluation mode, from a cfg and its weights: `.safetensors`, or Darknet's own.

    Raises:
        DetectorError: Where a file cannot be read, or the two are no pair.
    """
    network = Network(read_cfg(cfg)).eval()
    if weights.suffix != ".safetensors":
        load_weights(network, weights)
        return network
    no_pair = f"{weights.name} does not hold the weights of {cfg.name}; are they a pair?"
    try:
        keys = network.load_state_dict(load_file(weights), strict=False)
    except OSError as error:
        raise DetectorError(f"{weights} cannot be read; check the path of the weights") from error
    except Exception as error:
        raise DetectorError(no_pair) from error
    # The batch norms' step counters are not saved.
    if keys.unexpected_keys or any(not key.endswith("num_batches_tracked") for key in keys.missing_keys):
        raise DetectorError(no_pair)
    return network


def save_detector(network: Network, cfg: Path, weights: Path) -> None:
    """Write a network as a cfg and half-precision safetensors, each file whole or not at all.

    Raises:
        StoreError: Where a file cannot be written.
    """
    save_half_precision(network, weights)
    with write_atomically(cfg) as file:
        file.write(format_cfg(network.sections).encode())


def _suppress_overlapping(boxes: Boxes, scores: NDArray[np.float32], iou: float) -> NDArray[np.intp]:
    """Non-maximum suppression: which of N×4 boxes remain, best first, with no overlap above `iou`.

    OpenCV's: torchvision's own takes a second to load, most of it for compilers of networks.
    """
    corner, size = boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
    rectangles = np.concatenate([corner, size], 1).tolist()
    return np.asarray(cv2.dnn.NMSBoxes(rectangles, scores.tolist(), 0.0, iou), np.intp)


def _choose_resize(settings: CropSettings, network: Network) -> ResizeMethod:
    """As set, or as the cfg says the network was trained: stretched, if it says nothing."""
    if settings.resize != "auto":
        return settings.resize
    return "letterbox" if network.sections[0].integer("letter_box", 0) else "stretch"


def _start_engine(network: Network, device: str) -> Engine:
    """PyTorch in half precision on a GPU, OpenCV without one."""
    if device == "cuda" and not torch.cuda.is_available():
        raise DetectorError("no CUDA GPU can be used here; set device to auto or cpu")
    if device == "cuda" or (device == "auto" and torch.cuda.is_available()):
        return make_torch_engine(network.to("cuda", torch.float16).to(memory_format=torch.channels_last))
    return make_opencv_engine(network)
