"""Weights between PyTorch's modules and arrays by name."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

__all__ = ["set_weights", "weights_of"]


def weights_of(network: nn.Module) -> dict[str, NDArray[np.float32]]:
    """A network's weights; the batch norms' step counters are left out."""
    return {
        name: value.detach().float().cpu().contiguous().numpy().copy()
        for name, value in network.state_dict().items()
        if value.is_floating_point()
    }


def set_weights(network: nn.Module, weights: Mapping[str, NDArray[np.float32]]) -> None:
    """Fill a network with all of its weights."""
    counters = {name: value for name, value in network.state_dict().items() if not value.is_floating_point()}
    network.load_state_dict({name: torch.tensor(array) for name, array in weights.items()} | counters)
