"""The exponential moving average of a network's weights, which predicts better than its last weights."""

import torch
from torch import nn

__all__ = ["update_average"]


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the averaged weights and batch statistics towards the trained ones, in place.

    Args:
        average: Network of the same shape as `network`; its weights become
            `decay` × its own + (1 - `decay`) × the trained ones. Whole numbers, such as the counts of batches
            that batch norms keep, are copied.
        network: The trained network.
        decay: Share of the average that stays, 0…1.
    """
    torch._foreach_lerp_(_real_tensors(average), _real_tensors(network), 1 - decay)
    if counts := _whole_tensors(average):
        torch._foreach_copy_(counts, _whole_tensors(network))


def _real_tensors(network: nn.Module) -> list[torch.Tensor]:
    return [*network.parameters(), *(buffer for buffer in network.buffers() if buffer.is_floating_point())]


def _whole_tensors(network: nn.Module) -> list[torch.Tensor]:
    return [buffer for buffer in network.buffers() if not buffer.is_floating_point()]
