"""Anchors: the box shapes a detector starts from, by k-means on the training data."""

import numpy as np
from numpy.typing import NDArray

from jsl_core.detection.training.metrics import iou_matrix

__all__ = ["kmeans_anchors"]


def kmeans_anchors(sizes: NDArray[np.float32], count: int, seed: int = 0) -> list[tuple[float, float]]:
    """Cluster the sizes of boxes into anchors.

    k-means with the distance 1 - IoU of boxes about one centre (Redmon and Farhadi, arXiv 1612.08242, section
    2).

    Args:
        sizes: Widths and heights N×2 in pixels of the network's input.
        count: How many anchors.
        seed: Of the first centres.

    Returns:
        Anchors (width, height), smallest first.
    """
    rng = np.random.default_rng(seed)
    centres = sizes[rng.choice(len(sizes), count, replace=len(sizes) < count)]
    for _ in range(100):
        nearest = iou_matrix(_centre(sizes), _centre(centres)).argmax(1)
        updated = np.stack(
            [
                np.median(sizes[nearest == index], axis=0) if (nearest == index).any() else centres[index]
                for index in range(count)
            ]
        ).astype(np.float32)
        if np.array_equal(updated, centres):
            break
        centres = updated
    return [
        (round(float(w)), round(float(h))) for w, h in sorted(centres.tolist(), key=lambda wh: wh[0] * wh[1])
    ]


def _centre(sizes: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([-sizes / 2, sizes / 2], 1).astype(np.float32)
