"""Fits the shape model of margins: `python -m jsl_core.width.training DST COHORT`.

COHORT is a table of joint crops (ID, Img_path, split); of its split train the tracked margins give the
shape, and the drawn ones the landmarks. Tracked margins are kept in DST, and not tracked again.
"""

import argparse
import hashlib
from pathlib import Path

import cv2
import numpy as np

from jsl_core.cohort import read_cohort
from jsl_core.width.shape import save_shape
from jsl_core.width.training.fit_shape import fit_shape
from jsl_core.width.training.labels import (
    KneeLabels,
    label_drawn,
    read_drawn,
    read_grid_picture,
    track_crops,
)

DRAWINGS = Path(__file__).with_name("drawn_train.json")


def knee_digest(knee: str) -> str:
    """What drawn margins call a knee: the first 16 digits of its ID's SHA-256."""
    return hashlib.sha256(knee.encode()).hexdigest()[:16]


def main() -> None:
    """Read the arguments, label the crops, fit, and write `shape.npz`."""
    parser = argparse.ArgumentParser(prog="python -m jsl_core.width.training", description=__doc__)
    parser.add_argument("dst", type=Path, help="folder for shape.npz and the tracked margins")
    parser.add_argument("cohort", type=Path, help="table of joint crops, none of them mirrored")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    tracked, corrected = label_cohort(options.cohort, options.dst)
    model = fit_shape(
        np.stack([knee.margins for knee in tracked]),
        np.stack([knee.weights for knee in tracked]),
        np.stack([knee.margins for knee in corrected]),
        np.stack([knee.landmarks for knee in corrected]),
    )
    save_shape(model, options.dst / "shape.npz")
    print(f"{len(tracked)} tracked, {len(corrected)} drawn knees: {options.dst / 'shape.npz'}")


def label_cohort(cohort: Path, dst: Path) -> tuple[list[KneeLabels], list[KneeLabels]]:
    """Label the crops of a table's split train as right knees: those tracked, and those drawn by hand."""
    table = read_cohort(cohort, needs=["Img_path"], any_split=True)
    table = table[table["split"] == "train"]
    cache = dst / "tracked.npz"
    if not cache.is_file():
        dst.mkdir(parents=True, exist_ok=True)
        rows, weights = track_crops(cohort.parent, list(table["Img_path"]))
        np.savez(cache, knees=list(table["ID"]), rows=rows, weights=weights)
    with np.load(cache) as arrays:
        tracks = dict(zip(arrays["knees"], zip(arrays["rows"], arrays["weights"], strict=True), strict=True))
    drawings = {knee.knee: knee for knee in read_drawn(DRAWINGS)}
    tracked: list[KneeLabels] = []
    corrected: list[KneeLabels] = []
    for knee, side, path in table[["ID", "side", "Img_path"]].itertuples(index=False):
        if knee not in tracks:
            continue
        picture = read_grid_picture(cohort.parent, path)
        if drawing := drawings.get(knee_digest(knee)):
            labels, where = label_drawn(picture, drawing), corrected
        else:
            rows, weights = tracks[knee]
            labels, where = KneeLabels(picture, rows, weights, np.full(6, np.nan, np.float32)), tracked
        where.append(labels.mirrored() if side == 2 else labels)
    return tracked, corrected


if __name__ == "__main__":
    main()
