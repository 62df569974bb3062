"""Engines that run a network: OpenCV on a CPU, PyTorch on a GPU and in training (`torch_engine.py`).

Measured at 416 pixels on one core: OpenCV's fp32 needs 62 ms for YOLOv4-tiny and 22 ms for the shipped
network, PyTorch's (batch norms folded in, channels last) 75 and 22 ms. OpenCV also keeps its pace when the
machine is busy, while PyTorch's threads wait for each other; and it loads in a tenth of the time.
"""

import os
from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from jsl_core.detection.cfg import format_cfg
from jsl_core.detection.darknet import weights_bytes
from jsl_core.detection.layout import Head
from jsl_core.detection.model import Model, normalise_batchnorm_variance, to_one_channel
from jsl_core.errors import DetectorError

__all__ = ["Engine", "make_opencv_engine", "may_have_gpu", "read_net", "start_engine"]

_SHAPES = 8  # of inputs whose nets are kept
# The drivers of NVIDIA, of its Tegras, of Windows beneath its Linux, and of AMD: all that PyTorch knows
_GPU_NODES = ("/dev/nvidiactl", "/dev/nvhost-gpu", "/dev/nvmap", "/dev/dxg", "/dev/kfd")

Engine = Callable[[NDArray[np.uint8]], list[NDArray[np.float32]]]
"""Raw maps of the heads (each N×A·(5 + classes)×H×W) of grey images N×H×W of the network's size."""


def start_engine(model: Model, device: str) -> Engine:
    """Start PyTorch in half precision on a GPU, OpenCV without one.

    Args:
        model: The network.
        device: `cpu`, `cuda`, or `auto`: the GPU where there is one.

    Raises:
        DetectorError: `cuda` is asked for where no GPU can be used.
    """
    if device == "cuda" or (device == "auto" and may_have_gpu()):
        from jsl_core.detection.torch_engine import start_gpu_engine  # PyTorch takes seconds

        engine = start_gpu_engine(model)
        if engine is not None:
            return engine
        if device == "cuda":
            raise DetectorError("no CUDA GPU can be used here; set device to auto or cpu")
    return make_opencv_engine(model)


def may_have_gpu() -> bool:
    """Whether this machine has the driver of a GPU that PyTorch can use, and shows it to this process."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return not hidden and any(map(os.path.exists, _GPU_NODES))


def read_net(model: Model) -> cv2.dnn.Net:
    """The network in OpenCV's DNN module, fp32."""
    sections = format_cfg(model.layout.sections).encode()
    weights = weights_bytes(model.layout, normalise_batchnorm_variance(model).weights)
    return cv2.dnn.readNetFromDarknet(np.frombuffer(sections, np.uint8), np.frombuffer(weights, np.uint8))


def make_opencv_engine(model: Model) -> Engine:
    """Make an engine of the network in OpenCV's DNN module."""
    grey_model = to_one_channel(model)
    channels = grey_model.layout.channels
    # OpenCV names a layer by its number; a head's raw map is what the layer before its [yolo] gives.
    heads = [
        f"conv_{number - 1}" for number, layer in enumerate(model.layout.layers) if isinstance(layer, Head)
    ]

    @lru_cache(_SHAPES)
    def net_for(shape: tuple[int, ...]) -> cv2.dnn.Net:
        """The net of one shape of input: to plan its memory anew takes a third of a pass."""
        return read_net(grey_model)

    def run(images: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        grey = cv2.dnn.blobFromImages(list(images), 1 / 255)
        net = net_for(grey.shape)
        net.setInput(grey if channels == 1 else grey.repeat(channels, 1))
        return [np.asarray(raw) for raw in net.forward(heads)]

    return run
