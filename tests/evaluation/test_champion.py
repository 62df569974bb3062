"""A challenger takes the champion's place if it is shown not to be worse by more than the margin."""

import math
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest

from jsl_core.errors import JslError
from jsl_core.evaluation.champion import compare_with_champion
from jsl_core.evaluation.statistics import delong
from jsl_core.evaluation.statistics.reuse import EarlierDecision, expected_optimism, interval_level


def predictions(noise: float, *, knees: int = 400, seed: int = 0, head: str = "jsl") -> pd.DataFrame:
    """A model's predictions on the same knees, as good as its noise is small."""
    truth = np.random.default_rng(1)
    own = np.random.default_rng(seed)
    progressed = (truth.random(knees) < 0.35).astype(float)
    grade = truth.integers(0, 5, knees)
    table = pd.DataFrame(
        {
            "ID": [f"{1_000_001 + place // 2}_{place % 2 + 1}" for place in range(knees)],
            "participant": [f"{1_000_001 + place // 2}" for place in range(knees)],
            "BL_KL_grade": grade,
            "JSL_Prog": progressed,
        }
    )
    if head == "jsl":
        return table.assign(jsl_risk=1 / (1 + np.exp(-(progressed + noise * own.standard_normal(knees)))))
    near = -np.abs(np.arange(5) - grade[:, None] - noise * own.standard_normal((knees, 1)))
    return table.assign(**{f"kl_{kl}": np.exp(near[:, kl]) for kl in range(5)})


def everyone(table: pd.DataFrame) -> frozenset[str]:
    return frozenset(table["participant"])


def test_the_same_model_again_is_not_worse() -> None:
    champion = predictions(1.0)
    comparison = compare_with_champion(champion, champion, everyone(champion), margin=0.0)
    assert (comparison.difference, comparison.low, comparison.high, comparison.not_worse) == (0, 0, 0, True)


@pytest.mark.parametrize("head", ["jsl", "kl"])
def test_a_better_one_is_not_worse_and_a_worse_one_is(head: str) -> None:
    good, bad = predictions(0.5, head=head), predictions(3.0, seed=2, head=head)
    better = compare_with_champion(good, bad, everyone(good), margin=0.03)
    worse = compare_with_champion(bad, good, everyone(good), margin=0.03)
    assert better.not_worse
    assert not worse.not_worse
    assert better.difference == pytest.approx(-worse.difference)
    assert better.figure == ("AUC" if head == "jsl" else "quadratic kappa")


def test_too_few_knees_to_tell_keep_the_champion_and_a_wide_margin_does_not() -> None:
    champion, challenger = predictions(1.0, knees=30), predictions(1.0, knees=30, seed=5)
    assert not compare_with_champion(challenger, champion, everyone(champion), margin=0.01).not_worse
    assert compare_with_champion(challenger, champion, everyone(champion), margin=1.0).not_worse


def test_only_frozen_participants_knees_that_both_have_and_that_are_labelled_count() -> None:
    champion, challenger = predictions(1.0), predictions(0.8, seed=3)
    frozen = frozenset(sorted(everyone(champion))[:100])
    champion = champion[champion["ID"] != "1000001_1"]
    challenger.loc[challenger["ID"] == "1000002_1", "JSL_Prog"] = np.nan
    comparison = compare_with_champion(challenger, champion, frozen, margin=0.03)
    assert (comparison.knees, comparison.participants) == (198, 100)
    both = challenger.merge(champion[["ID", "jsl_risk"]], on="ID", suffixes=("", "_old"))
    both = both[both["participant"].isin(frozen) & both["JSL_Prog"].notna()]
    test = delong.auc_difference(
        both["JSL_Prog"].to_numpy() == 1,
        both["jsl_risk"].to_numpy(),
        both["jsl_risk_old"].to_numpy(),
        both["participant"].to_numpy(),
        level=interval_level(1),
    )
    assert (comparison.difference, comparison.low, comparison.high) == (test.value, test.low, test.high)


def test_what_cannot_be_compared_is_one_clear_line() -> None:
    jsl, kl = predictions(1.0), predictions(1.0, head="kl")
    with pytest.raises(JslError, match="predict different things"):
        compare_with_champion(kl, jsl, everyone(jsl), margin=0.03)
    with pytest.raises(JslError, match="0 knees with JSL_Prog"):
        compare_with_champion(jsl, jsl, frozenset(), margin=0.03)


def test_the_errors_of_all_decisions_on_a_test_part_add_up_to_one_in_twenty() -> None:
    errors = [1 - interval_level(number) for number in range(1, 20_000)]
    assert sum(errors) == pytest.approx(0.05, abs=1e-5)
    assert errors == sorted(errors, reverse=True)


def test_the_more_often_a_test_part_was_asked_the_wider_the_interval_that_decides() -> None:
    champion, challenger = predictions(1.0), predictions(1.0, seed=5)
    earlier = [EarlierDecision(promoted=False, error=0.03, bar=0.04)] * 9
    first = compare_with_champion(challenger, champion, everyone(champion), 0.03)
    tenth = compare_with_champion(challenger, champion, everyone(champion), 0.03, earlier)
    assert (first.decisions, tenth.decisions) == (1, 10)
    assert tenth.high - tenth.low > 1.5 * (first.high - first.low)
    assert first.difference == tenth.difference


def run_line(rng: np.random.Generator, error: float, spending: bool) -> tuple[float, list[EarlierDecision]]:
    """By how much the champion after a year of equal challengers is flattered, and how the line went."""
    champion, decisions = rng.normal(0, error / math.sqrt(2)), []
    for number in range(1, 53):
        level = interval_level(number) if spending else 0.95
        bar = NormalDist().inv_cdf(0.5 + level / 2) * error - 0.03
        challenger = rng.normal(0, error / math.sqrt(2))
        decisions.append(EarlierDecision(bool(challenger - champion >= bar), error, bar))
        champion = challenger if decisions[-1].promoted else champion
    return champion, decisions


def test_a_year_of_equal_challengers_hardly_flatters_the_champion_and_the_estimate_is_right() -> None:
    rng = np.random.default_rng(0)
    old, new = ([run_line(rng, 0.03, spending) for _ in range(400)] for spending in (False, True))
    assert np.mean([flattery for flattery, _ in old]) > 0.03
    assert np.mean([flattery for flattery, _ in new]) < 0.016
    for lines in (old, new):
        estimate = np.mean([expected_optimism(decisions) for _, decisions in lines[:15]])
        assert estimate == pytest.approx(np.mean([flattery for flattery, _ in lines]), abs=0.012)
