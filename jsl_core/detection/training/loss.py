"""YOLOv4's loss: CIoU of the boxes, binary cross-entropy of objectness and classes."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from jsl_core.detection.layout import Head
from jsl_core.detection.training.boxes import box_iou, ciou, decode_head

__all__ = ["DetectionLoss"]


@dataclass(frozen=True)
class DetectionLoss:
    """Box, objectness and class loss, weighted and summed; a mean over the joints of the batch.

    A joint belongs to the anchor that fits it best over all heads and to every other anchor whose shape
    overlaps it by more than `match_iou` (Darknet's `iou_thresh`); a cell without a joint whose box
    nevertheless overlaps one by more than `ignore_iou` does not count as empty (`ignore_thresh`).
    """

    heads: tuple[Head, ...]
    match_iou: float = 0.5
    ignore_iou: float = 0.7
    box_weight: float = 5.0

    def __call__(self, raws: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
        """The loss, a scalar.

        Args:
            raws: Raw maps, one a head, B×A·(5 + classes)×H×W.
            targets: Boxes, one tensor M×4 an image, (x1, y1, x2, y2) in pixels of the input, all of class 0.
        """
        fits = [_anchor_iou(boxes, self.heads) for boxes in targets]
        total = raws[0].new_zeros((), dtype=torch.float32)
        first = 0
        for raw, head in zip(raws, self.heads, strict=True):
            boxes, logits = decode_head(raw, head)
            anchors = range(first, first + len(head.anchors))
            first = anchors.stop
            total = total + self._head_loss(
                boxes, logits, head.stride, targets, [fit[:, anchors] for fit in fits]
            )
        return total / max(1, sum(len(boxes) for boxes in targets))

    def _head_loss(
        self, boxes: Tensor, logits: Tensor, stride: int, targets: Sequence[Tensor], fits: Sequence[Tensor]
    ) -> Tensor:
        height, width = boxes.shape[2:4]
        objectness = torch.zeros_like(logits[..., 0])
        counted = torch.ones_like(objectness)
        with torch.no_grad():
            for image, truth in enumerate(targets):
                if len(truth):
                    best = box_iou(boxes[image].reshape(-1, 4), truth).amax(1)
                    counted[image] = (best < self.ignore_iou).view(counted.shape[1:]).float()
        images, anchors, rows, columns, true_boxes = [], [], [], [], []
        for image, (truth, fit) in enumerate(zip(targets, fits, strict=True)):
            joint, anchor = torch.nonzero(fit > self.match_iou, as_tuple=True)
            centre = (truth[joint, :2] + truth[joint, 2:]) / 2 / stride
            images.append(torch.full_like(joint, image))
            anchors.append(anchor)
            columns.append(centre[:, 0].long().clamp(0, width - 1))
            rows.append(centre[:, 1].long().clamp(0, height - 1))
            true_boxes.append(truth[joint])
        cells = tuple(torch.cat(part) for part in (images, anchors, rows, columns))
        objectness[cells] = 1.0
        counted[cells] = 1.0
        objectness_loss = functional.binary_cross_entropy_with_logits(
            logits[..., 0], objectness, reduction="none"
        )
        loss = (objectness_loss * counted).sum()
        if len(cells[0]):
            loss = loss + self.box_weight * (1 - ciou(boxes[cells], torch.cat(true_boxes))).sum()
            classes = logits[cells][:, 1:]
            joint_class = functional.one_hot(torch.zeros_like(cells[0]), classes.shape[1]).float()
            loss = loss + functional.binary_cross_entropy_with_logits(classes, joint_class, reduction="sum")
        return loss


def _anchor_iou(boxes: Tensor, heads: Sequence[Head]) -> Tensor:
    """Overlap M×A of boxes and all heads' anchors about one centre; the best of each row counts as 2."""
    anchors = torch.tensor([anchor for head in heads for anchor in head.anchors], device=boxes.device)
    sizes = boxes[:, 2:] - boxes[:, :2]
    fit = box_iou(torch.cat([-sizes, sizes], 1), torch.cat([-anchors, anchors], 1))
    if len(boxes):
        fit.scatter_(1, fit.argmax(1, keepdim=True), 2.0)
    return fit
