"""The layers that a YOLOv4 cfg can name, as PyTorch modules."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from jsl_core.detection.cfg import Section
from jsl_core.errors import DetectorError

__all__ = ["LEAKY_SLOPE", "ConvBlock", "MaxPool", "Route", "Shortcut"]

LEAKY_SLOPE = 0.1  # Darknet's `leaky`
VARIANCE_FLOOR = 1e-5  # what Darknet adds to a batch norm's variance


class ConvBlock(nn.Sequential):
    """Convolution, batch norm where the cfg has it, activation."""

    def __init__(self, section: Section, in_channels: int) -> None:
        kernel = section.integer("size", 1)
        normed = bool(section.integer("batch_normalize", 0))
        conv = nn.Conv2d(
            in_channels,
            section.integer("filters", 1),
            kernel,
            section.integer("stride", 1),
            kernel // 2 if section.integer("pad", 0) else section.integer("padding", 0),
            groups=section.integer("groups", 1),
            bias=not normed,
        )
        norm = nn.BatchNorm2d(conv.out_channels, eps=VARIANCE_FLOOR) if normed else nn.Identity()
        super().__init__(conv, norm, _activation(section.options.get("activation", "linear")))

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

    def fused(self) -> tuple[Tensor, Tensor]:
        """Kernel O×I×K×K and bias O of one convolution that computes the same as this and its batch norm."""
        kernel, norm = self.conv.weight, self.norm
        if norm is None:
            assert self.conv.bias is not None
            return kernel, self.conv.bias
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        return kernel * scale[:, None, None, None], norm.bias - norm.running_mean * scale


class MaxPool(nn.Module):
    """Darknet's max pooling: padded by size - 1 in total, the smaller half before, the larger after."""

    def __init__(self, size: int, stride: int) -> None:
        super().__init__()
        self.size, self.stride = size, stride
        self.padding = (size - 1) // 2, size // 2

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


def _activation(name: str) -> nn.Module:
    if name == "leaky":
        return nn.LeakyReLU(LEAKY_SLOPE, inplace=True)
    if name == "mish":
        return nn.Mish()
    if name == "linear":
        return nn.Identity()
    raise DetectorError(f"activation={name} in the cfg is unknown; YOLOv4 needs only leaky, mish and linear")
