"""The figures of survival against scikit-survival, and with competing deaths against their definitions."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sksurv.metrics import (
    brier_score as sksurv_brier,
)
from sksurv.metrics import (
    concordance_index_censored,
    concordance_index_ipcw,
    cumulative_dynamic_auc,
)
from sksurv.metrics import (
    integrated_brier_score as sksurv_integrated,
)
from sksurv.nonparametric import cumulative_incidence_competing_risks, kaplan_meier_estimator
from sksurv.util import Surv

from jsl_core.evaluation.statistics.survival import (
    censoring_weights,
    cumulative_incidence,
    follow_until,
    incidence_intervals,
)
from jsl_core.evaluation.statistics.survival_scores import (
    brier_score,
    concordance,
    dynamic_auc,
    integrated_brier_score,
)

TIMES = np.array([12.0, 24.0, 36.0, 48.0, 60.0])
HORIZON = 60.0
Floats = NDArray[np.float64]


def draw_cohort(seed: int, deaths: bool, step: float) -> tuple[Floats, NDArray[np.int_], Floats]:
    """Times in months, of which many are tied where `step` is coarse, events, and risks with ties."""
    rng = np.random.default_rng(seed)
    score = rng.normal(size=300).round(1)
    replaced = rng.exponential(120 * np.exp(-score))
    died = rng.exponential(150, 300) if deaths else np.full(300, np.inf)
    lost = rng.uniform(5, 110, 300)
    every = np.stack([lost, replaced, died])
    time = np.ceil(every.min(axis=0) / step) * step
    return time, every.argmin(axis=0), score


def structured(time: Floats, event: NDArray[np.int_]) -> NDArray[np.void]:
    return Surv.from_arrays(event == 1, time)


@pytest.mark.parametrize("step", [1e-6, 3.0], ids=["no ties", "ties"])
@pytest.mark.parametrize("seed", range(3))
def test_figures_without_deaths_are_those_of_scikit_survival(seed: int, step: float) -> None:
    time, event, score = draw_cohort(seed, deaths=False, step=step)
    outcome = structured(time, event)
    incidence = 1 - np.exp(-np.outer(np.exp(score), TIMES) / 130)

    harrell = concordance_index_censored(event == 1, time, score)[0]
    uno = concordance_index_ipcw(outcome, outcome, score, tau=np.nextafter(HORIZON, np.inf))[0]
    areas = cumulative_dynamic_auc(outcome, outcome, score, TIMES)[0]
    brier = sksurv_brier(outcome, outcome, 1 - incidence, TIMES)[1]
    integrated = sksurv_integrated(outcome, outcome, 1 - incidence, TIMES)

    assert concordance(time, event, score, weighted=False) == pytest.approx(harrell, abs=1e-6)
    assert concordance(time, event, score, HORIZON) == pytest.approx(uno, abs=1e-6)
    assert [dynamic_auc(time, event, score, at) for at in TIMES] == pytest.approx(areas, abs=1e-6)
    for place, at in enumerate(TIMES):
        assert brier_score(time, event, incidence[:, place], at) == pytest.approx(brier[place], abs=1e-6)
    assert integrated_brier_score(time, event, incidence, TIMES) == pytest.approx(integrated, abs=1e-6)


@pytest.mark.parametrize("step", [1e-6, 3.0], ids=["no ties", "ties"])
def test_incidence_is_aalen_and_johansens_and_without_deaths_kaplan_and_meiers(step: float) -> None:
    time, event, _ = draw_cohort(1, deaths=True, step=step)
    times, shares = cumulative_incidence_competing_risks(event, time)
    for cause in (1, 2):
        assert cumulative_incidence(time, event, times, cause) == pytest.approx(shares[cause], abs=1e-6)
    times, alone = kaplan_meier_estimator(event == 1, time)
    assert cumulative_incidence(time, event == 1, times) == pytest.approx(1 - alone, abs=1e-6)
    assert cumulative_incidence(time, event, [0.0])[0] == 0


def test_pairs_with_the_dead_are_compared_as_their_definitions_say() -> None:
    time, event, score = draw_cohort(2, deaths=True, step=3.0)
    own, at = censoring_weights(time, event, np.inf), 48.0
    now = censoring_weights(time, event, at)
    pairs = dict.fromkeys(("C", "AUC"), 0.0)
    right = dict.fromkeys(("C", "AUC"), 0.0)
    for case in np.flatnonzero(event == 1):
        for other in range(len(time)):
            order = (score[other] < score[case]) + 0.5 * (score[other] == score[case])
            if time[other] > time[case] or (time[other] == time[case] and event[other] == 0):
                weight = own[case] ** 2
            else:
                weight = own[case] * own[other] * (event[other] == 2)
            if time[case] <= HORIZON:
                pairs["C"] += weight
                right["C"] += weight * order
            if time[case] <= at and not (time[other] <= at and event[other] == 1):
                pairs["AUC"] += now[case] * now[other]
                right["AUC"] += now[case] * now[other] * order
    assert concordance(time, event, score, HORIZON) == pytest.approx(right["C"] / pairs["C"], abs=1e-9)
    assert dynamic_auc(time, event, score, at) == pytest.approx(right["AUC"] / pairs["AUC"], abs=1e-9)


def test_weights_of_those_still_followed_make_up_for_the_lost() -> None:
    time, event, _ = draw_cohort(3, deaths=True, step=1e-6)
    weights = censoring_weights(time, event, 48)
    assert weights.mean() == pytest.approx(1, abs=0.01)
    assert (weights[(time <= 48) & (event == 0)] == 0).all()
    share = cumulative_incidence(time, event, [48])[0]
    assert weights @ ((time <= 48) & (event == 1)) / len(time) == pytest.approx(share, abs=1e-9)


def test_a_constant_prediction_of_the_incidence_has_the_brier_score_of_knowing_nothing() -> None:
    time, event, _ = draw_cohort(4, deaths=True, step=3.0)
    share = cumulative_incidence(time, event, [48])[0]
    assert brier_score(time, event, np.full(len(time), share), 48) == pytest.approx(
        share * (1 - share), abs=5e-3
    )
    assert dynamic_auc(time, event, np.zeros(len(time)), 48) == 0.5


def test_two_equal_knees_a_person_are_worth_one_and_none_replaced_is_no_certainty() -> None:
    time, event, _ = draw_cohort(5, deaths=True, step=3.0)
    people = np.arange(len(time))
    [alone] = incidence_intervals(time, event, [48], people)
    [twice] = incidence_intervals(np.tile(time, 2), np.tile(event, 2), [48], np.tile(people, 2))
    assert (twice.low, twice.high) == pytest.approx((alone.low, alone.high), abs=1e-3)
    [nobody] = incidence_intervals([50.0] * 10, [0] * 10, [48], range(10))
    assert nobody.value == 0
    assert nobody.high == pytest.approx(0.278, abs=1e-3)  # Wilson's of 0 of 10


def test_what_comes_after_the_horizon_has_not_been_seen_and_who_reaches_it_is_known_to_be_without() -> None:
    time, event = follow_until([10.0, 60.0, 60.0, 61.0, 80.0], [1, 1, 0, 1, 2], 60)
    assert time.tolist() == pytest.approx([10, 60, 60, 60, 60])
    assert event.tolist() == [1, 1, 0, 0, 0]
    assert dynamic_auc(time, event, [0.9, 0.8, 0.1, 0.2, 0.3], at=60) == 1


def test_figures_that_need_a_pair_are_none_without() -> None:
    assert np.isnan(concordance([5.0, 6.0], [0, 0], [0.1, 0.2]))
    assert np.isnan(dynamic_auc([5.0, 6.0], [0, 1], [0.1, 0.2], at=3))
