"""A leg round a real crop, grown otherwise than for training, to measure what training did not show.

Only the inner part of the crop is used: no seam tells its extent. Beyond it go the levels of its edges with
the crop's own grain, drawn walls of bone and a fibula, and flesh that thins to the skin.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]


@dataclass(frozen=True)
class LegShape:
    """Lengths in sides of the crop; `inner`: how far the crop is used above, below and beside its middle."""

    shaft: tuple[float, float]  # the shafts' widths, above and below
    ramp: tuple[float, float]  # over which they narrow
    skin: tuple[float, float, float]  # half-width of the flesh at the joint, its gain above and below
    thinning: float
    lean: tuple[float, float]
    inner: tuple[float, float, float]
    bone: float  # contrast of the drawn walls
    fibula: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "LegShape":
        return cls(
            shaft=(rng.uniform(0.38, 0.62), rng.uniform(0.42, 0.7)),
            ramp=(rng.uniform(0.3, 0.9), rng.uniform(0.4, 1.0)),
            skin=(rng.uniform(0.56, 0.95), rng.uniform(0, 0.55), rng.uniform(-0.1, 0.35)),
            thinning=rng.uniform(0.6, 2.0),
            lean=(rng.normal(0, 0.1), rng.normal(0, 0.05)),
            inner=(rng.uniform(0.36, 0.49), rng.uniform(0.3, 0.48), rng.uniform(0.43, 0.495)),
            bone=rng.uniform(0.3, 1.6),
            fibula=0.7 * (rng.random() < 0.8),
        )


def draw_leg(
    crop: Image, size: tuple[int, int], centre: tuple[float, float], side: float, turn: float, air: float,
    leg: LegShape, outward: float,
) -> Image:  # fmt: skip
    """A leg on air, H×W of `size`; the crop's middle at `centre` (x, y), `turn` in radians.

    `outward` is the direction (-1 or 1) of the fibula.
    """
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    cos, sin = np.float32(math.cos(turn)), np.float32(math.sin(turn))
    u = (cos * (x - centre[0]) + sin * (y - centre[1])) / np.float32(side)
    v = (cos * (y - centre[1]) - sin * (x - centre[0])) / np.float32(side)
    up, down = np.maximum(-leg.inner[0] - v, 0), np.maximum(v - leg.inner[1], 0)
    u = u - np.float32(outward) * (leg.lean[0] * up + leg.lean[1] * down + 0.05 * down * down)
    narrow = 1 - (1 - leg.shaft[0]) * eased(up / leg.ramp[0])
    narrow = narrow * (1 - (1 - leg.shaft[1]) * eased(down / leg.ramp[1]))

    film = _beyond(crop, u / narrow, v, np.maximum(up, down), leg.inner)
    level = float(crop.std()) + 6
    fade = leg.bone * level * (1 - np.exp(-(((up + down) / 0.25) ** 2)))
    wall = 0.4 * narrow
    film += fade * (np.exp(-(((np.abs(u) - wall) / 0.03) ** 2)) + 0.45 * eased((wall - np.abs(u)) / 0.03))
    film += leg.fibula * leg.bone * level * eased(1 - np.abs(u - 0.41 * outward) / 0.075) * eased(down / 0.12)

    skin = leg.skin[0] + leg.skin[1] * eased(up / 1.2) + leg.skin[2] * eased(down)
    skin = np.maximum(skin, 0.5 * narrow + 0.06)
    across = np.clip(np.abs(u) / skin, 0, 1)
    begin = np.minimum(0.44 * narrow / skin + 0.02, 0.9)
    depth = np.clip((across - begin) / (1 - begin), 0, 1)
    flesh = np.where(across < 1, (1 - depth**2) ** (leg.thinning / 2), 0)
    return np.asarray(air + (np.maximum(film, air) - air) * flesh, np.float32)


def _beyond(crop: Image, u: Image, v: Image, above: Image, inner: tuple[float, float, float]) -> Image:
    """The crop's inner part, then its edges drawn out, ever smoother, with its grain mirrored on and on."""
    top, bottom, half = inner
    clipped = np.clip(u, -half, half), np.clip(v, -top, bottom)
    beyond = np.maximum(above, 0.6 * np.maximum(np.abs(u) - half, 0))
    near, middle = np.exp(-beyond / 0.06), np.exp(-beyond / 0.35)
    smooth, smoother = (cv2.GaussianBlur(crop, (0, 0), sigmaX=a, sigmaY=b) for a, b in ((2.5, 7), (8, 18)))
    far = middle * _at(smooth, *clipped) + (1 - middle) * _at(smoother, *clipped)
    grain = crop - cv2.GaussianBlur(crop, (0, 0), 2.0)
    far += 0.8 * _at(grain, _folded(u, half), _folded(v, min(top, bottom)))
    return np.asarray(near * _at(crop, *clipped) + (1 - near) * far, np.float32)


def _folded(t: Image, half: float) -> Image:
    return np.asarray(np.abs((t + half) % (4 * half) - 2 * half) - half, np.float32)


def _at(crop: Image, u: Image, v: Image) -> Image:
    """The crop at u, v in sides from its middle."""
    x, y = ((t + 0.5) * crop.shape[0] - 0.5 for t in (u, v))
    return np.asarray(cv2.remap(crop, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def eased(t: Image) -> Image:
    """0 below 0, 1 above 1, smooth between."""
    t = np.clip(t, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)
