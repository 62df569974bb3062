"""Intervals of average precision and Brier score, against scikit-learn and by hand."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, logit
from sklearn.metrics import average_precision_score, brier_score_loss

from jsl_core.evaluation.statistics.logit_intervals import average_precision_interval, brier_interval

DRAW = np.random.default_rng(6)
N = 120
PARTICIPANT = np.repeat(np.arange(N // 2), 2)
POSITIVE = DRAW.random(N) < 0.2
RISK = 1 / (1 + np.exp(1.5 - 1.2 * POSITIVE - DRAW.normal(0, 1, N)))


def test_the_average_precisions_error_is_that_of_leaving_each_participant_out() -> None:
    interval = average_precision_interval(POSITIVE, RISK, PARTICIPANT)
    assert interval.value == pytest.approx(average_precision_score(POSITIVE, RISK))
    without = [
        average_precision_score(POSITIVE[one != PARTICIPANT], RISK[one != PARTICIPANT])
        for one in range(N // 2)
    ]
    error = math.sqrt((N // 2 - 1) * np.var(without))
    events = len(set(PARTICIPANT[POSITIVE]))
    half = stats.t.ppf(0.975, events - 1) * error / (interval.value * (1 - interval.value))
    assert (interval.low, interval.high) == pytest.approx(
        (expit(logit(interval.value) - half), expit(logit(interval.value) + half))
    )


def test_with_one_knee_each_the_brier_scores_error_is_that_of_a_mean() -> None:
    interval = brier_interval(POSITIVE, RISK, np.arange(N))
    assert interval.value == pytest.approx(brier_score_loss(POSITIVE, RISK))
    error = stats.sem((RISK - POSITIVE) ** 2) / (interval.value * (1 - interval.value))
    half = stats.t.ppf(0.975, N - 1) * error
    assert (interval.low, interval.high) == pytest.approx(
        (expit(logit(interval.value) - half), expit(logit(interval.value) + half))
    )


def test_knees_counted_twice_make_nothing_surer() -> None:
    alone = np.arange(N)
    twice = np.tile(alone, 2)
    once = brier_interval(POSITIVE, RISK, alone)
    both = brier_interval(POSITIVE[twice], RISK[twice], twice)
    assert (both.low, both.high) == pytest.approx((once.low, once.high))
    ranked = average_precision_interval(POSITIVE[twice], RISK[twice], twice)
    assert ranked.high - ranked.low == pytest.approx(
        np.ptp([getattr(average_precision_interval(POSITIVE, RISK, alone), end) for end in ("low", "high")])
    )


def test_what_a_handful_of_knees_cannot_tell_has_no_interval() -> None:
    perfect = average_precision_interval([1, 1, 0, 0], [0.9, 0.8, 0.2, 0.1], [1, 2, 3, 4])
    assert perfect.value == 1
    assert math.isnan(perfect.low)
    one_person = average_precision_interval([1, 0, 1, 0], [0.9, 0.8, 0.2, 0.1], [1, 2, 1, 3])
    assert math.isnan(one_person.high)
    assert math.isnan(brier_interval([1, 0], [0.5, 0.5], [1, 2]).low)
