"""How a joint's picture shows it: with bright or with dark bone, upright or on its head.

The detector finds joints on negatives, and on many films that stand on their heads, as well as on others, and
headers often do not tell.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, cat, nn

from jsl_core.detection.cfg import Section, format_cfg
from jsl_core.detection.darknet import normalise_batchnorm_variance, weights_bytes
from jsl_core.detection.half_precision import save_half_precision
from jsl_core.detection.layers import ConvBlock
from jsl_core.errors import DetectorError

__all__ = ["INPUT_SIZE", "SHIPPED_POSE", "PoseNetwork", "PoseReader", "PoseReading", "cut_patch", "save_pose"]

SHIPPED_POSE = Path(__file__).with_name("weights") / "pose.safetensors"
INPUT_SIZE = 64  # pixels a side of the network's input
MARGIN = 1.25  # width of the patch in sides of the joint box: femur and tibia differ most away from the joint
FILTERS_AND_STRIDES = ((16, 2), (24, 2), (32, 1), (32, 2), (48, 1))
LARGEST = 3.0  # mean absolute deviations, beyond which grey levels are cut off

Box = tuple[float, float, float, float]
Maps = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class PoseReading:
    """What one joint shows, in log-odds: above 0 bone is `bright`, the knee is `upright`."""

    bright: float
    upright: float


class PoseNetwork(nn.Module):
    """Convolutions whose last one gives two maps of evidence: that bone is bright, that the knee is upright.

    Each answer is a map's mean for the patch less that for its opposite, the negative or the patch turned by
    180°: opposites get opposite answers by construction.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sections = _sections()
        self.layers = nn.ModuleList()
        channels = 1
        for section in self.sections[1:]:
            self.layers.append(block := ConvBlock(section, channels))
            channels = block.conv.out_channels

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Log-odds B that bone is bright, and B that the knee is upright if it is.

        Args:
            patches: B×1×64×64 of `cut_patch`.
        """
        maps = cat([patches, -patches, patches.flip(2, 3)])
        for layer in self.layers:
            maps = layer(maps)
        plain, negative, turned = maps.mean((2, 3)).chunk(3)
        return plain[:, 0] - negative[:, 0], plain[:, 1] - turned[:, 1]


def _sections() -> tuple[Section, ...]:
    common = {"size": "3", "pad": "1", "batch_normalize": "1", "activation": "leaky"}
    hidden = (
        Section("convolutional", {"filters": str(filters), "stride": str(stride), **common})
        for filters, stride in FILTERS_AND_STRIDES
    )
    last = {"filters": "2", "size": "1", "stride": "1", "pad": "1", "activation": "linear"}
    net = Section("net", {"width": str(INPUT_SIZE), "height": str(INPUT_SIZE), "channels": "1"})
    return (net, *hidden, Section("convolutional", last))


class PoseReader:
    """Reads how joints are shown."""

    def __init__(self, network: PoseNetwork) -> None:
        # OpenCV's engine for the detector's reasons (`engines.py`).
        self._net = cv2.dnn.readNetFromDarknet(
            np.frombuffer(format_cfg(network.sections).encode(), np.uint8),
            np.frombuffer(weights_bytes(normalise_batchnorm_variance(network)), np.uint8),
        )

    @classmethod
    def load(cls, weights: Path = SHIPPED_POSE) -> "PoseReader":
        """Load the shipped network, or another one that `save_pose` wrote.

        Raises:
            DetectorError: Where the file cannot be read or holds no such network.
        """
        network = PoseNetwork().eval()
        try:
            keys = network.load_state_dict(load_file(weights), strict=False)
        except OSError as error:
            raise DetectorError(f"{weights} cannot be read; check the path of the weights") from error
        except (SafetensorError, RuntimeError) as error:
            raise DetectorError(f"{weights.name} does not hold a pose network; train one anew") from error
        if keys.unexpected_keys or any(not key.endswith("num_batches_tracked") for key in keys.missing_keys):
            raise DetectorError(f"{weights.name} does not hold a pose network; train one anew")
        return cls(network)

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


def save_pose(network: PoseNetwork, weights: Path) -> None:
    """Write a pose network as half-precision safetensors, whole or not at all.

    Raises:
        StoreError: Where the file cannot be written.
    """
    save_half_precision(network, weights)
