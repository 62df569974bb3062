"""A compact residual network for two processor cores."""

import math

import torch
from torch import nn

__all__ = ["JslNet", "stretch_places"]

_WIDTHS = (24, 48, 96, 160)
_REDUCTION = 16


class JslNet(nn.Module):
    """Residual network (He et al. 2015) for aligned crops: B×C×`size`×`size` to B×160, 0.57 M parameters.

    Joint space is a few pixels wide, so there is no pooling stem: the first stage works at half the
    resolution. And as the joint line lies at the same place in every crop, each feature map is a weighted
    sum over places (global depthwise convolution, Chen et al. 2018) instead of their mean. Weights of places
    are stretched over the maps of images of another shape, such as a band of the crop's rows.
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
        places = stretch_places(self.places, int(maps.shape[2]), int(maps.shape[3]))
        pooled: torch.Tensor = self.norm((maps * places).sum((2, 3)))
        return pooled


def stretch_places(places: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Stretch weights of places C×H×W to C×`height`×`width`, so that the sum over a map stays alike."""
    rows, columns = int(places.shape[1]), int(places.shape[2])
    if (rows, columns) == (height, width):
        return places
    down, across = _stretching(rows, height).to(places), _stretching(columns, width).to(places)
    return down @ places @ across.T * (rows * columns / (height * width))


def _stretching(before: int, after: int) -> torch.Tensor:
    """The matrix `after`×`before` of bilinear resampling with a triangle as wide as the coarser step.

    It is that of `torch.nn.functional.interpolate` with `antialias`, which cannot be exported to ONNX.
    """
    step = before / after
    middles = (torch.arange(after) + 0.5) * step
    away = (torch.arange(before) + 0.5 - middles[:, None]).abs() / max(step, 1.0)
    weights = (1 - away).clamp(min=0)
    return weights / weights.sum(1, keepdim=True)


class _Residual(nn.Module):
    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _convolution(before, width, stride), nn.ReLU(inplace=True), _convolution(width, width)
        )
        self.shortcut = nn.Sequential()
        if before != width:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride, ceil_mode=True), _convolution(before, width, kernel=1)
            )

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.body(maps) + self.shortcut(maps))


def _convolution(before: int, width: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, width, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(width)
    )
