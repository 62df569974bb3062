"""Composites: real joint crops with limbs drawn on, so that a detector meets real bone texture and exposure.

The crops show the joint alone (knee_kl224: about 1.25 × the tibial plateau, the joint line 58 % of the way down).
A limb is grown from a crop's own upper and lower rows: they are mirrored once, stretched into streaks, and drawn
in to the shafts' width, so that no seam betrays the crop; soft tissue tapers to air at the sides.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jsl_core.detection.data import BoxedImage, read_grey
from jsl_core.errors import BadTable

__all__ = ["CompositeSampler", "CropConvention", "read_crops"]

Image = NDArray[np.float32]
LONG_SIDE = 480  # a little above the detector's 416, so that the later crop and tilt lose nothing


@dataclass(frozen=True)
class CropConvention:
    """Where a crop of side 1 lies against our joint box (1.45 × plateau, joint line at 54 %)."""

    plateau: float = 1 / 1.25
    joint_line: float = 0.585

    @property
    def box_side(self) -> float:
        return 1.45 * self.plateau

    @property
    def box_centre_y(self) -> float:
        return self.joint_line + (0.5 - 0.54) * self.box_side


@dataclass(frozen=True)
class CompositeSampler:
    """Draws films of one or two knees (rarely none) made of `crops`, uint8 N×224×224, all as right knees."""

    crops: NDArray[np.uint8]
    convention: CropConvention = CropConvention()

    def __call__(self, rng: np.random.Generator) -> BoxedImage:
        """One film about 480 pixels long, with its boxes in pixels."""
        knees = int(rng.choice([0, 1, 2], p=[0.04, 0.5, 0.46]))
        aspect = (
            float(np.exp(rng.uniform(np.log(0.45), np.log(1.1)))) if knees < 2 else rng.uniform(0.65, 1.6)
        )
        height, width = (
            (LONG_SIDE, round(LONG_SIDE * aspect)) if aspect < 1 else (round(LONG_SIDE / aspect), LONG_SIDE)
        )
        air = float(rng.choice([rng.uniform(0, 12), rng.uniform(0, 60)]))
        film = np.full((height, width), air, np.float32)
        boxes = []
        for limb in self._limbs(rng, knees, width, height):
            crop = self._crop(rng, limb.mirrored)
            np.maximum(film, limb.draw(crop, film.shape, air), out=film)
            if limb.holds_joint:
                boxes.append(limb.box(self.convention))
        return BoxedImage(np.clip(film, 0, 255).astype(np.uint8), np.array(boxes, np.float32).reshape(-1, 4))

    def _crop(self, rng: np.random.Generator, mirrored: bool) -> Image:
        crop = self.crops[int(rng.integers(len(self.crops)))].astype(np.float32)
        if crop[60:160, 60:160].mean() < crop[100:200, [0, 1, 2, -3, -2, -1]].mean() - 10:
            crop = 255 - crop  # a MONOCHROME1 crop that was never corrected
        if rng.random() < 0.5:  # raw exposures crowd the greys together; films as shown are often stretched
            low, high = np.percentile(crop, (1, 99.5))
            crop = (crop - low) * (rng.uniform(150, 240) / max(high - low, 20)) + rng.uniform(10, 40)
        return np.ascontiguousarray(crop[:, ::-1]) if mirrored else crop

    def _limbs(self, rng: np.random.Generator, knees: int, width: int, height: int) -> list["_Limb"]:
        side = self.convention.box_side
        if knees < 2:
            box = min(width * rng.uniform(0.42, 0.98), height * rng.uniform(0.3, 0.92))
            centres = [width / 2 + rng.uniform(-0.5, 0.5) * (width - 0.9 * box)]
            mirrors = [bool(rng.random() < 0.5)]
        else:
            box = min(width * rng.uniform(0.18, 0.46), height * rng.uniform(0.3, 0.85))
            gap = rng.uniform(1.0, max(1.02, min(2.4, width / box - 0.95))) * box
            middle = width / 2 + rng.uniform(-0.5, 0.5) * max(0.0, width - gap - 0.95 * box)
            centres, mirrors = [middle - gap / 2, middle + gap / 2], [False, True]
        y = height / 2 + rng.uniform(-0.5, 0.5) * (height - 0.9 * box) * rng.choice([0.4, 1.0])
        if not knees:  # a shaft: the joint is far outside
            y = float(rng.choice([-1.3, 1.3])) * box + rng.choice([0, height])
        shape = _LimbShape.draw(rng)
        return [
            _Limb(
                x=float(x),
                y=float(y) + rng.uniform(-0.08, 0.08) * box * (knees == 2),
                side=float(box) / side * rng.uniform(0.96, 1.04),
                centre=self.convention.box_centre_y,
                tilt=float(rng.normal(0, 4)),
                mirrored=mirror,
                holds_joint=knees > 0,
                shape=shape,
            )
            for x, mirror in zip(centres, mirrors, strict=True)
        ]


@dataclass(frozen=True)
class _LimbShape:
    """How a limb goes on beyond its crop; lengths as shares of the crop's side."""

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
    def draw(cls, rng: np.random.Generator) -> "_LimbShape":
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
class _Limb:
    """One limb on the film: its joint box's centre x, y and its crop's side in pixels, the box's centre in the crop, its tilt in degrees."""

    x: float
    y: float
    side: float
    centre: float
    tilt: float
    mirrored: bool
    holds_joint: bool
    shape: _LimbShape

    def box(self, convention: CropConvention) -> tuple[float, float, float, float]:
        half = convention.box_side * self.side / 2
        return self.x - half, self.y - half, self.x + half, self.y + half

    def draw(self, crop: Image, size: tuple[int, int], air: float) -> Image:
        """The limb alone on air, float32 H×W."""
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
        limb = _sample(_widened(crop, self.side, shape.evenness), off_axis / shrink, row)

        distance = np.abs(off_axis)
        spread = float(np.std(crop)) / 40 + 0.3
        away = spread * (1 - np.exp(-6 * (above + below) ** 2))  # walls and fibula fade in beyond the crop
        if shape.cortex:
            wall = 0.37 * shrink
            walls = np.exp(-(((distance - wall) / 0.035) ** 2)) + np.float32(0.35) * (distance < wall)
            limb += shape.cortex * away * walls
        if shape.fibula:
            fibula = np.abs(off_axis - outward * (0.42 - 0.12 * np.minimum(below, 1))) / 0.06
            limb += shape.fibula * away * (below > 0) * (fibula < 1)

        at_joint, gain_up, gain_down = shape.tissue
        half = at_joint + gain_up * (1 - np.exp(-1.5 * above)) + gain_down * (1 - np.exp(-1.5 * below))
        half = np.maximum(half, 0.42)
        inner = np.minimum(0.5, 0.9 * half)
        depth = ((distance - inner) / (half - inner)).clip(0, 1)
        tissue = (1 - depth * depth) ** (shape.tissue_edge / 2)
        film = air + (np.maximum(limb, air) - air) * tissue
        turn = cv2.getRotationMatrix2D((self.x, self.y), self.tilt, 1.0)
        return cv2.warpAffine(film, turn, size[::-1], borderMode=cv2.BORDER_REPLICATE)


def _widened(crop: Image, side: float, evenness: float) -> Image:
    """The crop at about its size on the film, its edge columns repeated half a side outwards, ever more evenly."""
    pixels = max(16, min(round(side), crop.shape[0]))
    small = cv2.resize(crop, (pixels, pixels), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), sigmaX=pixels * 0.01, sigmaY=pixels * 0.08)
    half = pixels // 2
    ease = np.linspace(0, evenness, half, dtype=np.float32)
    left, right = soft[:, 1:2], soft[:, -2:-1]
    left = left + (left.mean() - left) * ease[::-1]
    right = right + (right.mean() - right) * ease
    return np.concatenate([left, small, right], 1)


def _sample(wide: Image, across: Image, row: Image) -> Image:
    """The widened crop at across H×W (0 in its middle) and row H×1 (0…1 down), in sides of the crop."""
    pixels = wide.shape[0]
    x = across * pixels + np.float32(wide.shape[1] / 2 - 0.5)
    y = np.broadcast_to(row * pixels - np.float32(0.5), x.shape)
    return cv2.remap(wide, x, np.ascontiguousarray(y), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def read_crops(cohort: Path, split: str) -> NDArray[np.uint8]:
    """The crops of one split of a cohort table (`ID`, `Img_path`, `split`), N×S×S, left knees mirrored to right.

    Raises BadTable where a column is missing or the split is empty.
    """
    try:
        table = pd.read_csv(cohort, dtype=str)
    except (OSError, ValueError) as error:
        raise BadTable(f"{cohort.name} cannot be read as a cohort table; check the path.") from error
    if missing := [column for column in ("ID", "Img_path", "split") if column not in table.columns]:
        raise BadTable(f"{cohort.name} lacks the column {', '.join(missing)}, which composites need.")
    rows = table[table["split"] == split]
    if rows.empty:
        raise BadTable(f"{cohort.name} has no row of split {split}; composites need one.")
    files = zip(rows["ID"], rows["Img_path"], strict=True)
    return np.stack([_as_right(read_grey(cohort.parent / path), knee) for knee, path in files])


def _as_right(pixels: NDArray[np.uint8], knee: str) -> NDArray[np.uint8]:
    return np.ascontiguousarray(pixels[:, ::-1]) if knee.endswith("_2") else pixels
