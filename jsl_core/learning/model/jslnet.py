"""A compact residual network for two processor cores."""

import math

import torch
from torch import nn

__all__ = ["JslNet"]

_WIDTHS = (24, 48, 96, 160)
_REDUCTION = 16


class JslNet(nn.Module):
    """Residual network (He et al. 2015) for aligned crops: B×C×`size`×`size` to B×160, 0.57 M parameters.

    Joint space is a few pixels wide, so there is no pooling stem: the first stage works at half the
    resolution. And as the joint line lies at the same place in every crop, each feature map is a weighted
    sum over places (global depthwise convolution, Chen et al. 2018) instead of their mean.
    """

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        blocks: list[nn.Module] = [_convolution(channels, _WIDTHS[0], stride=2), nn.ReLU(inplace=True)]
        before = _WIDTHS[0]
        for width in _WIDTHS:
            blocks.append(_Residual(before, width, stride=1 if width == before else 2))
            before = width
        self.features = nn.Sequential(*blocks)
        side = math.ceil(size / _REDUCTION)
        self.places = nn.Parameter(torch.full((before, side, side), 1 / side**2))
        self.norm = nn.BatchNorm1d(before)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images B×C×S×S to features B×160."""
        maps: torch.Tensor = self.features(images)
        pooled: torch.Tensor = self.norm((maps * self.places).sum((2, 3)))
        return pooled


class _Residual(nn.Module):
    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _convolution(before, width, stride), nn.ReLU(inplace=True), _convolution(width, width)
        )
        self.shortcut = nn.Sequential()
        if before != width:
            self.shortcut = nn.Sequential(nn.AvgPool2d(stride), _convolution(before, width, kernel=1))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.body(maps) + self.shortcut(maps))


def _convolution(before: int, width: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, width, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(width)
    )
