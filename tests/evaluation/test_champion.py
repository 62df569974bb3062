"""A challenger takes the champion's place if it is shown not to be worse by more than the margin."""

import numpy as np
import pandas as pd
import pytest

from jsl_core.errors import JslError
from jsl_core.evaluation.champion import compare_with_champion
from jsl_core.evaluation.statistics import delong


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
    )
    assert (comparison.difference, comparison.low, comparison.high) == (test.value, test.low, test.high)


def test_what_cannot_be_compared_is_one_clear_line() -> None:
    jsl, kl = predictions(1.0), predictions(1.0, head="kl")
    with pytest.raises(JslError, match="predict different things"):
        compare_with_champion(kl, jsl, everyone(jsl), margin=0.03)
    with pytest.raises(JslError, match="0 knees with JSL_Prog"):
        compare_with_champion(jsl, jsl, frozenset(), margin=0.03)
