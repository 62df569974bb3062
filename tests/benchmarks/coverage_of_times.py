"""How often intervals of figures of times hold the truth: `python tests/benchmarks/coverage_of_times.py`.

Cohorts of participants with two knees each are drawn from known hazards of replacement, with death and loss
that both knees share; the truth is what 8,000 participants say, and of shares
their true chances.
"""

import argparse

import numpy as np
import pandas as pd

from jsl_core.evaluation.statistics.survival import cumulative_incidence, follow_until
from jsl_core.evaluation.statistics.survival_scores import (
    brier_score,
    concordance,
    dynamic_auc,
    integrated_brier_score,
)
from jsl_core.evaluation.time_figures import time_figures

MONTHS = np.array([24.0, 48.0, 72.0, 96.0])
FIGURES = ("c_index", "harrell", "brier_skill", "integrated_brier", "ratio")


def draw(people: int, monthly: float, seed: int) -> pd.DataFrame:
    """Knees whose risks are the true chances by each month."""
    rng = np.random.default_rng(seed)
    score = (rng.normal(size=people)[:, None] + 0.7 * rng.normal(size=(people, 2))).ravel()
    rate, death = np.exp(score) * monthly, 1 / 600
    lost, died = rng.uniform(20, 130, people), rng.exponential(1 / death, people)
    every = np.stack([np.repeat(lost, 2), rng.exponential(1 / rate), np.repeat(died, 2)])
    true = (rate / (rate + death))[:, None] * -np.expm1(-(rate + death)[:, None] * MONTHS)
    risks = {f"jsl_risk_{month:g}m": true[:, place] for place, month in enumerate(MONTHS)}
    knees = {"participant": np.repeat(np.arange(people), 2), "Outcome_months": 96.0}
    times = {"Event": every.argmin(axis=0), "Event_months": every.min(axis=0)}
    return pd.DataFrame({**knees, **times, **risks, "jsl_risk": true[:, -1]})


def figures(rows: pd.DataFrame) -> dict[str, dict[str, float]]:
    """The figures with intervals, flat; those of months at 48."""
    told = time_figures(rows) or {}
    if "reason" in told:
        return {}
    at_48 = told["by_month"][1]
    return {name: told[name] for name in FIGURES} | {
        "AUC at 48": at_48["auc"],
        "Brier at 48": at_48["brier"],
        "share replaced": told["observed"],
    }


def true_figures(monthly: float) -> dict[str, float]:
    """The same of a cohort so large that they need no interval."""
    rows = draw(8000, monthly, 0)
    time, event = follow_until(rows["Event_months"], rows["Event"], 96)
    risks = rows[[f"jsl_risk_{month:g}m" for month in MONTHS]].to_numpy()
    [share] = cumulative_incidence(time, event, [96])
    brier, uninformed = (
        brier_score(time, event, risk, 96) for risk in (risks[:, -1], np.full(len(time), share))
    )
    return {
        "c_index": concordance(time, event, risks[:, -1], 96),
        "harrell": concordance(time, event, risks[:, -1], 96, weighted=False),
        "brier_skill": 1 - brier / uninformed,
        "integrated_brier": integrated_brier_score(time, event, risks, MONTHS),
        "ratio": 1.0,
        "AUC at 48": dynamic_auc(time, event, risks[:, 1], 48),
        "Brier at 48": brier_score(time, event, risks[:, 1], 48),
        "share replaced": float(draw(200_000, monthly, 0)["jsl_risk"].mean()),
    }


def main() -> None:
    """Print a row a kind of cohort."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohorts", type=int, default=200)
    options = parser.parse_args()
    print(
        "| participants | replaced | "
        + " | ".join([*FIGURES, "AUC at 48", "Brier at 48", "share replaced"])
        + " |"
    )
    print("|---" * (len(FIGURES) + 5) + "|")
    for people, monthly in ((100, 1 / 1600), (100, 1 / 400), (400, 1 / 1600), (400, 1 / 400)):
        truth = true_figures(monthly)
        hits: dict[str, list[bool]] = {name: [] for name in truth}
        replaced = []
        for seed in range(1, options.cohorts + 1):
            rows = draw(people, monthly, seed)
            replaced.append((follow_until(rows["Event_months"], rows["Event"], 96)[1] == 1).sum())
            for name, told in figures(rows).items():
                if told["low"] is not None:
                    hits[name].append(told["low"] <= truth[name] <= told["high"])
        cells = [f"{np.mean(found):.3f}" if found else "–" for found in hits.values()]
        print(f"| {people} | {np.mean(replaced):.0f} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
