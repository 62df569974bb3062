"""Decodes the heads' maps into boxes and scores.

Boxes are (x1, y1, x2, y2), x right, y down, in pixels of the network's input.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jsl_core.detection.layout import Head

__all__ = ["LARGEST_EXPONENT", "decode"]

LARGEST_EXPONENT = 8.0  # of a box's side in anchors: beyond it a box is larger than any film

Maps = NDArray[np.float32]


def decode(raws: Sequence[Maps], heads: Sequence[Head]) -> tuple[Maps, Maps]:
    """Decode the raw maps of all heads.

    bx = s·σ(tx) - (s - 1)/2 + cx with s = `scale_x_y`, bw = anchor·exp(tw) (arXiv 2004.10934, section 3.4).

    Args:
        raws: One map a head, each B×A·(5 + classes)×H×W.
        heads: Whose maps they are, in the same order.

    Returns:
        Boxes B×N×4, and scores B×N×classes (objectness × class), N counting anchors, rows, columns in turn.
    """
    boxes, scores = zip(*map(_decode_head, raws, heads), strict=True)
    return np.concatenate(boxes, 1), np.concatenate(scores, 1)


def _decode_head(raw: Maps, head: Head) -> tuple[Maps, Maps]:
    batch, _, height, width = raw.shape
    maps = raw.astype(np.float32).reshape(batch, len(head.anchors), 5 + head.classes, height, width)
    maps = maps.transpose(0, 1, 3, 4, 2)
    cells = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(np.float32)
    anchors = np.array(head.anchors, np.float32)[:, None, None]
    centre = (_sigmoid(maps[..., :2]) * head.scale_xy - (head.scale_xy - 1) / 2 + cells) * head.stride
    half = np.exp(np.minimum(maps[..., 2:4], LARGEST_EXPONENT)) * anchors / 2
    boxes = np.concatenate([centre - half, centre + half], -1, dtype=np.float32)
    scores = _sigmoid(maps[..., 4:5]) * _sigmoid(maps[..., 5:])
    return boxes.reshape(batch, -1, 4), scores.reshape(batch, -1, head.classes)


def _sigmoid(x: Maps) -> Maps:
    small = np.exp(-np.abs(x))  # never overflows
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small))
