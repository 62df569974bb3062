"""Composites: real joint crops extended by drawn limbs, which show real bone texture and exposure."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jsl_core.cohort import read_cohort
from jsl_core.detection.training.films import BoxedImage, read_grey
from jsl_core.detection.training.limbs import Limb, LimbShape
from jsl_core.errors import BadTable
from jsl_core.phantom.film import BOX_SIDE, JOINT_LINE

__all__ = [
    "CompositeSampler",
    "CropConvention",
    "brighten_bone",
    "list_crop_files",
    "read_crop_table",
    "read_crops",
]

MIN_CROP = 128  # pixels a side; `brighten_bone` compares regions of crops of about 224
LONG_SIDE = 480  # a little above the detector's 416, so that the later crop and tilt lose nothing


@dataclass(frozen=True)
class CropConvention:
    """Where a crop of side 1 lies against our joint box.

    The defaults are those of knee_kl224, the joint line by eye on 60 of its crops.
    """

    plateau: float = 1 / 1.25
    joint_line: float = 0.585

    @property
    def box_side(self) -> float:
        """Side of the joint box, in sides of the crop."""
        return BOX_SIDE * self.plateau

    @property
    def box_centre_y(self) -> float:
        """How far down the crop the joint box's centre is, in sides of the crop."""
        return self.joint_line + (0.5 - JOINT_LINE) * self.box_side


@dataclass(frozen=True)
class CompositeSampler:
    """Draws films of one or two knees (rarely of a shaft alone) from `crops`, uint8 N×S×S right knees."""

    crops: NDArray[np.uint8]
    convention: CropConvention = CropConvention()

    def __call__(self, rng: np.random.Generator) -> BoxedImage:
        """One film 480 pixels long, with its boxes in pixels, clipped to it."""
        plan = _FilmPlan.draw(rng)
        air = float(rng.choice([rng.uniform(0, 12), rng.uniform(0, 60)]))
        film = np.full((plan.height, plan.width), air, np.float32)
        shape = LimbShape.draw(rng)
        boxes = []
        for x, y, mirrored in plan.joints:
            limb = Limb(
                x=x,
                y=y,
                side=plan.box / self.convention.box_side * rng.uniform(0.96, 1.04),
                centre=self.convention.box_centre_y,
                tilt=rng.normal(0, 4),
                mirrored=mirrored,
                shape=shape,
            )
            np.maximum(film, limb.draw(self._crop(rng, mirrored), film.shape, air), out=film)
            half = limb.side * self.convention.box_side / 2
            boxes.append((x - half, y - half, x + half, y + half))
        clipped = np.array(boxes, np.float32).clip(0, [plan.width, plan.height] * 2).astype(np.float32)
        clipped = clipped[(clipped[:, 2:] > clipped[:, :2]).all(1)]
        return BoxedImage(film.clip(0, 255).astype(np.uint8), clipped)

    def _crop(self, rng: np.random.Generator, mirrored: bool) -> NDArray[np.float32]:
        crop = brighten_bone(self.crops[int(rng.integers(len(self.crops)))])
        if rng.random() < 0.5:  # raw exposures crowd the greys together; films as shown are often stretched
            low, high = np.percentile(crop, (1, 99.5)).astype(np.float32)
            crop = (crop - low) * np.float32(rng.uniform(150, 240) / max(high - low, 20))
            crop += np.float32(rng.uniform(10, 40))
        return np.ascontiguousarray(crop[:, ::-1]) if mirrored else crop


def brighten_bone(crop: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Make a crop's bone brighter than its rim: inverted where a MONOCHROME1 film was never corrected.

    Args:
        crop: uint8 S×S, S about 224.

    Returns:
        The crop as float32 S×S in 0…255.
    """
    pixels = crop.astype(np.float32)
    middle, rim = pixels[60:160, 60:160].mean(), pixels[100:200, [0, 1, 2, -3, -2, -1]].mean()
    return 255 - pixels if middle < rim - 10 else pixels


@dataclass(frozen=True)
class _FilmPlan:
    """A film's size and its joint boxes' side in pixels; each joint's centre x, y and if it is mirrored."""

    width: int
    height: int
    box: float
    joints: tuple[tuple[float, float, bool], ...]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "_FilmPlan":
        kind = rng.choice(["shaft", "tight", "single", "both"], p=[0.04, 0.1, 0.4, 0.46])
        aspects = {"both": (0.65, 1.6), "tight": (0.75, 1.3)}.get(kind, (0.4, 1.15))
        aspect = math.exp(rng.uniform(math.log(aspects[0]), math.log(aspects[1])))
        width, height = round(LONG_SIDE * min(1.0, aspect)), round(LONG_SIDE / max(1.0, aspect))
        if kind == "both":
            box = min(width * rng.uniform(0.18, 0.46), height * rng.uniform(0.3, 0.85))
            gap = rng.uniform(1.0, max(1.02, min(2.4, width / box - 0.95))) * box
            middle = width / 2 + rng.uniform(-0.5, 0.5) * max(0.0, width - gap - 0.95 * box)
            columns = [(middle - gap / 2, False), (middle + gap / 2, True)]
        else:
            box = min(width * rng.uniform(0.4, 0.98), height * rng.uniform(0.25, 0.92))
            if kind == "tight":
                box = min(width, height) * rng.uniform(0.85, 1.1)
            columns = [
                (width / 2 + rng.uniform(-0.5, 0.5) * abs(width - 0.9 * box), bool(rng.random() < 0.5))
            ]
        row = height / 2 + rng.uniform(-0.5, 0.5) * abs(height - 0.9 * box) * float(rng.choice([0.4, 1.0]))
        if kind == "shaft":
            row = float(rng.choice([-1.3 * box, height + 1.3 * box]))
        drop = 0.08 * box if kind == "both" else 0.0
        joints = tuple((x, row + rng.uniform(-drop, drop), mirrored) for x, mirrored in columns)
        return cls(width, height, box, joints)


def read_crops(cohort: Path, split: str) -> NDArray[np.uint8]:
    """Read the crops of one split of a cohort table.

    Args:
        cohort: CSV file with the columns `ID`, `Img_path` (relative to it) and `split`.
        split: `train`, `val` or `test`.

    Returns:
        The crops, uint8 N×S×S, left knees mirrored.

    Raises:
        BadTable: Where a column is missing, the split is empty, or crops differ in size or are too small.
        DetectorError: Where a crop cannot be read.
    """
    table = read_crop_table(cohort)
    rows = table[table["split"] == split]
    if rows.empty:
        raise BadTable(f"{cohort.name} has no row of split {split}; composites need one")
    files = zip(rows["ID"], rows["Img_path"], strict=True)
    crops = [_mirror_left_knee(read_grey(cohort.parent / path), knee) for knee, path in files]
    if len({crop.shape for crop in crops}) > 1:
        raise BadTable(f"{cohort.name}: its crops differ in size; composites need crops of one size")
    if min(crops[0].shape) < MIN_CROP:
        raise BadTable(f"{cohort.name}: its crops are under {MIN_CROP} pixels; composites need larger ones")
    return np.stack(crops)


def list_crop_files(cohort: Path) -> list[Path]:
    """List the crops that a cohort table names, in its order.

    Raises:
        BadTable: Where the table cannot be read or a column is missing.
    """
    return [cohort.parent / path for path in read_crop_table(cohort)["Img_path"]]


def read_crop_table(cohort: Path) -> pd.DataFrame:
    """Read `ID`, `Img_path`, `split` and, where known, `BL_KL_grade` of a cohort table's rows, as text.

    Raises:
        BadTable: Where the table cannot be read or a column is missing.
    """
    table = read_cohort(cohort, needs=["split"], any_split=True)
    if table["Img_path"].eq("").all():
        raise BadTable(f"{cohort.name}: no column Img_path, or a blank one, which composites need; add it")
    grades = ["" if math.isnan(grade) else f"{grade:g}" for grade in table["BL_KL_grade"]]
    table = table[["ID", "Img_path", "split"]].assign(BL_KL_grade=grades)
    return table[(table[["Img_path", "split"]] != "").all(axis=1)].reset_index(drop=True)


def _mirror_left_knee(pixels: NDArray[np.uint8], knee: str) -> NDArray[np.uint8]:
    return np.ascontiguousarray(pixels[:, ::-1]) if knee.endswith("_2") else pixels
