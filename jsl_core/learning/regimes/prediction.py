"""Networks run over many knees, without augmentation and in full precision."""

import torch

from jsl_core.errors import BadSettings
from jsl_core.learning.model.networks import KneeNetwork
from jsl_core.learning.model.tensors import DeviceData
from jsl_core.training.process_group import ProcessGroup

__all__ = ["encode", "predict_logits"]

_BATCH = 64


@torch.no_grad()
def encode(network: KneeNetwork, data: DeviceData, rows: torch.Tensor, batch: int = _BATCH) -> torch.Tensor:
    """The backbone's features of some knees; where the GPU's memory ends, in smaller batches.

    Args:
        network: Set to evaluation mode.
        data: All knees.
        rows: Which of them, long B.
        batch: Knees a pass.

    Returns:
        Float B×D.

    Raises:
        BadSettings: One image does not fit into the GPU's memory.
    """
    network.eval()
    try:
        return torch.cat([network.forward_features(data.pixels(part)) for part in torch.split(rows, batch)])
    except torch.OutOfMemoryError as error:
        if batch == 1:
            raise BadSettings(
                "one image does not fit into the GPU's memory; take a smaller backbone or smaller crops"
            ) from error
    return encode(network, data, rows, batch // 2)


@torch.no_grad()
def predict_logits(
    network: KneeNetwork,
    data: DeviceData,
    rows: torch.Tensor,
    features: torch.Tensor | None = None,
    group: ProcessGroup = ProcessGroup(),
) -> dict[str, torch.Tensor]:
    """The logits of some knees, computed by all processes of a group.

    Args:
        network: Set to evaluation mode.
        data: All N knees.
        rows: Which of them, long B.
        features: N×D of all knees, in place of the backbone.
        group: Each process computes its share and gets all logits.

    Returns:
        Logits by head: `kl` B×5, `jsl` B×1.
    """
    network.eval()
    positions = group.share(torch.arange(len(rows), device=rows.device))
    share = rows[positions]
    encoded = encode(network, data, share) if features is None else features[share]
    outputs = network.forward_head(encoded, data.factors_of(share))
    if group.size == 1:
        return outputs
    return {
        name: group.sum(logits.new_zeros(len(rows), logits.shape[1]).index_copy(0, positions, logits))
        for name, logits in outputs.items()
    }
