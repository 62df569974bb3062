"""How often a side network is right, on whom, and how sure that is; and the scale of its readings."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from jsl_core.detection.side import Scale, SideReading, fit_picture
from jsl_core.detection.side_network import SideEngine
from jsl_core.detection.training.side_crops import SideCrop
from jsl_core.detection.training.side_pictures import NO_ANSWER, draw_knee

__all__ = ["VIEWS", "SideAccuracy", "choose_scale", "measure_side"]

Pixels = NDArray[np.uint8]

DRAWN_PER_KNEE = 2
WRONG_SHARE, FALSE_SHARE = 0.001, 0.01
LEAST_THRESHOLD = 0.99  # a knee under the wrong label costs more than one without
_Z = 1.959964  # of a 95 % interval


def _blank_frame(pixels: Pixels) -> Pixels:
    """Only the inner 70 % are left: neither letters nor the other leg, hardly any soft tissue."""
    height, width = pixels.shape
    rows, columns = round(0.15 * height), round(0.15 * width)
    blanked = np.zeros_like(pixels)
    blanked[rows:-rows, columns:-columns] = pixels[rows:-rows, columns:-columns]
    return blanked


def _transform(pixels: Pixels, scale: float, degrees: float, shift: tuple[float, float]) -> Pixels:
    height, width = pixels.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, scale)
    matrix[:, 2] += np.array(shift) * (width, height)
    return np.asarray(cv2.warpAffine(pixels, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE))


def _low_contrast(pixels: Pixels) -> Pixels:
    return (0.2 * cv2.GaussianBlur(pixels, (0, 0), 1.5) + 150).astype(np.uint8)


VIEWS: Mapping[str, Callable[[Pixels], Pixels]] = {
    "as they are": lambda pixels: pixels,
    "negatives": cv2.bitwise_not,
    "outer 15 % blanked": _blank_frame,
    "wider, as our joint box": lambda pixels: _transform(pixels, 1.25 / 1.45, 0, (0, 0)),
    "tighter": lambda pixels: _transform(pixels, 1.25 / 1.05, 0, (0, 0)),
    "tilted by 12°": lambda pixels: _transform(pixels, 1, 12, (0, 0)),
    "tilted by -12°": lambda pixels: _transform(pixels, 1, -12, (0, 0)),
    "shifted by 8 %": lambda pixels: _transform(pixels, 1, 0, (0.08, 0.08)),
    "shifted by -8 %": lambda pixels: _transform(pixels, 1, 0, (-0.08, -0.08)),
    "blurred, low contrast": _low_contrast,
}
"""Ways of showing a joint crop; mirroring is not among them, as it turns the answer round by construction."""


@dataclass(frozen=True)
class SideAccuracy:
    """What readings of known knees come to.

    Attributes:
        knees: How many knees.
        participants: Of how many participants.
        unknown: How many readings were unknown.
        wrong: How many gave the other side.
        low: Lower end of the 95 % interval of the share that is right among those decided.
        high: Its upper end.
    """

    knees: int
    participants: int
    unknown: int
    wrong: int
    low: float
    high: float

    @property
    def accuracy(self) -> float:
        """Share that is right among those decided."""
        decided = self.knees - self.unknown
        return 1 - self.wrong / decided if decided else float("nan")


def measure_side(crops: Sequence[SideCrop], readings: Sequence[SideReading]) -> SideAccuracy:
    """Measure readings against the known sides.

    The interval is Wilson's with the number of knees divided by the design effect of two knees a participant
    (Korn & Graubard, Survey Methodology 24 (1998) 193).
    """
    decided = [
        (crop.participant, reading.side == crop.side)
        for crop, reading in zip(crops, readings, strict=True)
        if reading.side is not None
    ]
    right = sum(correct for _, correct in decided)
    low, high = _clustered_wilson(decided)
    people = len({crop.participant for crop in crops})
    return SideAccuracy(len(crops), people, len(crops) - len(decided), len(decided) - right, low, high)


def _clustered_wilson(outcomes: Sequence[tuple[str, bool]]) -> tuple[float, float]:
    n = len(outcomes)
    if not n:
        return float("nan"), float("nan")
    share = sum(correct for _, correct in outcomes) / n
    sums: dict[str, float] = {}
    for cluster, correct in outcomes:
        sums[cluster] = sums.get(cluster, 0.0) + correct - share
    independent = n * share * (1 - share)
    effect = sum(value * value for value in sums.values()) / independent if independent else 1.0
    size = n / max(1.0, effect)
    middle = (share + _Z**2 / (2 * size)) / (1 + _Z**2 / size)
    half = _Z * math.sqrt(share * (1 - share) / size + _Z**2 / (4 * size**2)) / (1 + _Z**2 / size)
    return max(0.0, middle - half), min(1.0, middle + half)


def choose_scale(engine: SideEngine, crops: Sequence[SideCrop], seed: int = 0) -> Scale:
    """Choose temperature and threshold on knees that the network did not learn from.

    The temperature is the one under which the sides of training pictures drawn from them are likeliest: these
    are harder than most films, so that the probability errs towards a half. The threshold is the least at
    which one in a thousand of the knees in all `VIEWS` is given the wrong side, and one in a hundred pictures
    of no upright knee is given any, but at least 0.99.

    Args:
        engine: Of the network.
        crops: Knees of participants that the network did not learn from.
        seed: Of what is drawn.
    """
    rng = np.random.default_rng([seed, 0])
    knees = [crop.as_right() for crop in crops]
    logits = _logits(engine, [draw_knee(knee, rng) for knee in knees for _ in range(DRAWN_PER_KNEE)])
    temperatures = np.exp(np.linspace(math.log(0.5), math.log(8), 60))
    losses = [np.logaddexp(0, -logits / temperature).mean() for temperature in temperatures]
    temperature = float(temperatures[int(np.argmin(losses))])

    towards = np.array([1 if crop.side == 1 else -1 for crop in crops])
    margins = [
        towards * _logits(engine, [fit_picture(view(crop.pixels)) for crop in crops])
        for view in VIEWS.values()
    ]
    none = _logits(engine, [draw(knee, rng) for knee in knees for draw in NO_ANSWER])
    least = max(
        float(np.quantile(-np.concatenate(margins), 1 - WRONG_SHARE)),
        float(np.quantile(np.abs(none), 1 - FALSE_SHARE)),
    )
    return Scale(temperature, max(LEAST_THRESHOLD, 1 / (1 + math.exp(-least / temperature))))


def _logits(engine: SideEngine, pictures: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    batches = (np.stack(pictures[first : first + 32]) for first in range(0, len(pictures), 32))
    return np.concatenate([engine(batch) for batch in batches]).astype(np.float64)
