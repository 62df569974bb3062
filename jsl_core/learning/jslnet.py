"""A compact residual network for two processor cores."""

import torch
from torch import nn

__all__ = ["JslNet"]


class JslNet(nn.Module):
    """Residual network (He et al. 2015) without a pooling stem: B×C×S×S to B×`widths[-1]`, 0.56 M parameters.

    Joint space is a few pixels wide, so the first stage already works at half, not at a quarter, of the
    resolution, and reductions average before they drop pixels.
    """

    def __init__(self, channels: int = 1, widths: tuple[int, ...] = (24, 48, 96, 160)) -> None:
        super().__init__()
        blocks: list[nn.Module] = [_convolution(channels, widths[0], stride=2), nn.ReLU(inplace=True)]
        before = widths[0]
        for width in widths:
            blocks.append(_Residual(before, width, stride=1 if width == before else 2))
            before = width
        self.features = nn.Sequential(*blocks)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps: torch.Tensor = self.features(images)
        return maps.mean((2, 3))


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
