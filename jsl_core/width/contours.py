"""A network that tells where a joint's margins run: in each column, how likely each row is to be a margin's.

It decides which of several edges is a margin; where exactly that lies, the picture's own edge says.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from jsl_core.detection.cfg import Section
from jsl_core.detection.engines import read_net
from jsl_core.detection.layout import Layout, read_layout
from jsl_core.detection.model import Model, Weights, read_safetensors
from jsl_core.width.tracking import GRID

__all__ = [
    "CELL",
    "FIRST_ROW",
    "ROWS",
    "SHIPPED_CONTOURS",
    "ContourReader",
    "contour_layout",
    "likeliest_rows",
]

SHIPPED_CONTOURS = Path(__file__).with_name("weights") / "contours.safetensors"
FIRST_ROW, ROWS = 48, 144  # rows of the grid that the network sees
CELL = 2  # pixels of the grid to one of its answer
_LEAST = 1e-4  # probability of a row which the network holds impossible
_PEAK = 3  # rows on either side of the likeliest one that are the same answer

Picture = NDArray[np.float32]


@cache
def contour_layout() -> Layout:
    """A U-Net (Ronneberger et al., MICCAI 2015) of 75,000 weights: four sizes down, three up again."""
    hidden = {"size": "3", "pad": "1", "batch_normalize": "1", "activation": "leaky"}

    def convolution(filters: int, stride: int = 1) -> Section:
        return Section("convolutional", {"filters": str(filters), "stride": str(stride), **hidden})

    def upsampled_beside(layer: int) -> tuple[Section, Section]:
        return Section("upsample", {"stride": "2"}), Section("route", {"layers": f"-1,{layer}"})

    return read_layout(
        (
            Section("net", {"width": str(GRID), "height": str(ROWS), "channels": "1"}),
            *(convolution(12, 2), convolution(12)),
            *(convolution(24, 2), convolution(24)),
            *(convolution(32, 2), convolution(32)),
            *(convolution(48, 2), convolution(48)),
            *(*upsampled_beside(5), convolution(32)),
            *(*upsampled_beside(3), convolution(24)),
            *(*upsampled_beside(1), convolution(16)),
            Section("convolutional", {"filters": "2", "size": "1", "stride": "1", "activation": "linear"}),
        )
    )


@dataclass(frozen=True)
class ContourReader:
    """The network at work."""

    net: cv2.dnn.Net

    @classmethod
    def load(cls, file: Path = SHIPPED_CONTOURS) -> "ContourReader":
        """Load the shipped network, or another one.

        Raises:
            DetectorError: Where the file cannot be read or holds no such network.
        """
        no_pair = f"{file.name} does not hold a network for margins; train one anew"
        return cls.of(read_safetensors(contour_layout(), file, no_pair)[0])

    @classmethod
    def of(cls, weights: Weights) -> "ContourReader":
        """The network of these weights."""
        return cls(read_net(Model(contour_layout(), weights)))

    def read(self, evened: Picture) -> Picture:
        """How likely each row is to be a margin's.

        Args:
            evened: float32 224×224 of `tracking.even_out`: the joint as a right knee's, on the grid.

        Returns:
            float32 2×224×224, for the femoral and the tibial margin: in each column the logarithms of the
            rows' probabilities, below which nothing counts as less likely than 1 in 10,000.
        """
        self.net.setInput(np.ascontiguousarray(evened[None, None, FIRST_ROW : FIRST_ROW + ROWS]))
        logits = np.asarray(self.net.forward(), np.float32)[0]
        logits -= logits.max(1, keepdims=True)
        chances = np.exp(logits)
        chances /= chances.sum(1, keepdims=True)
        answer = np.full((2, GRID, GRID), np.log(_LEAST), np.float32)
        for margin, chance in enumerate(chances):
            wide = cv2.resize(np.log(chance + _LEAST), (GRID, ROWS), interpolation=cv2.INTER_LINEAR)
            answer[margin, FIRST_ROW : FIRST_ROW + ROWS] = wide
        return answer


def likeliest_rows(
    chances: Picture, columns: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The likeliest row of each margin in some columns, and how sure that is.

    Args:
        chances: Of `ContourReader.read`.
        columns: Of the grid, N.

    Returns:
        Rows 2×N, and the probabilities 2×N that the margin lies there or three rows aside at most.
    """
    likely = np.exp(chances[:, :, columns])
    likely /= likely.sum(1, keepdims=True)
    window = np.ones(2 * _PEAK + 1)
    mass = np.apply_along_axis(np.convolve, 1, likely, window, "same")
    best = mass.argmax(1)
    return best.astype(float), np.take_along_axis(mass, best[:, None], 1)[:, 0]
