"""Losses and heads, against closed forms."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from jsl_core.learning.model.heads import CoralHead
from jsl_core.learning.regimes.balance import balance_classes
from jsl_core.learning.regimes.losses import kl_loss, progression_loss


def test_coral_s_grades_are_differences_of_its_cumulative_sigmoids() -> None:
    torch.manual_seed(0)
    head = CoralHead(8)
    features = 20 * torch.randn(
        50, 8
    )  # far out, where differences of sigmoids would be 0 and log minus infinity
    chances = head(features).double().exp()
    torch.testing.assert_close(chances.sum(1), torch.ones(50, dtype=torch.float64))
    cuts = head.first + torch.tensor([0.0, 1.0, 2.0, 3.0])  # the steps begin at 1
    at_least = torch.sigmoid(head.score(features).double() - cuts)
    torch.testing.assert_close(chances.flip(1).cumsum(1).flip(1)[:, 1:], at_least, atol=1e-6, rtol=1e-4)
    assert torch.isfinite(head(features)).all()


def test_coral_s_loss_is_the_cross_entropy_of_four_questions() -> None:
    torch.manual_seed(0)
    head, grades = CoralHead(8), torch.tensor([0, 3, 4, 1, -1])
    features = torch.randn(5, 8)
    cuts = head.first + torch.tensor([0.0, 1.0, 2.0, 3.0])
    questions = (grades[:4, None] >= torch.arange(1, 5)).float()
    losses = functional.binary_cross_entropy_with_logits(
        head.score(features[:4]) - cuts, questions, reduction="none"
    )
    torch.testing.assert_close(kl_loss(head(features), grades, "coral"), losses.sum(1).mean())


@pytest.mark.parametrize("kind", ["softmax", "ordinal", "coral"])
def test_a_grade_s_weight_counts_its_knees_so_often(kind: str) -> None:
    logits, grades = torch.randn(3, 5, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 2, 2])
    weights = torch.tensor([3.0, 1.0, 1.0, 1.0, 1.0])
    repeated = kl_loss(logits[[0, 0, 0, 1, 2]], grades[[0, 0, 0, 1, 2]], kind) * 5 / 3  # type: ignore[arg-type]
    torch.testing.assert_close(kl_loss(logits, grades, kind, weights), repeated)  # type: ignore[arg-type]


def test_progression_s_weights_count_either_class_so_often() -> None:
    logits, labels = torch.tensor([[0.3], [-1.0], [2.0]]), torch.tensor([1.0, 0.0, -1.0])
    loss = progression_loss(logits, labels, torch.tensor([0.5, 2.0]))
    each = functional.binary_cross_entropy_with_logits(logits[:2, 0], labels[:2], reduction="none")
    torch.testing.assert_close(loss, (2 * each[0] + 0.5 * each[1]) / 2)


def labels_with(progressed: int, stable: int, unknown: int) -> np.ndarray:
    return np.array([1] * progressed + [0] * stable + [-1] * unknown)


def test_halving_drops_half_the_stable_knees_and_knows_the_odds_it_made() -> None:
    labels = labels_with(30, 70, 10)
    halved = balance_classes(labels, np.arange(110), 2, "halve", seed=0)
    remaining = labels[halved.rows]
    assert [(remaining == value).sum() for value in (1, 0, -1)] == [30, 35, 10]
    assert halved.log_odds == pytest.approx(np.log(2))


def test_weights_and_draws_make_both_classes_equal_and_know_the_odds_they_made() -> None:
    labels = labels_with(20, 80, 25)
    rows = np.arange(125)
    weighted = balance_classes(labels, rows, 2, "weights", seed=0)
    assert weighted.weights is not None
    assert 20 * weighted.weights[1] == pytest.approx(80 * weighted.weights[0])
    assert (20 * weighted.weights[1] + 80 * weighted.weights[0]) / 100 == pytest.approx(1)
    sampled = balance_classes(labels, rows, 2, "sample", seed=0)
    assert sampled.chances is not None
    assert [sampled.chances[labels == value].sum() for value in (1, 0, -1)] == pytest.approx([0.4, 0.4, 0.2])
    assert weighted.log_odds == sampled.log_odds == pytest.approx(np.log(4))


def test_grades_that_do_not_occur_weigh_nothing() -> None:
    labels = np.array([0] * 6 + [1] * 3 + [4] * 3)
    weighted = balance_classes(labels, np.arange(12), 5, "weights", seed=0)
    assert weighted.weights == pytest.approx([12 / 18, 12 / 9, 0, 0, 12 / 9])
    assert len(balance_classes(labels, np.arange(12), 5, "halve", seed=0).rows) == 9


@pytest.mark.parametrize("kind", ["softmax", "ordinal"])
def test_a_teacher_is_mixed_into_the_targets_by_its_share(kind: str) -> None:
    torch.manual_seed(0)
    logits, grades = torch.randn(4, 5), torch.tensor([0, 2, 4, -1])
    teacher = torch.softmax(torch.randn(4, 5), 1)
    label = kl_loss(logits, grades, kind)  # type: ignore[arg-type]
    taught = (
        -(teacher[:3] * torch.log_softmax(logits[:3], 1)).sum(1).mean()
    )  # the grade of the fourth is unknown
    for share in (0.0, 0.3, 1.0):
        mixed = kl_loss(logits, grades, kind, None, teacher, share)  # type: ignore[arg-type]
        torch.testing.assert_close(mixed, (1 - share) * label + share * taught)
