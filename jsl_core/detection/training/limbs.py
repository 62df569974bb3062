"""Extends the crop of a joint to a whole limb.

The crop's upper and lower rows are mirrored once, stretched into streaks and drawn in to the shafts' width,
so that no seam shows where the crop ends; soft tissue tapers to air at the sides.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Limb", "LimbShape"]

Image = NDArray[np.float32]


@dataclass(frozen=True)
class LimbShape:
    """The shape of a limb beyond its crop; lengths as shares of the crop's side."""

    mirrored_rows: tuple[float, float]  # how far into the crop the streaks reach, above and below
    shaft: tuple[float, float]  # horizontal shrinking far away
    taper: tuple[float, float]  # length over which it shrinks
    lean: tuple[float, float]  # tangent of the shafts' axes
    tissue: tuple[float, float, float]  # half-width of soft tissue at joint, gain above, gain below
    tissue_edge: float  # exponent of its thinning
    evenness: float  # of the soft tissue beside the crop, 0…1
    cortex: float  # brightness of the shafts' walls
    fibula: float  # brightness of the fibula

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "LimbShape":
        """Draw a random shape."""
        return cls(
            mirrored_rows=(rng.uniform(0.02, 0.15), rng.uniform(0.02, 0.12)),
            shaft=(rng.uniform(0.35, 0.75), rng.uniform(0.4, 0.8)),
            taper=(rng.uniform(0.25, 0.7), rng.uniform(0.25, 0.7)),
            lean=(rng.normal(0, 0.1), rng.normal(0, 0.06)),
            tissue=(rng.uniform(0.53, 0.85), rng.uniform(-0.05, 0.5), rng.uniform(-0.12, 0.3)),
            tissue_edge=rng.uniform(0.25, 0.9),
            evenness=rng.uniform(0, 1),
            cortex=rng.uniform(0, 45) * (rng.random() < 0.7),
            fibula=rng.uniform(5, 45) * (rng.random() < 0.75),
        )


@dataclass(frozen=True)
class Limb:
    """One limb on the film.

    `x`, `y`: the joint box's centre, and `side`: the crop's side, in pixels of the film. `centre`: how far
    down the crop the box's centre is, 0…1. `tilt` in degrees.
    """

    x: float
    y: float
    side: float
    centre: float
    tilt: float
    mirrored: bool
    shape: LimbShape

    def draw(self, crop: Image, size: tuple[int, int], air: float) -> Image:
        """Draw the limb alone on air.

        Args:
            crop: The joint, float32 S×S in 0…255.
            size: Height and width of the film.
            air: Grey level beside the limb, 0…255.

        Returns:
            The film, float32 H×W.
        """
        shape, outward = self.shape, (1.0 if self.mirrored else -1.0)
        u = (np.arange(size[1], dtype=np.float32) - self.x)[None] / self.side  # across; the crop spans -½…½
        v = (np.arange(size[0], dtype=np.float32) - self.y)[:, None] / self.side + self.centre  # down, 0…1
        above, below = np.maximum(-v, 0), np.maximum(v - 1, 0)

        reach_up, reach_down = shape.mirrored_rows
        row = np.where(v < 0, reach_up * (1 - np.exp(-above / reach_up)), v)
        row = np.where(v > 1, 1 - reach_down * (1 - np.exp(-below / reach_down)), row)
        shrink = shape.shaft[0] + (1 - shape.shaft[0]) * np.exp(-above / shape.taper[0])
        shrink *= shape.shaft[1] + (1 - shape.shaft[1]) * np.exp(-below / shape.taper[1])
        off_axis = u - outward * (shape.lean[0] * above + shape.lean[1] * below)
        limb = _sample_crop(_widen(crop, self.side, shape.evenness), off_axis / shrink, row)

        distance = np.abs(off_axis)
        spread = float(np.std(crop)) / 40 + 0.3
        fade_in = spread * (1 - np.exp(-6 * (above + below) ** 2))  # walls and fibula fade in beyond the crop
        if shape.cortex:
            wall = 0.37 * shrink
            walls = np.exp(-(((distance - wall) / 0.035) ** 2)) + np.float32(0.35) * (distance < wall)
            limb += shape.cortex * fade_in * walls
        if shape.fibula:
            fibula = np.abs(off_axis - outward * (0.42 - 0.12 * np.minimum(below, 1))) / 0.06
            limb += shape.fibula * fade_in * (below > 0) * (fibula < 1)

        at_joint, gain_up, gain_down = shape.tissue
        half = at_joint + gain_up * (1 - np.exp(-1.5 * above)) + gain_down * (1 - np.exp(-1.5 * below))
        half = np.maximum(half, 0.42)
        inner = np.minimum(0.5, 0.9 * half)
        depth = ((distance - inner) / (half - inner)).clip(0, 1)
        tissue = (1 - depth * depth) ** (shape.tissue_edge / 2)
        film = air + (np.maximum(limb, air) - air) * tissue
        turn = cv2.getRotationMatrix2D((self.x, self.y), self.tilt, 1.0)
        return cv2.warpAffine(film, turn, size[::-1], borderMode=cv2.BORDER_REPLICATE)


def _widen(crop: Image, side: float, evenness: float) -> Image:
    """The crop at its size on the film, its edge columns repeated half a side outwards, ever more evenly."""
    pixels = max(16, min(round(side), crop.shape[0]))
    small = cv2.resize(crop, (pixels, pixels), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), sigmaX=pixels * 0.01, sigmaY=pixels * 0.08)
    half = pixels // 2
    ease = np.linspace(0, evenness, half, dtype=np.float32)
    left, right = soft[:, 1:2], soft[:, -2:-1]
    left = left + (left.mean() - left) * ease[::-1]
    right = right + (right.mean() - right) * ease
    return np.concatenate([left, small, right], 1)


def _sample_crop(wide: Image, across: Image, row: Image) -> Image:
    """The widened crop at across H×W (0 in its middle) and row H×1 (0…1 down), in sides of the crop."""
    pixels = wide.shape[0]
    x = across * pixels + np.float32(wide.shape[1] / 2 - 0.5)
    y = np.broadcast_to(row * pixels - np.float32(0.5), x.shape)
    return cv2.remap(wide, x, np.ascontiguousarray(y), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
