"""The engine that runs a network in PyTorch: on a GPU, and in training."""

import numpy as np
import torch
from numpy.typing import NDArray

from jsl_core.detection.engines import Engine
from jsl_core.detection.model import Model
from jsl_core.detection.network import Network

__all__ = ["make_torch_engine", "start_gpu_engine"]


def start_gpu_engine(model: Model) -> Engine | None:
    """An engine in half precision on the GPU; None where PyTorch finds none."""
    if not torch.cuda.is_available():
        return None
    network = Network.of(model).to("cuda", torch.float16).to(memory_format=torch.channels_last)
    return make_torch_engine(network)


def make_torch_engine(network: Network) -> Engine:
    """Make an engine of the network in PyTorch, on its own device and in its own precision."""

    @torch.inference_mode()
    def run(images: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        parameter = next(network.parameters())
        grey = torch.from_numpy(images)[:, None].to(parameter.device).to(parameter.dtype) / 255
        colour = grey.expand(-1, network.layout.channels, -1, -1)
        raws = network(colour.contiguous(memory_format=torch.channels_last))
        return [raw.float().cpu().numpy() for raw in raws]

    return run
