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
    """Features B×D of `rows`: all that a frozen backbone ever says of them.

    Smaller batches are tried where the GPU's memory ends. Raises `BadSettings` if one image does not fit.
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
    """Logits of the heads for `rows`; `features` of all knees spare the backbone."""
    network.eval()
    places = group.share(torch.arange(len(rows), device=rows.device))
    mine = rows[places]
    encoded = encode(network, data, mine) if features is None else features[mine]
    outputs = network.forward_head(encoded, data.factors_of(mine))
    if group.size == 1:
        return outputs
    return {
        name: group.sum(logits.new_zeros(len(rows), logits.shape[1]).index_copy(0, places, logits))
        for name, logits in outputs.items()
    }
