"""A trained model as ONNX: crops in, calibrated probabilities out, without PyTorch."""

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.onnx import utils

from jsl_core.errors import BundleError
from jsl_core.learning.model.bundle import ModelBundle

__all__ = ["save_model_onnx"]

_OPSET = 17  # the oldest that has all that the backbones use


def save_model_onnx(bundle: ModelBundle, path: Path) -> None:
    """Write a bundle's network with its normalisation, temperature and prior shift.

    Inputs: `images` B×1×S×S float32 in 0…1, left knees mirrored where the bundle says so; `factors` B×F
    float32 as `bundle.json` scales and orders them, where the regime has them. Outputs: `kl` B×5 and `jsl`
    B×1, those the regime has, as `ModelBundle.predict` gives them.

    Raises:
        BundleError: The model predicts times, the package onnx is missing, or the backbone has a layer that
            cannot be written.
    """
    if bundle.hazard is not None:
        raise BundleError(f"{bundle.regime}: risks by month are not written as ONNX; use the bundle")
    network = _Probabilities(bundle).eval()
    side, inputs = bundle.size, bundle.network.spec.inputs
    example: tuple[torch.Tensor, ...] = (torch.zeros(2, 1, side, side),)
    names = ["images"]
    if bundle.factors:
        example = (*example, torch.zeros(2, inputs))
        names.append("factors")
    heads = list(bundle.network.spec.heads)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that this exporter is the older one
            utils.register_custom_op_symbolic("aten::expm1", _expm1, _OPSET)
            torch.onnx.export(
                network,
                example,
                str(path),
                dynamo=False,
                opset_version=_OPSET,
                input_names=names,
                output_names=heads,
                dynamic_axes={name: {0: "knees"} for name in (*names, *heads)},
            )
    except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise BundleError(
            f"{bundle.regime}: the network cannot be written as ONNX ({reason}); use another backbone"
        ) from None


class _Probabilities(nn.Module):
    """The network as `ModelBundle.predict` uses it."""

    def __init__(self, bundle: ModelBundle) -> None:
        super().__init__()
        self.network, self.flip = bundle.network, bundle.flip
        self.temperature, self.shift = bundle.temperature, bundle.prior_shift

    def forward(self, images: torch.Tensor, factors: torch.Tensor | None = None) -> tuple[torch.Tensor, ...]:
        logits = self._logits(images, factors)
        if self.flip:
            mirrored = self._logits(images.flip(3), factors)
            logits = {name: (values + mirrored[name]) / 2 for name, values in logits.items()}
        outputs = []
        for name in self.network.spec.heads:
            if name == "kl":
                outputs.append((logits[name] / self.temperature[name]).softmax(dim=1))
            else:
                outputs.append(((logits[name] + self.shift) / self.temperature[name]).sigmoid())
        return tuple(outputs)

    def _logits(self, images: torch.Tensor, factors: torch.Tensor | None) -> dict[str, torch.Tensor]:
        """The network's own forward pass, with its band of rows as a constant, which the exporter needs."""
        spec = self.network.spec
        top, bottom = (round(share * spec.size) for share in spec.band)
        features = self.network.backbone(self.network.normalise(images[:, :, top:bottom]))
        return self.network.forward_head(features, factors)


def _expm1(graph: Any, value: Any) -> Any:
    """ONNX has no such operator."""
    return graph.op("Sub", graph.op("Exp", value), graph.op("Constant", value_t=torch.tensor(1.0)))
