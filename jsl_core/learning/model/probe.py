"""The probe of a network: what it answers to a known input, saved with it and asked again as it is loaded.

So a network that was built otherwise than the trained one, or whose weights are not what they were, is found
before it scores anybody.
"""

import numpy as np
import torch
from torch import nn

from jsl_core.learning.model.networks import KneeNetwork
from jsl_core.learning.model.probe_images import PROBE_IMAGES, draw_probe_images

__all__ = ["ask_probe", "judge_network"]

_SEED = 20240229
_DECIMALS = 4
# Bundles are loaded on the processor in float32, where machines and versions of PyTorch differ by some 1e-4.
_ABSOLUTE, _RELATIVE = 0.005, 0.005
_LARGEST_LOGIT = 1e4  # beyond it no temperature gives anything but 0 and 1
_LARGEST_WEIGHT = 1e8  # running variances of networks for ImageNet reach 1e4


@torch.inference_mode()
def ask_probe(network: KneeNetwork) -> dict[str, list[list[float]]]:
    """The logits of the known input by head, 2×K, rounded; in evaluation mode, on the network's device."""
    spec, device = network.spec, network.normalise.mean.device
    rng = np.random.default_rng(_SEED)
    images = torch.from_numpy(draw_probe_images(spec.size, rng)).to(device)
    factors = None
    if spec.inputs:
        factors = torch.from_numpy(rng.standard_normal((PROBE_IMAGES, spec.inputs), np.float32)).to(device)
    training = network.training
    outputs = network.eval()(images, factors)
    network.train(training)
    return {
        name: [[round(value, _DECIMALS) for value in row] for row in logits.float().cpu().tolist()]
        for name, logits in outputs.items()
    }


def judge_network(network: KneeNetwork, stored: dict[str, list[list[float]]] | None) -> str:
    """Say what is wrong with a network that has just been loaded; "" for nothing.

    Args:
        network: With its weights.
        stored: Its answers when it was saved; None where an earlier version saved none.
    """
    for name, weight in _weights(network):
        if not torch.isfinite(weight).all():
            return f"{name} holds weights that are not finite"
        if weight.numel() and weight.abs().max() > _LARGEST_WEIGHT:
            return f"{name} holds weights beyond all measure"
    answers = ask_probe(network)
    values = {name: np.array(rows) for name, rows in answers.items()}
    if not all(np.isfinite(each).all() and (np.abs(each) < _LARGEST_LOGIT).all() for each in values.values()):
        return "its answers to a known image are not finite, or beyond all measure"
    if stored is None:
        return ""
    wanted = {name: np.array(rows) for name, rows in stored.items()}
    same = values.keys() == wanted.keys() and all(
        values[name].shape == wanted[name].shape
        and np.allclose(values[name], wanted[name], rtol=_RELATIVE, atol=_ABSOLUTE)
        for name in values
    )
    return "" if same else "its answers to a known image are not those of the model that was saved"


def _weights(network: nn.Module) -> list[tuple[str, torch.Tensor]]:
    return [(name, value) for name, value in network.state_dict().items() if value.is_floating_point()]
