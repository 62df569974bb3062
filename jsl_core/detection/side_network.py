"""The network that tells a right knee from a left one, and how a picture is brought to its input."""

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from jsl_core.detection.cfg import Section
from jsl_core.detection.engines import read_net
from jsl_core.detection.layout import Layout, read_layout
from jsl_core.detection.model import Model, Weights

__all__ = ["INPUT_SIZE", "SideEngine", "make_side_engine", "normalise_contrast", "side_layout"]

INPUT_SIZE = 96  # pixels a side of the network's input
FILTERS_AND_STRIDES = ((16, 2), (32, 2), (32, 1), (48, 2), (64, 1), (96, 2), (96, 1))
SURROUND = 6.0  # pixels of the input: the spread over which contrast is evened out
FLOOR = 0.05  # of the picture's mean contrast, added to the local one, so that noise in flat parts stays low
LARGEST = 4.0  # local standard deviations, beyond which values are cut off

Picture = NDArray[np.float32]
SideEngine = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Logits N, above 0 for a right knee, of pictures N×96×96 after `normalise_contrast`."""


@cache
def side_layout() -> Layout:
    """Convolutions whose last one gives a map of evidence for a right knee.

    The answer is the map's mean for the picture less that for its mirror image: the two get opposite answers
    by construction, and a picture that is its own mirror image gets 0.
    """
    net = Section("net", {"width": str(INPUT_SIZE), "height": str(INPUT_SIZE), "channels": "1"})
    common = {"size": "3", "pad": "1", "batch_normalize": "1", "activation": "leaky"}
    hidden = (
        Section("convolutional", {"filters": str(filters), "stride": str(stride), **common})
        for filters, stride in FILTERS_AND_STRIDES
    )
    last = {"filters": "1", "size": "1", "stride": "1", "pad": "1", "activation": "linear"}
    return read_layout((net, *hidden, Section("convolutional", last)))


def make_side_engine(weights: Weights) -> SideEngine:
    """Make an engine of the network in OpenCV's DNN module, fp32, as for the detector."""
    net = read_net(Model(side_layout(), weights))

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
