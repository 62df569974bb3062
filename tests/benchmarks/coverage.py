"""Whether the report's intervals hold what they promise: how often a 95 % interval has the truth inside.

Prints the table of docs/evaluation.md. Each row draws cohorts of participants with two knees each, whose
outcomes and risks are correlated within a person as said, and asks the very functions that the report asks.
From 0.93 to 0.97 is what a 95 % interval should cover; `--cohorts 2000` tells 0.95 from 0.94.

    python tests/benchmarks/coverage.py --cohorts 2000
"""

import argparse
import itertools
import math
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from multiprocessing import Pool
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from jsl_core.evaluation.statistics.bootstrap import bootstrap_intervals
from jsl_core.evaluation.statistics.delong import auc_difference, auc_interval
from jsl_core.evaluation.statistics.logit_intervals import average_precision_interval, brier_interval
from jsl_core.evaluation.statistics.metrics import progression_scores
from jsl_core.evaluation.statistics.proportion import proportion_interval

PARTICIPANTS = (40, 120, 500)
PREVALENCES = (0.1, 0.3)
CORRELATIONS = (0.0, 0.5, 0.9)
AUC, OTHER_AUC = 0.80, 0.72
RESAMPLES = 400


class Case(NamedTuple):
    """One row of the table."""

    participants: int
    prevalence: float
    correlation: float


class Cohort(NamedTuple):
    """Knees: outcome, two models' scores and participant, N each."""

    positive: np.ndarray
    score: np.ndarray
    other: np.ndarray
    participant: np.ndarray


def draw_cohort(case: Case, rng: np.random.Generator) -> Cohort:
    """A cohort of one case; scores are normal, their means as far apart as the AUCs say."""

    def knees() -> np.ndarray:
        person, knee = rng.normal(size=(case.participants, 1)), rng.normal(size=(case.participants, 2))
        return (math.sqrt(case.correlation) * person + math.sqrt(1 - case.correlation) * knee).ravel()

    positive = knees() < ndtri(case.prevalence)
    shared = knees()  # two models of the same knees err alike
    score, other = (
        positive * math.sqrt(2) * ndtri(auc) + math.sqrt(0.6) * shared + math.sqrt(0.4) * knees()
        for auc in (AUC, OTHER_AUC)
    )
    return Cohort(positive, score, other, np.repeat(np.arange(case.participants), 2))


def inside(cohort: Cohort, case: Case, resampled: bool) -> Iterator[tuple[str, bool]]:
    """By figure, whether its interval holds the truth."""
    positive, score, other, participant = cohort
    threshold = ndtri(0.8)  # specificity 0.80
    sensitivity = float(ndtr(math.sqrt(2) * ndtri(AUC) - threshold))
    flagged = score >= threshold
    found = case.prevalence * sensitivity / (case.prevalence * sensitivity + (1 - case.prevalence) * 0.2)
    naive = auc_interval(positive, score)
    clustered = auc_interval(positive, score, participant)
    test = auc_difference(positive, score, other, participant)
    yield "AUC, knees taken for people", naive.low <= AUC <= naive.high
    yield "AUC", clustered.low <= AUC <= clustered.high
    yield "difference of AUC", test.low <= AUC - OTHER_AUC <= test.high
    for name, truth, having, among in (
        ("sensitivity", sensitivity, flagged, positive),
        ("specificity", 0.8, ~flagged, ~positive),
        ("PPV", found, positive, flagged),
    ):
        share = proportion_interval(having, participant, among)
        yield name, share.low <= truth <= share.high
    risk = 1 / (1 + np.exp(-score))
    truths = true_figures(case.prevalence)
    intervals = {
        "AP": average_precision_interval(positive, score, participant),
        "Brier": brier_interval(positive, risk, participant),
    }
    if resampled:

        def figures(positive: np.ndarray, score: np.ndarray, risk: np.ndarray) -> dict[str, float]:
            brier = float(np.mean((risk - positive) ** 2))
            return {"AP": progression_scores(positive, score, positive)["ap"], "Brier": brier}

        by_bootstrap = bootstrap_intervals(figures, participant, positive, score, risk, resamples=RESAMPLES)
        intervals |= {f"{name}, BCa": interval for name, interval in by_bootstrap.items()}
    for name, one in intervals.items():
        yield name, one.low <= truths[name.removesuffix(", BCa")] <= one.high


@cache
def true_figures(prevalence: float) -> dict[str, float]:
    """AP and Brier score of the whole population, from a cohort of a million."""
    rng = np.random.default_rng(0)
    positive = rng.random(1_000_000) < prevalence
    score = positive * math.sqrt(2) * ndtri(AUC) + rng.normal(size=len(positive))
    risk = 1 / (1 + np.exp(-score))
    return {
        "AP": progression_scores(positive, score, positive)["ap"],
        "Brier": float(np.mean((risk - positive) ** 2)),
    }


def coverage(case: Case, cohorts: int, resampled: int) -> dict[str, float]:
    """By figure, the share of cohorts whose interval holds the truth."""
    rng = np.random.default_rng([case.participants, int(100 * case.prevalence), int(10 * case.correlation)])
    hits: dict[str, list[bool]] = defaultdict(list)
    for number in range(cohorts):
        cohort = draw_cohort(case, rng)
        if not 2 <= cohort.positive.sum() <= len(cohort.positive) - 2:
            continue
        for name, hit in inside(cohort, case, resampled=number < resampled):
            hits[name].append(hit)
    return {name: float(np.mean(values)) for name, values in hits.items()}


def main() -> None:
    """Print the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cohorts", type=int, default=2000, help="of each row")
    parser.add_argument(
        "--resampled", type=int, default=0, help="of these, also BCa intervals, for comparison"
    )
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--participants", type=int, nargs="+", default=PARTICIPANTS)
    cohorts, resampled, processes, participants = vars(parser.parse_args()).values()
    cases = [Case(*values) for values in itertools.product(participants, PREVALENCES, CORRELATIONS)]
    with Pool(processes) as pool:
        rows = pool.starmap(coverage, [(case, cohorts, resampled) for case in cases], chunksize=1)
    names = list(rows[0])
    print("| participants | progressed | within-person correlation | " + " | ".join(names) + " |")
    print("|---|---|---|" + "---|" * len(names))
    for case, row in zip(cases, rows, strict=True):
        head = f"| {case.participants} | {case.prevalence:.0%} | {case.correlation:.1f} | "
        print(head + " | ".join(f"{row[name]:.3f}" for name in names) + " |")


if __name__ == "__main__":
    main()
