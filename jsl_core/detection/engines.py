"""Engines that run a network: OpenCV on a CPU, PyTorch on a GPU and in training.

Measured at 416 pixels on one core: OpenCV's fp32 needs 62 ms for YOLOv4-tiny and 22 ms for the shipped
network, PyTorch's (batch norms folded in, channels last) 75 and 22 ms. OpenCV also keeps its pace when the
machine is busy, while PyTorch's threads wait for each other.
"""

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jsl_core.detection.cfg import Section, format_cfg
from jsl_core.detection.darknet import normalise_batchnorm_variance, weights_bytes
from jsl_core.detection.layers import ConvBlock
from jsl_core.detection.network import Network

__all__ = ["Engine", "make_opencv_engine", "make_torch_engine", "to_one_channel"]

_SHAPES = 8  # of inputs whose nets are kept

Engine = Callable[[NDArray[np.uint8]], list[Tensor]]
"""Raw maps of the heads (each N×A·(5 + classes)×H×W) of grey images N×H×W of the network's size."""


def make_torch_engine(network: Network) -> Engine:
    """Make an engine of the network in PyTorch, on its own device and in its own precision."""

    @torch.inference_mode()
    def run(images: NDArray[np.uint8]) -> list[Tensor]:
        parameter = next(network.parameters())
        grey = torch.from_numpy(images)[:, None].to(parameter.device).to(parameter.dtype) / 255
        colour = grey.expand(-1, network.channels, -1, -1)
        return network(colour.contiguous(memory_format=torch.channels_last))

    return run


def make_opencv_engine(network: Network) -> Engine:
    """Make an engine of a copy of the network in OpenCV's DNN module, fp32."""
    network = to_one_channel(network)
    cfg = np.frombuffer(format_cfg(network.sections).encode(), np.uint8)
    weights = np.frombuffer(weights_bytes(normalise_batchnorm_variance(network)), np.uint8)
    kinds = [section.kind for section in network.sections[1:]]
    # OpenCV names a layer by its number; a head's raw map is what the layer before its [yolo] gives.
    heads = [f"conv_{number - 1}" for number, kind in enumerate(kinds) if kind == "yolo"]

    @lru_cache(_SHAPES)
    def net_for(shape: tuple[int, ...]) -> cv2.dnn.Net:
        """The net of one shape of input: to plan its memory anew takes a third of a pass."""
        return cv2.dnn.readNetFromDarknet(cfg, weights)

    def run(images: NDArray[np.uint8]) -> list[Tensor]:
        grey = cv2.dnn.blobFromImages(list(images), 1 / 255)
        net = net_for(grey.shape)
        net.setInput(grey if network.channels == 1 else grey.repeat(network.channels, 1))
        return [torch.from_numpy(np.asarray(raw)) for raw in net.forward(heads)]

    return run


def to_one_channel(network: Network) -> Network:
    """Turn a network into one of a single grey channel that gives the same maps in fewer operations.

    Equal channels meet the sum of their kernels. A network of grouped first kernels stays as it is.
    """
    first, net = network.layers[0], network.sections[0]
    if network.channels == 1 or not isinstance(first, ConvBlock) or first.conv.groups != 1:
        return network
    grey = Network((Section(net.kind, {**net.options, "channels": "1"}), *network.sections[1:])).eval()
    state = network.state_dict()
    state["layers.0.0.weight"] = state["layers.0.0.weight"].sum(1, keepdim=True)
    grey.load_state_dict(state)
    return grey
