"""How the shipped networks are kept: half-precision safetensors."""

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save_file
from torch import nn

from jsl_core.system.files import replace_atomically

__all__ = ["save_half_precision"]


def save_half_precision(network: nn.Module, weights: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write a network's weights, whole or not at all; the batch norms' step counters are left out.

    Raises:
        StoreError: Where the file cannot be written.
    """
    state = {
        key: value.detach().half().contiguous().cpu()
        for key, value in network.state_dict().items()
        if value.is_floating_point()
    }
    with replace_atomically(weights) as temporary:
        save_file(state, temporary, dict(metadata) if metadata else None)
