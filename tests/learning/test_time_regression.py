"""Losses and regressions of times, against scikit-survival, definitions and what they were drawn from."""

import numpy as np
import pytest
import torch
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.util import Surv

from jsl_core.evaluation.statistics.survival import cumulative_incidence, follow_until
from jsl_core.learning.model.hazard import Hazard
from jsl_core.learning.regimes.time_losses import cox_loss, discrete_loss
from jsl_core.learning.regimes.time_regression import (
    Floats,
    Ints,
    chances_of_death,
    fit_cox,
    fit_discrete,
    fit_hazard,
    interval_ends,
    interval_log_odds,
    set_level,
)

WEIGHTS = np.array([0.8, -0.5, 0.0])
ENDS = interval_ends(96, 12)


def draw_times(knees: int = 400, step: float = 1e-6, deaths: bool = False) -> tuple[Floats, Floats, Ints]:
    """Inputs, months and events of proportional hazards; with `step` whole months, times are tied."""
    rng = np.random.default_rng(3)
    inputs = rng.normal(size=(knees, 3))
    replaced = rng.exponential(200 * np.exp(-inputs @ WEIGHTS))
    died = rng.exponential(400, knees) if deaths else np.full(knees, np.inf)
    every = np.stack([rng.uniform(20, 110, knees), replaced, died])
    return inputs, np.ceil(every.min(axis=0) / step) * step, every.argmin(axis=0)


@pytest.mark.parametrize("step", [1e-6, 6.0], ids=["no ties", "ties"])
def test_regression_of_proportional_hazards_is_that_of_scikit_survival(step: float) -> None:
    inputs, months, event = draw_times(step=step)
    oracle = CoxPHSurvivalAnalysis(alpha=2.0, ties="breslow", tol=1e-12, n_iter=200)
    oracle.fit(inputs, Surv.from_arrays(event == 1, months))
    assert fit_cox(inputs, months, event, precision=2.0) == pytest.approx(oracle.coef_, abs=1e-6)


@pytest.mark.parametrize("step", [1e-6, 6.0], ids=["no ties", "ties"])
def test_baseline_hazard_is_breslows_as_scikit_survival_has_it(step: float) -> None:
    inputs, months, event = draw_times(step=step)
    oracle = CoxPHSurvivalAnalysis(ties="breslow", tol=1e-12, n_iter=200)
    oracle.fit(inputs, Surv.from_arrays(event == 1, months))
    scores = (inputs @ oracle.coef_)[:, None]
    hazard = fit_hazard("cox", scores, months, event, ENDS)
    curves = oracle.predict_survival_function(inputs[:20])
    expected = [[1 - curve(end) for end in ENDS] for curve in curves]
    assert hazard.incidence(hazard.scores(scores[:20])) == pytest.approx(np.array(expected), abs=1e-6)


def test_partial_likelihood_is_the_sum_over_events_of_those_at_risk() -> None:
    inputs, months, event = draw_times(knees=40, step=6.0, deaths=True)
    scores = inputs @ WEIGHTS
    losses = [
        np.log(np.exp(scores[months >= months[row]]).mean()) - scores[row]
        for row in np.flatnonzero(event == 1)
    ]
    tensors = (torch.tensor(scores)[:, None], torch.tensor(months), torch.tensor(event))
    assert cox_loss(*tensors).item() == pytest.approx(np.mean(losses), abs=1e-9)
    assert cox_loss(torch.zeros(40, 1, dtype=torch.float64), *tensors[1:]).item() == pytest.approx(0)


def test_knees_without_a_time_and_batches_without_an_event_teach_nothing() -> None:
    scores = torch.zeros(3, 1, requires_grad=True)
    nobody = cox_loss(scores, torch.tensor([12.0, 24.0, -1.0]), torch.tensor([0.0, 2.0, -1.0]))
    nobody.backward()  # type: ignore[no-untyped-call]
    assert nobody.item() == 0
    assert scores.grad is not None
    assert not scores.grad.any()
    logits, ends = torch.zeros(2, 3), torch.tensor([12.0, 24.0, 36.0])
    times, event = torch.tensor([18.0, -1.0]), torch.tensor([1.0, -1.0])
    assert discrete_loss(logits, times, event, ends).item() == pytest.approx(2 * np.log(2))


@pytest.mark.parametrize(
    ("month", "event", "lived"),
    [
        *((18, 1, [0, 1]), (12, 1, [1]), (40, 1, [0, 0, 0]), (36, 0, [0, 0, 0])),
        *((17, 0, [0]), (18, 0, [0, 0]), (18, 2, [0, 0]), (5, 0, [])),
    ],
)
def test_a_knee_counts_in_the_intervals_that_it_lived_through(
    month: float, event: int, lived: list[int]
) -> None:
    logits, ends = torch.tensor([[-1.0, 0.5, 2.0]]), torch.tensor([12.0, 24.0, 36.0])
    chances = torch.sigmoid(logits[0]).tolist()
    expected = -sum(np.log(p if happened else 1 - p) for p, happened in zip(chances, lived, strict=False))
    loss = discrete_loss(logits, torch.tensor([float(month)]), torch.tensor([float(event)]), ends)
    assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_both_regressions_find_what_times_were_drawn_from() -> None:
    inputs, months, event = draw_times(knees=4000)
    assert fit_cox(inputs, months, event, precision=1e-3) == pytest.approx(WEIGHTS, abs=0.1)
    weights, odds = fit_discrete(inputs, months, event, ENDS)
    assert weights == pytest.approx(WEIGHTS, abs=0.12)
    hazard = Hazard("discrete", tuple(ENDS), tuple(odds), tuple(chances_of_death(months, event, ENDS)))
    true = 1 - np.exp(-ENDS / 200 * np.exp(inputs @ WEIGHTS)[:, None])
    assert np.abs(hazard.incidence((inputs @ weights)[:, None]) - true).mean() < 0.02


def test_risks_beside_death_are_chances_of_having_been_replaced_first() -> None:
    inputs, months, event = draw_times(knees=20_000, deaths=True)
    scores = (inputs @ WEIGHTS)[:, None]
    hazard = fit_hazard("cox", scores, months, event, ENDS)
    rate, death = np.exp(scores) / 200, 1 / 400
    true = rate / (rate + death) * (1 - np.exp(-(rate + death) * ENDS))
    assert np.abs(hazard.incidence(hazard.scores(scores)) - true).mean() < 0.01


def test_the_level_follows_the_validation_knees_as_far_as_they_can_tell() -> None:
    inputs, months, event = draw_times(knees=4000)
    scores = (inputs @ WEIGHTS)[:, None]
    right = fit_hazard("cox", scores, months, event, ENDS)
    high = Hazard(right.kind, right.months, tuple(np.array(right.baseline) + 1), right.death, right.centre)
    own = right.scores(scores)
    level = [np.mean(set_level(high, own[:n], months[:n], event[:n]).baseline) for n in (0, 40, 4000)]
    assert level[0] == pytest.approx(np.mean(high.baseline))
    assert level[0] > level[1] > level[2]
    assert level[2] == pytest.approx(np.mean(right.baseline), abs=0.1)


def test_a_regression_by_interval_expects_as_many_events_as_there_were() -> None:
    inputs, months, event = draw_times(knees=120)
    weights, odds = fit_discrete(inputs, months, event, ENDS)
    expected = happened = 0.0
    for knee, (month, ended) in enumerate(zip(months, event, strict=True)):
        for place, end in enumerate(ENDS):
            start = end - 12
            replaced = ended == 1 and start < month <= end
            if replaced or (month >= (start + end) / 2 and not (ended == 1 and month <= start)):
                expected += 1 / (1 + np.exp(-odds[place] - inputs[knee] @ weights))
                happened += replaced
    assert expected == pytest.approx(happened, rel=0.001)


def test_a_discrete_head_begins_with_the_odds_of_all_knees() -> None:
    _, months, event = draw_times(knees=4000)
    odds = interval_log_odds(months, event, ENDS)
    hazard = Hazard("discrete", tuple(ENDS), tuple(odds), tuple(np.zeros(len(ENDS))))
    share = cumulative_incidence(*follow_until(months, event, 96), [96])
    assert hazard.incidence(np.zeros((1, 1)))[0, -1] == pytest.approx(share[0], abs=0.02)
