"""The network that tells a right knee from a left one, and how a picture is brought to its input."""

from collections.abc import Callable

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from jsl_core.detection.cfg import Section, format_cfg
from jsl_core.detection.darknet import normalise_batchnorm_variance, weights_bytes
from jsl_core.detection.layers import ConvBlock

__all__ = ["INPUT_SIZE", "SideEngine", "SideNetwork", "make_side_engine", "normalise_contrast"]

INPUT_SIZE = 96  # pixels a side of the network's input
FILTERS_AND_STRIDES = ((16, 2), (32, 2), (32, 1), (48, 2), (64, 1), (96, 2), (96, 1))
SURROUND = 6.0  # pixels of the input: the spread over which contrast is evened out
FLOOR = 0.05  # of the picture's mean contrast, added to the local one, so that noise in flat parts stays low
LARGEST = 4.0  # local standard deviations, beyond which values are cut off

Picture = NDArray[np.float32]
SideEngine = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Logits N, above 0 for a right knee, of pictures N×96×96 after `normalise_contrast`."""


class SideNetwork(nn.Module):
    """Convolutions whose last one gives a map of evidence for a right knee.

    The answer is the map's mean for the picture less that for its mirror image: the two get opposite answers
    by construction, and a picture that is its own mirror image gets 0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sections = _sections()
        self.layers = nn.ModuleList()
        channels = 1
        for section in self.sections[1:]:
            block = ConvBlock(section, channels)
            self.layers.append(block)
            channels = block.conv.out_channels

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits B, above 0 for a right knee, of pictures B×1×96×96 after `normalise_contrast`."""
        maps = torch.cat([pictures, pictures.flip(3)])
        for layer in self.layers:
            maps = layer(maps)
        evidence, mirrored = maps.mean((1, 2, 3)).chunk(2)
        return evidence - mirrored


def _sections() -> tuple[Section, ...]:
    net = Section("net", {"width": str(INPUT_SIZE), "height": str(INPUT_SIZE), "channels": "1"})
    hidden = (
        Section(
            "convolutional",
            {
                "batch_normalize": "1",
                "filters": str(filters),
                "size": "3",
                "stride": str(stride),
                "pad": "1",
                "activation": "leaky",
            },
        )
        for filters, stride in FILTERS_AND_STRIDES
    )
    last = {"filters": "1", "size": "1", "stride": "1", "pad": "1", "activation": "linear"}
    return (net, *hidden, Section("convolutional", last))


def make_side_engine(network: SideNetwork) -> SideEngine:
    """Make an engine of a copy of the network in OpenCV's DNN module, fp32, as for the detector."""
    net = cv2.dnn.readNetFromDarknet(
        np.frombuffer(format_cfg(network.sections).encode(), np.uint8),
        np.frombuffer(weights_bytes(normalise_batchnorm_variance(network)), np.uint8),
    )

    def run(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        both = np.concatenate([pictures, pictures[:, :, ::-1]])
        net.setInput(np.ascontiguousarray(both[:, None]))
        evidence, mirrored = np.split(np.asarray(net.forward()).mean((1, 2, 3)), 2)
        return evidence - mirrored

    return run


def normalise_contrast(picture: Picture) -> Picture:
    """Even out a picture's brightness and contrast, so that exposure, window and shading hardly matter.

    Each pixel becomes its distance from the mean of its surroundings, in their standard deviations: a
    negative becomes exactly the opposite, an even picture 0.

    Args:
        picture: float32 H×W, of any range.

    Returns:
        float32 H×W, within -4…4.
    """
    detail = picture - cv2.GaussianBlur(picture, (0, 0), SURROUND)
    contrast = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), SURROUND))
    floor = FLOOR * float(contrast.mean())
    if floor <= 1e-6 * float(np.abs(picture).max(initial=0)):  # rounding, not contrast
        return np.zeros_like(picture)
    return np.clip(detail / (contrast + np.float32(floor)), -LARGEST, LARGEST)
