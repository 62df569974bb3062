"""A YOLOv4 network as a PyTorch module, for training and for GPUs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from torch import Tensor, nn

from jsl_core.detection.cfg import Section
from jsl_core.detection.layers import ConvBlock, MaxPool, Route, Shortcut
from jsl_core.detection.layout import (
    Addition,
    Convolution,
    Head,
    Join,
    Layer,
    MaxPooling,
    Upsampling,
    detector_layout,
)
from jsl_core.detection.model import Model, load_model
from jsl_core.detection.tensors import set_weights, weights_of

__all__ = ["Network", "load_network"]


class Network(nn.Module):
    """A Darknet network of the `layout` that its cfg's sections describe.

    Raises:
        DetectorError: Where the sections do not fit together or are not supported.
    """

    def __init__(self, sections: Sequence[Section]) -> None:
        super().__init__()
        self.layout = detector_layout(sections)
        self.layers = nn.ModuleList(map(_build_layer, self.layout.layers))
        joining = (layer for layer in self.layers if isinstance(layer, Route | Shortcut))
        self.reused = frozenset(source for layer in joining for source in layer.sources)

    @classmethod
    def of(cls, model: Model) -> Self:
        """Build the network of a layout and its weights, in evaluation mode."""
        network = cls(model.layout.sections).eval()
        set_weights(network, model.weights)
        return network

    def to_model(self) -> Model:
        """A copy of its layout and weights."""
        return Model(self.layout, weights_of(self))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Raw maps of the heads, each B×A·(5 + classes)×H×W, from images B×C×H×W in 0…1."""
        reused: dict[int, Tensor] = {}
        outputs: list[Tensor] = []
        x = images
        for number, (layer, description) in enumerate(zip(self.layers, self.layout.layers, strict=True)):
            x = layer(reused if isinstance(layer, Route | Shortcut) else x)
            if isinstance(description, Head):
                outputs.append(x)
            if number in self.reused:
                reused[number] = x
        return outputs


def load_network(cfg: Path, weights: Path) -> Network:
    """Load a network, in evaluation mode, as `load_model`.

    Raises:
        DetectorError: Where a file cannot be read, or the two are no pair.
    """
    return Network.of(load_model(cfg, weights))


def _build_layer(layer: Layer) -> nn.Module:
    match layer:
        case Convolution():
            return ConvBlock(layer)
        case MaxPooling():
            return MaxPool(layer)
        case Upsampling():
            return nn.Upsample(scale_factor=layer.factor, mode="nearest")
        case Join():
            return Route(layer.sources, layer.groups, layer.group)
        case Addition():
            return Shortcut(layer.sources)
        case Head():
            return nn.Identity()
