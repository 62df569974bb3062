"""Decodes a head's map into boxes, as `decoding.py` does but with gradients; IoU and CIoU of boxes.

Boxes are (x1, y1, x2, y2), x right, y down, in pixels of the image they are about.
"""

import math

import torch
from torch import Tensor

from jsl_core.detection.decoding import LARGEST_EXPONENT
from jsl_core.detection.layout import Head

__all__ = ["box_iou", "ciou", "decode_head", "paired_iou"]


def decode_head(raw: Tensor, head: Head) -> tuple[Tensor, Tensor]:
    """Decode one head's raw map.

    bx = s·σ(tx) - (s - 1)/2 + cx with s = `scale_x_y`, bw = anchor·exp(tw) (arXiv 2004.10934, section 3.4).

    Args:
        raw: B×A·(5 + classes)×H×W.
        head: Whose map it is.

    Returns:
        Boxes B×A×H×W×4 in pixels of the network's input, and logits B×A×H×W×(1 + classes).
    """
    batch, _, height, width = raw.shape
    maps = raw.float().view(batch, len(head.anchors), 5 + head.classes, height, width)
    maps = maps.permute(0, 1, 3, 4, 2)
    columns = torch.arange(width, device=raw.device, dtype=torch.float32)
    rows = torch.arange(height, device=raw.device, dtype=torch.float32)
    cells = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1)
    anchors = torch.tensor(head.anchors, device=raw.device, dtype=torch.float32)
    centre = maps[..., :2].sigmoid() * head.scale_xy - (head.scale_xy - 1) / 2 + cells
    centre = centre * head.stride
    half = maps[..., 2:4].clamp(max=LARGEST_EXPONENT).exp() * anchors[:, None, None] / 2
    return torch.cat([centre - half, centre + half], -1), maps[..., 4:]


def _intersection_and_union(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Intersection and union areas of boxes …×4 that broadcast against each other."""
    sides = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0)
    intersection = sides.prod(-1)
    area_a, area_b = (a[..., 2:] - a[..., :2]).prod(-1), (b[..., 2:] - b[..., :2]).prod(-1)
    return intersection, area_a + area_b - intersection


def paired_iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of boxes …×4 and …×4, pair by pair."""
    intersection, union = _intersection_and_union(a, b)
    return intersection / union.clamp(min=1e-9)


def box_iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union N×M of boxes N×4 and M×4."""
    return paired_iou(a[:, None], b[None])


def ciou(a: Tensor, b: Tensor) -> Tensor:
    """Complete IoU of boxes …×4, pair by pair (Zheng et al., arXiv 1911.08287, equations 9 to 11)."""
    iou = paired_iou(a, b)
    hull = torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])
    diagonal = hull.square().sum(-1).clamp(min=1e-9)
    distance = ((a[..., :2] + a[..., 2:]) - (b[..., :2] + b[..., 2:])).square().sum(-1) / 4
    size_a, size_b = (a[..., 2:] - a[..., :2]).clamp(min=1e-6), (b[..., 2:] - b[..., :2]).clamp(min=1e-6)
    angles = torch.atan(size_a[..., 0] / size_a[..., 1]) - torch.atan(size_b[..., 0] / size_b[..., 1])
    shape = 4 / math.pi**2 * angles.square()
    with torch.no_grad():
        weight = shape / (1 - iou + shape).clamp(min=1e-9)
    return iou - distance / diagonal - weight * shape
