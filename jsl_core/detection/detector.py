"""The joint detector: films in, scored boxes out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from jsl_core.config import CropSettings
from jsl_core.detection.decoding import decode
from jsl_core.detection.engines import Engine, start_engine
from jsl_core.detection.knee_pairing import pair_knees
from jsl_core.detection.layout import Layout
from jsl_core.detection.model import Model, load_model
from jsl_core.detection.resize import ResizeMethod, resize_to_input, to_eight_bits, trim_padding
from jsl_core.errors import DetectorError

__all__ = ["SHIPPED", "Detection", "Detector", "JointDetector", "load_chosen_model"]

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
    """A network's layout, its engine, and its way of resizing; boxes of any class count as joints.

    `trim`: leave padding out of letterboxed inputs, which is faster and changes boxes by a hair.
    """

    def __init__(self, layout: Layout, engine: Engine, resize: ResizeMethod, *, trim: bool = False) -> None:
        self.layout, self.engine, self.resize = layout, engine, resize
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
        size = size or self.layout.size
        groups: dict[tuple[int, int], list[int]] = {}
        for number, image in enumerate(images):
            height, width = image.shape
            trimmed = trim_padding((width, height), size, self.layout.stride) if self.trim else size
            groups.setdefault(trimmed, []).append(number)
        found: dict[int, tuple[Boxes, NDArray[np.float32]]] = {}
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
        boxes, scores = decode(self.engine(np.stack([canvas for canvas, _ in inputs])), self.layout.heads)
        results = []
        for image, (_, transform), box, value in zip(images, inputs, boxes, scores.max(-1), strict=True):
            likely = value >= score
            box, value = box[likely], value[likely]
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
        model = load_chosen_model(settings)
        engine, resize = start_engine(model, device), _choose_resize(settings, model.layout)
        detector = Detector(model.layout, engine, resize, trim=not settings.cfg)
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


def load_chosen_model(settings: CropSettings) -> Model:
    """Load the network that the settings name: a user's own, or the shipped one.

    Raises:
        DetectorError: Where the files are missing, damaged or no pair.
    """
    if bool(settings.cfg) != bool(settings.weights):
        raise DetectorError("a detector of your own needs both cfg and weights; give both or neither")
    files = (Path(settings.cfg), Path(settings.weights)) if settings.cfg else SHIPPED
    return load_model(*files)


def _suppress_overlapping(boxes: Boxes, scores: NDArray[np.float32], iou: float) -> NDArray[np.intp]:
    """Non-maximum suppression: which of N×4 boxes remain, best first, with no overlap above `iou`.

    OpenCV's: torchvision's own takes a second to load, most of it for compilers of networks.
    """
    corner, size = boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
    rectangles = np.concatenate([corner, size], 1).tolist()
    return np.asarray(cv2.dnn.NMSBoxes(rectangles, scores.tolist(), 0.0, iou), np.intp)


def _choose_resize(settings: CropSettings, layout: Layout) -> ResizeMethod:
    """As set, or as the cfg says the network was trained: stretched, if it says nothing."""
    if settings.resize != "auto":
        return settings.resize
    return "letterbox" if layout.sections[0].integer("letter_box", 0) else "stretch"
