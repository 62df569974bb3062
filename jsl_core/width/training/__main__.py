"""Teaches the room of widths: `python -m jsl_core.width.training DST COHORT`.

COHORT is a table of joint crops (ID, Img_path, split), of which those of split train are learned from:

1. the shape model, `shape.npz`, from margins tracked on every crop, its landmarks from those drawn on some;
2. the network for margins, `contours.safetensors`, from the margins that the shape model finds on every crop
   without a network, from the drawn ones, and from phantoms, whose margins are known.

What was tracked is kept in DST, and not tracked again.
"""

import argparse
import hashlib
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from jsl_core.cohort import read_cohort
from jsl_core.detection.half_precision import save_half_precision
from jsl_core.width.shape import load_shape, save_shape
from jsl_core.width.training.contours import train_contours
from jsl_core.width.training.fit_shape import fit_shape
from jsl_core.width.training.labels import (
    KneeLabels,
    Tracking,
    label_drawn,
    label_near,
    label_tracked,
    read_drawn,
    read_grid_picture,
    track_crops,
)
from jsl_core.width.training.phantoms import make_phantom_joints

DRAWINGS = Path(__file__).with_name("drawn_train.json")
_PHANTOM_SEED = 4242
_DRAWN_COUNT = 6.0  # tracked knees for which a drawn one counts, most being difficult


def knee_digest(knee: str) -> str:
    """What drawn margins call a knee: the first 16 digits of its ID's SHA-256."""
    return hashlib.sha256(knee.encode()).hexdigest()[:16]


def main() -> None:
    """Read the arguments, label the crops, fit the shape, and train the network."""
    parser = argparse.ArgumentParser(
        prog="python -m jsl_core.width.training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("dst", type=Path, help="folder for both models and the tracked margins")
    parser.add_argument("cohort", type=Path, help="table of joint crops, none of them mirrored")
    parser.add_argument("--phantoms", type=int, default=160, help="phantom films")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--pictures", type=int, default=3000, help="an epoch")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    table = read_cohort(options.cohort, needs=["Img_path"], any_split=True)
    table = table[table["split"] == "train"]
    tracked, corrected = label_cohort(
        table, options.cohort.parent, options.dst / "tracked.npz", label_tracked
    )
    model = fit_shape(
        np.stack([knee.margins for knee in tracked]),
        np.stack([knee.weights for knee in tracked]),
        np.stack([knee.margins for knee in corrected]),
        np.stack([knee.landmarks for knee in corrected]),
    )
    save_shape(model, options.dst / "shape.npz")
    print(f"{len(tracked)} tracked, {len(corrected)} drawn knees: {options.dst / 'shape.npz'}", flush=True)
    near = partial(label_near, shape=load_shape(options.dst / "shape.npz"))
    tracked, corrected = label_cohort(table, options.cohort.parent, options.dst / "near.npz", near)
    phantoms = make_phantom_joints(options.phantoms, _PHANTOM_SEED)
    shares = [1.0] * len(tracked) + [_DRAWN_COUNT] * len(corrected) + [1.0] * len(phantoms)
    knees = [*tracked, *corrected, *phantoms]
    weights = train_contours(knees, np.array(shares), options.epochs, options.pictures, options.seed)
    save_half_precision(weights, options.dst / "contours.safetensors")
    print(f"{len(knees)} knees, {len(phantoms)} of phantoms: {options.dst / 'contours.safetensors'}")


def label_cohort(
    table: pd.DataFrame, base: Path, cache: Path, track: Tracking
) -> tuple[list[KneeLabels], list[KneeLabels]]:
    """Label crops as right knees: those tracked, and those drawn by hand.

    Args:
        table: Of the crops, with ID, side and Img_path.
        base: What `Img_path` is relative to.
        cache: Where the tracked margins are kept.
        track: Tracks the margins of a crop.
    """
    if not cache.is_file():
        cache.parent.mkdir(parents=True, exist_ok=True)
        paths, left = list(table["Img_path"]), (table["side"] == 2).tolist()
        rows, weights = track_crops(base, paths, left, track)
        np.savez(cache, knees=list(table["ID"]), rows=rows, weights=weights)
    with np.load(cache) as arrays:
        tracks = dict(zip(arrays["knees"], zip(arrays["rows"], arrays["weights"], strict=True), strict=True))
    drawings = {knee.knee: knee for knee in read_drawn(DRAWINGS)}
    tracked: list[KneeLabels] = []
    corrected: list[KneeLabels] = []
    for knee, side, path in table[["ID", "side", "Img_path"]].itertuples(index=False):
        if knee not in tracks:
            continue
        picture = read_grid_picture(base, path)
        if drawing := drawings.get(knee_digest(knee)):
            labels = label_drawn(picture, drawing)
            corrected.append(labels.mirrored() if side == 2 else labels)
        else:
            right = np.ascontiguousarray(picture[:, ::-1]) if side == 2 else picture
            rows, weights = tracks[knee]
            tracked.append(KneeLabels(right, rows, weights, np.full(6, np.nan, np.float32)))
    return tracked, corrected


if __name__ == "__main__":
    main()
