"""Boxes, their overlap, and metrics, against closed forms and worked examples."""

import math

import numpy as np
import pytest
import torch
import torchvision

from jsl_core.detection.decoding import decode
from jsl_core.detection.layout import Head
from jsl_core.detection.training.anchors import kmeans_anchors
from jsl_core.detection.training.boxes import box_iou, ciou, decode_head
from jsl_core.detection.training.metrics import average_precision, detection_metrics


def _boxes(count: int, seed: int) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    corner, size = rng.uniform(0, 100, (count, 2)), rng.uniform(5, 80, (count, 2))
    return torch.tensor(np.concatenate([corner, corner + size], 1), dtype=torch.float32)


def test_detection_decodes_boxes_as_training_does() -> None:
    heads = [Head(16, ((10, 20), (33.5, 40)), 2, 1.05), Head(32, ((81, 82),), 2, 1.0)]
    generator = torch.Generator().manual_seed(0)
    raws = [
        torch.randn((3, len(head.anchors) * 7, 5, 160 // head.stride), generator=generator) * 6
        for head in heads
    ]
    raws[0][0, :, 0, 0] = torch.tensor([-200.0, 200.0] * 7)  # no overflow, and no box larger than any film
    boxes, scores = decode([raw.numpy() for raw in raws], heads)
    assert boxes.dtype == scores.dtype == np.float32
    first = 0
    for raw, head in zip(raws, heads, strict=True):
        expected, logits = (part.flatten(1, 3) for part in decode_head(raw, head))
        part = slice(first, first := first + expected.shape[1])
        np.testing.assert_allclose(boxes[:, part], expected, rtol=1e-5, atol=1e-4)
        joint = logits[..., :1].sigmoid() * logits[..., 1:].sigmoid()
        np.testing.assert_allclose(scores[:, part], joint, rtol=1e-5, atol=1e-30)
    assert first == boxes.shape[1] == scores.shape[1]


def test_iou_and_ciou_are_those_of_torchvision() -> None:
    a, b = _boxes(50, 0), _boxes(50, 1)
    torch.testing.assert_close(box_iou(a, b), torchvision.ops.box_iou(a, b))
    torch.testing.assert_close(
        1 - ciou(a, b), torchvision.ops.complete_box_iou_loss(a, b), rtol=1e-4, atol=1e-4
    )


def test_ciou_of_a_shifted_square_is_its_closed_form() -> None:
    square, shifted = torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[1.0, 0.0, 3.0, 2.0]])
    # IoU 2/6; centres 1 apart; the hull is 3 × 2, so its diagonal squared is 13; equal shapes.
    assert float(ciou(square, shifted)) == pytest.approx(1 / 3 - 1 / 13, abs=1e-6)


def test_ciou_of_other_shapes_about_one_centre_is_its_closed_form() -> None:
    flat, tall = torch.tensor([[-2.0, -1.0, 2.0, 1.0]]), torch.tensor([[-1.0, -2.0, 1.0, 2.0]])
    iou, shape = 4 / 12, 4 / math.pi**2 * (math.atan(2) - math.atan(0.5)) ** 2
    assert float(ciou(flat, tall)) == pytest.approx(iou - shape**2 / (1 - iou + shape), abs=1e-6)


def test_average_precision_of_a_worked_example() -> None:
    # Three joints on two films. By score: hit, false alarm, hit, and a second box on a joint already found.
    truths = [np.array([[0, 0, 10, 10], [20, 0, 30, 10]], np.float32), np.array([[0, 0, 10, 10]], np.float32)]
    boxes = [
        np.array([[0, 0, 10, 10], [50, 50, 60, 60], [0, 0, 10, 9]], np.float32),
        np.array([[0, 0, 10, 10]], np.float32),
    ]
    scores = [np.array([0.9, 0.8, 0.3], np.float32), np.array([0.7], np.float32)]
    # Recall 1/3 at precision 1, then 2/3 at precision 2/3; the third joint is never found.
    assert average_precision(truths, boxes, scores, 0.5) == pytest.approx(1 / 3 * 1 + 1 / 3 * 2 / 3)
    metrics = detection_metrics(truths, boxes, scores, 0.5)
    assert metrics.found == pytest.approx(2 / 3)
    assert metrics.false_alarms == pytest.approx(1 / 2)
    assert metrics.mean_iou == pytest.approx(2 / 3)


def test_perfect_detections_score_one_at_every_overlap() -> None:
    truth = [_boxes(1, seed).numpy() for seed in range(5)]
    metrics = detection_metrics(truth, truth, [np.ones(1, np.float32)] * 5, 0.25)
    assert (metrics.map50, metrics.map50_95, metrics.mean_iou, metrics.found) == pytest.approx((1, 1, 1, 1))


def test_anchors_find_the_groups_of_box_sizes() -> None:
    rng = np.random.default_rng(0)
    sizes = np.concatenate([rng.normal(side, 1, (60, 2)) for side in (40, 100, 250)]).astype(np.float32)
    assert np.allclose(kmeans_anchors(sizes, 3), [(40, 40), (100, 100), (250, 250)], atol=2)
