"""Metrics of a detector: average precision, overlap with the truth, joints found, false alarms."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from jsl_core.detection.training.boxes import box_iou

__all__ = ["DetectionMetrics", "average_precision", "detection_metrics", "iou_matrix"]

Boxes = NDArray[np.float32]
COCO_IOUS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))  # Lin et al., arXiv 1405.0312


@dataclass(frozen=True)
class DetectionMetrics:
    """Metrics of a detector; the last three of detections above the score threshold.

    Attributes:
        map50: Average precision at an IoU of 0.5.
        map50_95: Its mean over IoUs of 0.5 to 0.95.
        mean_iou: Over all true joints, 0 where missed.
        found: Share of true joints found with an IoU of at least 0.5.
        false_alarms: Detections without a true joint, per image.
    """

    map50: float
    map50_95: float
    mean_iou: float
    found: float
    false_alarms: float


def iou_matrix(a: Boxes, b: Boxes) -> Boxes:
    """Intersection over union N×M of boxes N×4 and M×4."""
    return box_iou(torch.from_numpy(a), torch.from_numpy(b)).numpy()


def detection_metrics(
    truths: Sequence[Boxes], boxes: Sequence[Boxes], scores: Sequence[NDArray[np.float32]], threshold: float
) -> DetectionMetrics:
    """Measure detections against the true boxes.

    Args:
        truths: True boxes, M×4 an image, (x1, y1, x2, y2) in its pixels.
        boxes: Detected boxes, N×4 an image.
        scores: Their scores, N an image.
        threshold: Least score of the detections that `mean_iou`, `found` and `false_alarms` count.
    """
    precisions = [average_precision(truths, boxes, scores, iou) for iou in COCO_IOUS]
    overlaps: list[float] = []
    false_alarms = 0
    for truth, box, score in zip(truths, boxes, scores, strict=True):
        likely = score >= threshold
        iou = iou_matrix(truth, box[likely])
        hits = _match_detections(iou, score[likely], 0.5)
        false_alarms += int((hits < 0).sum())
        overlaps.extend(iou.max(1, initial=0.0).tolist())
    ious = np.array(overlaps)
    return DetectionMetrics(
        map50=precisions[0],
        map50_95=float(np.mean(precisions)),
        mean_iou=float(ious.mean()) if len(ious) else float("nan"),
        found=float((ious >= 0.5).mean()) if len(ious) else float("nan"),
        false_alarms=false_alarms / max(1, len(truths)),
    )


def average_precision(
    truths: Sequence[Boxes], boxes: Sequence[Boxes], scores: Sequence[NDArray[np.float32]], iou: float
) -> float:
    """Area under the interpolated precision-recall curve at one IoU (PASCAL VOC 2010 on: all points).

    Arguments as for `detection_metrics`; a detection is a hit with an overlap of at least `iou`.
    """
    hits = [
        _match_detections(iou_matrix(truth, box), score, iou) >= 0
        for truth, box, score in zip(truths, boxes, scores, strict=True)
    ]
    joints = sum(len(truth) for truth in truths)
    if not joints:
        return float("nan")
    order = np.argsort(-np.concatenate(scores), kind="stable")
    hit = np.concatenate(hits)[order]
    hits_so_far = hit.cumsum()
    recall = hits_so_far / joints
    precision = hits_so_far / np.arange(1, len(hit) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall, prepend=0.0) * envelope).sum())


def _match_detections(iou: Boxes, scores: NDArray[np.float32], threshold: float) -> NDArray[np.int64]:
    """For each detection (columns) the true joint it finds, or -1; the best score chooses first."""
    joints = np.full(iou.shape[1], -1, np.int64)
    free = np.ones(iou.shape[0], bool)
    for detection in np.argsort(-scores, kind="stable"):
        overlap = np.where(free, iou[:, detection], 0.0)
        if len(overlap) and overlap.max() >= threshold:
            joints[detection] = overlap.argmax()
            free[joints[detection]] = False
    return joints
