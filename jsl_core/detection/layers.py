"""The layers that a YOLOv4 cfg can name, as PyTorch modules."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from jsl_core.detection.layout import LEAKY_SLOPE, Convolution, MaxPooling
from jsl_core.detection.model import VARIANCE_FLOOR

__all__ = ["ConvBlock", "MaxPool", "Route", "Shortcut"]

_ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {
    "leaky": lambda: nn.LeakyReLU(LEAKY_SLOPE, inplace=True),
    "mish": nn.Mish,
    "linear": nn.Identity,
}


class ConvBlock(nn.Sequential):
    """Convolution, batch norm where the cfg has it, activation."""

    def __init__(self, layer: Convolution) -> None:
        conv = nn.Conv2d(
            layer.in_channels,
            layer.out_channels,
            layer.size,
            layer.stride,
            layer.padding,
            groups=layer.groups,
            bias=not layer.normed,
        )
        norm = nn.BatchNorm2d(layer.out_channels, eps=VARIANCE_FLOOR) if layer.normed else nn.Identity()
        super().__init__(conv, norm, _ACTIVATIONS[layer.activation]())

    @property
    def conv(self) -> nn.Conv2d:
        """The convolution."""
        conv = self[0]
        assert isinstance(conv, nn.Conv2d)
        return conv

    @property
    def norm(self) -> nn.BatchNorm2d | None:
        """The batch norm; None where the cfg has none."""
        norm = self[1]
        return norm if isinstance(norm, nn.BatchNorm2d) else None


class MaxPool(nn.Module):
    """Darknet's max pooling: padded by size - 1 in total, the smaller half before, the larger after."""

    def __init__(self, layer: MaxPooling) -> None:
        super().__init__()
        self.size, self.stride, self.padding = layer.size, layer.stride, layer.padding

    def forward(self, x: Tensor) -> Tensor:
        """Maxima B×C×H/stride×W/stride of maps B×C×H×W."""
        before, after = self.padding
        if before == after:
            return functional.max_pool2d(x, self.size, self.stride, before)
        if self.stride == self.size == 2 and x.shape[-1] % 2 == x.shape[-2] % 2 == 0:
            return functional.max_pool2d(x, 2, 2)  # the padding is never read
        padded = functional.pad(x, (before, after, before, after), value=float("-inf"))
        return functional.max_pool2d(padded, self.size, self.stride)


class Route(nn.Module):
    """Earlier layers' outputs side by side, or one of several equal groups of the channels of each."""

    def __init__(self, sources: tuple[int, ...], groups: int, group: int) -> None:
        super().__init__()
        self.sources, self.groups, self.group = sources, groups, group

    def forward(self, outputs: Mapping[int, Tensor]) -> Tensor:
        """The chosen channels of `outputs`, B×C×H×W by layer number."""
        parts = [outputs[source].chunk(self.groups, 1)[self.group] for source in self.sources]
        return torch.cat(parts, 1) if len(parts) > 1 else parts[0]


class Shortcut(nn.Module):
    """The sum of earlier layers' outputs."""

    def __init__(self, sources: tuple[int, int]) -> None:
        super().__init__()
        self.sources = sources

    def forward(self, outputs: Mapping[int, Tensor]) -> Tensor:
        """The sum of two of `outputs`, B×C×H×W by layer number."""
        return outputs[self.sources[0]] + outputs[self.sources[1]]
