"""How a joint's picture shows it: with bright or with dark bone, upright or on its head.

The detector finds joints on negatives, and on many films that stand on their heads, as well as on others, and
headers often do not tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from jsl_core.detection.cfg import Section
from jsl_core.detection.engines import read_net
from jsl_core.detection.layout import Layout, read_layout
from jsl_core.detection.model import Model, Weights, read_safetensors

__all__ = ["INPUT_SIZE", "SHIPPED_POSE", "PoseReader", "PoseReading", "cut_patch", "pose_layout"]

SHIPPED_POSE = Path(__file__).with_name("weights") / "pose.safetensors"
INPUT_SIZE = 64  # pixels a side of the network's input
MARGIN = 1.25  # width of the patch in sides of the joint box: femur and tibia differ most away from the joint
FILTERS_AND_STRIDES = ((16, 2), (24, 2), (32, 1), (32, 2), (48, 1))
LARGEST = 3.0  # mean absolute deviations, beyond which grey levels are cut off

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class PoseReading:
    """What one joint shows, in log-odds: above 0 bone is `bright`, the knee is `upright`."""

    bright: float
    upright: float


@cache
def pose_layout() -> Layout:
    """Convolutions whose last one gives two maps of evidence: that bone is bright, that the knee is upright.

    Each answer is a map's mean for the patch less that for its opposite, the negative or the patch turned by
    180°: opposites get opposite answers by construction.
    """
    common = {"size": "3", "pad": "1", "batch_normalize": "1", "activation": "leaky"}
    hidden = (
        Section("convolutional", {"filters": str(filters), "stride": str(stride), **common})
        for filters, stride in FILTERS_AND_STRIDES
    )
    last = {"filters": "2", "size": "1", "stride": "1", "pad": "1", "activation": "linear"}
    net = Section("net", {"width": str(INPUT_SIZE), "height": str(INPUT_SIZE), "channels": "1"})
    return read_layout((net, *hidden, Section("convolutional", last)))


class PoseReader:
    """Reads how joints are shown."""

    def __init__(self, weights: Weights) -> None:
        self._net = read_net(Model(pose_layout(), weights))

    @classmethod
    def load(cls, path: Path = SHIPPED_POSE) -> "PoseReader":
        """Load the shipped network, or another one that `jsl detector train-pose` wrote.

        Raises:
            DetectorError: Where the file cannot be read or holds no such network.
        """
        no_network = f"{path.name} does not hold a pose network; train one anew"
        return cls(read_safetensors(pose_layout(), path, no_network)[0])

    def read(self, image: NDArray[np.unsignedinteger], boxes: Sequence[Box]) -> list[PoseReading]:
        """Read the joints of one image.

        Args:
            image: Grey, uint8 or uint16 H×W.
            boxes: The joint boxes (x1, y1, x2, y2) in its pixels.
        """
        if not boxes:
            return []
        patches = np.stack([cut_patch(image, box) for box in boxes])
        turned = patches[:, ::-1, ::-1]
        # One batch, as OpenCV makes itself ready anew for each size of one.
        maps = self._evidence(np.concatenate([patches, -patches, turned, -turned])).reshape(4, -1, 2)
        bright = maps[0, :, 0] - maps[1, :, 0]
        upright = np.where(bright < 0, maps[1, :, 1] - maps[3, :, 1], maps[0, :, 1] - maps[2, :, 1])
        return [PoseReading(*map(float, pair)) for pair in zip(bright, upright, strict=True)]

    def _evidence(self, patches: NDArray[np.float32]) -> NDArray[np.float64]:
        """Both maps' means, N×2, of patches N×64×64."""
        self._net.setInput(np.ascontiguousarray(patches[:, None]))
        return np.asarray(self._net.forward(), np.float64).mean((2, 3))


def cut_patch(image: NDArray[np.unsignedinteger], box: Box) -> NDArray[np.float32]:
    """Cut the square about a joint box, its grey levels evened out.

    Args:
        image: Grey, uint8 or uint16 H×W; what lies beyond it repeats its edge.
        box: (x1, y1, x2, y2) in its pixels.

    Returns:
        float32 64×64, in mean absolute deviations from the median, -3…3; a negative gives the opposite.
    """
    height, width = image.shape
    side = max(box[2] - box[0], box[3] - box[1], 2.0) * MARGIN
    left, top = (box[0] + box[2] - side) / 2, (box[1] + box[3] - side) / 2
    first = max(int(left), 0), max(int(top), 0)
    part = image[first[1] : min(int(top + side) + 2, height), first[0] : min(int(left + side) + 2, width)]
    step = max(round(side) // (2 * INPUT_SIZE), 1)  # so that averaging does not read every pixel
    part = np.ascontiguousarray(part[::step, ::step]).astype(np.float32)
    scale = INPUT_SIZE * step / side
    part = cv2.GaussianBlur(part, (0, 0), 0.5 / scale) if scale < 0.75 else part
    matrix = np.array(
        [[scale, 0, (first[0] - left) * scale / step], [0, scale, (first[1] - top) * scale / step]]
    )
    patch = cv2.warpAffine(part, matrix, (INPUT_SIZE, INPUT_SIZE), borderMode=cv2.BORDER_REPLICATE)
    patch -= np.float32(np.median(patch))
    deviation = np.float32(np.abs(patch).mean())
    return np.clip(patch / deviation, -LARGEST, LARGEST) if deviation > 0 else patch
