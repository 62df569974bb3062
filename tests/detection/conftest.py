"""Detectors with random but harmless weights, and drawn knees that need no file."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch

from jsl_core.detection.network import Network
from jsl_core.detection.training.architectures import yolov4_tiny
from jsl_core.detection.training.films import BoxedImage


def shaken(network: Network, seed: int = 0) -> Network:
    """The network with random batch-norm statistics, so that every tensor of the file matters."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor, low, high in (
                (module.weight, 0.5, 1.5),
                (module.bias, -0.2, 0.2),
                (module.running_mean, -0.2, 0.2),
                (module.running_var, 0.5, 1.5),
            ):
                tensor.data.uniform_(low, high, generator=generator)
    return network.eval()


@pytest.fixture
def tiny() -> Network:
    """A slim one-channel YOLOv4-tiny for 128-pixel images."""
    torch.manual_seed(0)
    return shaken(Network(yolov4_tiny(1, 128, 1, width=0.25, spp=True)))


@pytest.fixture
def draw_knee() -> Callable[[np.random.Generator], BoxedImage]:
    """A sampler of cartoons: two bright bones with a dark gap, whose box follows from the gap."""

    def draw(rng: np.random.Generator) -> BoxedImage:
        film = np.full((160, 120), 20, np.uint8)
        width, x, y = int(rng.integers(30, 60)), int(rng.integers(45, 75)), int(rng.integers(60, 100))
        cv2.rectangle(film, (x - width // 2, 0), (x + width // 2, y - 3), 200, -1)
        cv2.rectangle(film, (x - width // 2, y + 3), (x + width // 2, 159), 180, -1)
        side = 1.45 * width
        box = [x - side / 2, y - 0.54 * side, x + side / 2, y + 0.46 * side]
        return BoxedImage(
            film, np.clip(np.array([box], np.float32), 0, [120, 160, 120, 160]).astype(np.float32)
        )

    return draw
