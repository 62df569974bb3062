"""The network that finds a knee's margins: at each column where femur ends and tibia begins, and their ends.

It looks at a band of the joint's picture, a right knee evened out (`tracking.even_out`), as wide as 1.25
tibial plateaus. Each answer is a distribution along rows or along columns, of which the mean near the summit
is taken.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from torch import Tensor, nn
from torch.nn import functional

from jsl_core.detection.half_precision import save_half_precision
from jsl_core.detection.tensors import weights_of
from jsl_core.errors import DetectorError
from jsl_core.width.tracking import GRID

__all__ = [
    "BAND",
    "COLUMNS",
    "LANDMARKS",
    "SHIPPED_MARGINS",
    "GridMargins",
    "MarginNetwork",
    "find_on_grid",
    "load_margin_network",
    "save_margin_network",
]

_WEIGHTS = Path(__file__).with_name("weights")
SHIPPED_MARGINS = _WEIGHTS / "margins.safetensors"
BAND = (56, 200)  # rows of the grid that the network looks at: first, and the one after the last
_ROWS, _STRIDE = 2, 4  # rows and columns of the grid to one place of the network's maps
COLUMNS = (
    np.arange(GRID // _STRIDE) * _STRIDE + (_STRIDE - 1) / 2
)  # centres of the map's columns, on the grid
LANDMARKS = (
    "lateral peripheral tangent",
    "lateral outer end",
    "lateral inner end",
    "medial inner end",
    "medial outer end",
    "medial peripheral tangent",
)
_CHANNELS = (16, 24, 32, 48)
_NEAR_ROWS, _NEAR_COLUMNS = 4, 2  # places on either side of a summit whose mean is taken


@dataclass(frozen=True)
class GridMargins:
    """What the network finds on the grid of a right knee.

    Attributes:
        femoral: Rows of the femoral margin at `COLUMNS`.
        tibial: Rows of the tibial margin there.
        landmarks: x of `LANDMARKS`, 6.
        sure: 0…1 at `COLUMNS`, the less certain margin's probability near its summit.
    """

    femoral: NDArray[np.float64]
    tibial: NDArray[np.float64]
    landmarks: NDArray[np.float64]
    sure: NDArray[np.float64]


class _Block(nn.Sequential):
    """Two convolutions of 3×3 with batch norms."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        for channels in (before, after):
            self.append(nn.Conv2d(channels, after, 3, padding=1, bias=False))
            self.append(nn.BatchNorm2d(after))
            self.append(nn.ReLU(inplace=True))


class MarginNetwork(nn.Module):
    """A small U-net (Ronneberger et al., MICCAI 2015) over 2×4 pixels at a time."""

    def __init__(self) -> None:
        super().__init__()
        inputs = (_ROWS * _STRIDE, *_CHANNELS[:-1])
        self.down = nn.ModuleList(_Block(*pair) for pair in zip(inputs, _CHANNELS, strict=True))
        skips = list(zip(_CHANNELS[:0:-1], _CHANNELS[-2::-1], strict=True))
        self.up = nn.ModuleList(_Block(deep + shallow, shallow) for deep, shallow in skips)
        self.margins = nn.Conv2d(_CHANNELS[0], 2 * _ROWS, 1)
        self.landmarks = nn.Sequential(
            nn.Conv1d(_CHANNELS[1] + _CHANNELS[3], 32, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.Conv1d(32, len(LANDMARKS), 5, padding=2),
        )

    def forward(self, bands: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of margins and landmarks.

        Args:
            bands: B×1×144×224, evened-out rows `BAND` of right knees.

        Returns:
            B×2×144×56, along rows the margins' (femoral, tibial), and B×6×56, along columns the landmarks'.
        """
        batch, _, rows, columns = bands.shape
        maps = bands.reshape(batch, rows // _ROWS, _ROWS, columns // _STRIDE, _STRIDE)
        maps = maps.permute(0, 2, 4, 1, 3).flatten(1, 2)
        skips = []
        for number, block in enumerate(self.down):
            maps = block(maps if number == 0 else functional.max_pool2d(maps, 2, ceil_mode=True))
            skips.append(maps)
        deep = skips.pop()
        for block in self.up:
            shallow = skips.pop()
            wide = functional.interpolate(maps, size=shallow.shape[2:], mode="nearest")
            maps = block(torch.cat([wide, shallow], 1))
            if maps.shape[1] == _CHANNELS[1]:
                middle = maps
        margins = self.margins(maps).unflatten(1, (2, _ROWS)).permute(0, 1, 3, 2, 4).flatten(2, 3)
        places = columns // _STRIDE
        summaries = [functional.interpolate(part.mean(2), size=places) for part in (middle, deep)]
        return margins, self.landmarks(torch.cat(summaries, 1))


def find_on_grid(network: MarginNetwork, evened: NDArray[np.float32]) -> GridMargins:
    """Find the margins of one right knee.

    Args:
        network: In evaluation mode.
        evened: `even_out` of its picture on the grid, 224×224.
    """
    with torch.inference_mode():
        bands = torch.from_numpy(np.ascontiguousarray(evened[slice(*BAND)]))[None, None]
        margins, landmarks = (logits.softmax(axis)[0].double().numpy() for logits, axis in zip(
            network(bands), (2, 2), strict=True))  # fmt: skip
    rows, sure = _summit_mean(margins, _NEAR_ROWS)
    places, _ = _summit_mean(landmarks.T[None], _NEAR_COLUMNS)
    x = COLUMNS[0] + _STRIDE * places[0]
    return GridMargins(rows[0] + BAND[0], rows[1] + BAND[0], x, sure.min(0))


def _summit_mean(shares: NDArray[np.float64], near: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean place near the summit of distributions along axis 1 of C×P×N, C×N, and their share there."""
    places = np.arange(shares.shape[1])[None, :, None]
    window = np.abs(places - shares.argmax(1)[:, None]) <= near
    part = shares * window
    total = part.sum(1)
    return (part * places).sum(1) / total, total


def load_margin_network(weights: Path = SHIPPED_MARGINS) -> MarginNetwork:
    """Load a margin network in evaluation mode.

    Raises:
        DetectorError: Where the file cannot be read or holds no margin network.
    """
    network = MarginNetwork().eval()
    try:
        with safe_open(weights, framework="pt") as file:
            state = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        keys = network.load_state_dict(state, strict=False)
    except OSError as error:
        raise DetectorError(f"{weights} cannot be read; check the path of the weights") from error
    except Exception as error:  # safetensors and PyTorch have many ways to dislike a file
        raise DetectorError(f"{weights.name} does not hold a margin network; train one anew") from error
    if keys.unexpected_keys or any(not key.endswith("num_batches_tracked") for key in keys.missing_keys):
        raise DetectorError(f"{weights.name} does not hold a margin network; train one anew")
    return network


def save_margin_network(network: MarginNetwork, weights: Path) -> None:
    """Write a margin network as half-precision safetensors, whole or not at all.

    Raises:
        StoreError: Where the file cannot be written.
    """
    save_half_precision(weights_of(network), weights)
