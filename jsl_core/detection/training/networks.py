"""The networks for side and pose as PyTorch modules."""

import torch
from torch import Tensor, nn

from jsl_core.detection.layers import ConvBlock
from jsl_core.detection.layout import Convolution, Layout
from jsl_core.detection.pose import pose_layout
from jsl_core.detection.side_network import side_layout

__all__ = ["PoseNetwork", "SideNetwork"]


class _Convolutions(nn.Module):
    """Convolutions in a row, whose outputs are maps of evidence."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            ConvBlock(layer) for layer in layout.layers if isinstance(layer, Convolution)
        )

    def evidence(self, pictures: Tensor) -> Tensor:
        """The maps' means B×C of pictures B×1×H×W."""
        maps = pictures
        for layer in self.layers:
            maps = layer(maps)
        return maps.mean((2, 3))


class SideNetwork(_Convolutions):
    """The network of `side_layout`."""

    def __init__(self) -> None:
        super().__init__(side_layout())

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits B, above 0 for a right knee, of pictures B×1×96×96 after `normalise_contrast`."""
        evidence, mirrored = self.evidence(torch.cat([pictures, pictures.flip(3)]))[:, 0].chunk(2)
        return evidence - mirrored


class PoseNetwork(_Convolutions):
    """The network of `pose_layout`."""

    def __init__(self) -> None:
        super().__init__(pose_layout())

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Log-odds B that bone is bright, and B that the knee is upright if it is.

        Args:
            patches: B×1×64×64 of `cut_patch`.
        """
        plain, negative, turned = self.evidence(torch.cat([patches, -patches, patches.flip(2, 3)])).chunk(3)
        return plain[:, 0] - negative[:, 0], plain[:, 1] - turned[:, 1]
