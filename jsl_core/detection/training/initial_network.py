"""The network that training starts from: a new one with anchors of its films, or an earlier detector."""

import math
from pathlib import Path

import numpy as np
import torch

from jsl_core.config import DetectorTrainSettings
from jsl_core.detection.detector import SHIPPED
from jsl_core.detection.layers import ConvBlock
from jsl_core.detection.layout import Head
from jsl_core.detection.network import Network, load_network
from jsl_core.detection.training.anchors import kmeans_anchors
from jsl_core.detection.training.architectures import yolov4, yolov4_tiny
from jsl_core.detection.training.augment import Augmentation
from jsl_core.detection.training.films import Sampler
from jsl_core.errors import DetectorError

__all__ = ["initial_files", "initial_network"]

ANCHOR_FILMS = 400


def initial_network(sampler: Sampler, settings: DetectorTrainSettings) -> Network:
    """Build the untrained network of the settings, or load the one they start from.

    Args:
        sampler: Draws the films whose boxes decide the anchors of a new network.
        settings: Network, input size, and the detector to start from.

    Raises:
        DetectorError: Where the files of the one to start from cannot be used, or no film has a joint.
    """
    if settings.start:
        cfg, weights = initial_files(settings.start)
        return load_network(cfg, weights)
    sizes = _box_sizes(sampler, settings)
    if settings.network == "yolov4":
        return _lower_initial_objectness(Network(yolov4(1, settings.size, 1, kmeans_anchors(sizes, 9))))
    anchors = kmeans_anchors(sizes, 6)
    return _lower_initial_objectness(
        Network(yolov4_tiny(1, settings.size, 1, anchors, settings.width, spp=True))
    )


def initial_files(start: str) -> tuple[Path, Path]:
    """The cfg and the weights that `start` names: `shipped`, or a weights file with its cfg beside it.

    Raises:
        DetectorError: Where it names no file.
    """
    if start == "shipped":
        return SHIPPED
    if not Path(start).name:
        raise DetectorError(f"start from {start}: is no weights file; name a .safetensors or .weights file")
    return Path(start).with_suffix(".cfg"), Path(start)


def _box_sizes(sampler: Sampler, settings: DetectorTrainSettings) -> np.ndarray:
    """Widths and heights N×2 of the joints on the first films drawn, in pixels of the input."""
    augment = Augmentation((settings.size, settings.size), settings.mosaic)
    boxes = np.concatenate(
        [augment(sampler, np.random.default_rng([settings.seed, 0, i])).boxes for i in range(ANCHOR_FILMS)]
    )
    if not len(boxes):
        raise DetectorError("no training film has a box; a detector learns from films that show a joint")
    return boxes[:, 2:] - boxes[:, :2]


@torch.no_grad()
def _lower_initial_objectness(network: Network) -> Network:
    """Start heads from an objectness of 0.01, since nearly all cells are empty (arXiv 1708.02002, 4.1)."""
    for layer, following in zip(network.layers, network.layout.layers[1:], strict=False):
        if isinstance(following, Head) and isinstance(layer, ConvBlock) and layer.conv.bias is not None:
            bias = layer.conv.bias.view(-1, 5 + following.classes)
            bias[:, 4] = math.log(0.01 / 0.99)
    return network
