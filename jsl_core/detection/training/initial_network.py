"""What a detector's training starts from: a new network with anchors of its films, or an earlier detector."""

import math
from pathlib import Path

import numpy as np
import torch

from jsl_core.config import DetectorTrainSettings
from jsl_core.detection.detector import SHIPPED, load_network
from jsl_core.detection.layers import ConvBlock
from jsl_core.detection.network import Network
from jsl_core.detection.training.anchors import kmeans_anchors
from jsl_core.detection.training.architectures import yolov4, yolov4_tiny
from jsl_core.detection.training.augment import Augment
from jsl_core.detection.training.films import Sampler

__all__ = ["first_network", "start_files"]

ANCHOR_FILMS = 400


def first_network(sampler: Sampler, settings: DetectorTrainSettings) -> Network:
    """The untrained network of the settings, or the one they start from.

    Raises DetectorError where that one's files cannot be used.
    """
    if settings.start:
        cfg, weights = start_files(settings.start)
        return load_network(cfg, weights)
    sizes = _box_sizes(sampler, settings)
    if settings.network == "yolov4":
        return _expecting_little(Network(yolov4(1, settings.size, 1, kmeans_anchors(sizes, 9))))
    anchors = kmeans_anchors(sizes, 6)
    return _expecting_little(Network(yolov4_tiny(1, settings.size, 1, anchors, settings.width, spp=True)))


def start_files(start: str) -> tuple[Path, Path]:
    """The cfg and the weights that `start` names: `shipped`, or a weights file with its cfg beside it."""
    if start == "shipped":
        return SHIPPED
    return Path(start).with_suffix(".cfg"), Path(start)


def _box_sizes(sampler: Sampler, settings: DetectorTrainSettings) -> np.ndarray:
    """Widths and heights N×2 of the joints on the first films drawn, in pixels of the input."""
    augment = Augment((settings.size, settings.size), settings.mosaic)
    drawn = [
        augment(sampler, np.random.default_rng([settings.seed, 0, i])).boxes for i in range(ANCHOR_FILMS)
    ]
    boxes = np.concatenate(drawn)
    return boxes[:, 2:] - boxes[:, :2]


@torch.no_grad()
def _expecting_little(network: Network) -> Network:
    """Heads start from an objectness of 0.01, since nearly all cells are empty (arXiv 1708.02002, 4.1)."""
    for layer, following in zip(network.layers, network.sections[2:], strict=False):
        if following.kind == "yolo" and isinstance(layer, ConvBlock) and layer.conv.bias is not None:
            bias = layer.conv.bias.view(-1, 5 + following.integer("classes", 1))
            bias[:, 4] = math.log(0.01 / 0.99)
    return network
