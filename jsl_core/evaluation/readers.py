"""How far readers who graded blindly agree: with each other, with the table's grades, and with the model."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from jsl_core.cohort.persons import parse_knee
from jsl_core.evaluation.statistics.bootstrap import bootstrap_intervals
from jsl_core.evaluation.statistics.interval import Interval
from jsl_core.evaluation.statistics.metrics import confusion_matrix, grade_scores

__all__ = ["Agreement", "cohens_kappa", "compare_readers"]

_RESAMPLES = 1000


@dataclass(frozen=True)
class Agreement:
    """How far two agree on the knees that both have graded.

    Attributes:
        first: Who.
        second: With whom.
        knees: How many knees both have graded.
        participants: Of how many people.
        agreed: Share of the knees with the same grade.
        kappa: Cohen's (Educational and Psychological Measurement 20 (1960) 37), with its 95 % interval by
            participant.
        weighted: The same with quadratic weights (Cohen, Psychological Bulletin 70 (1968) 213).
    """

    first: str
    second: str
    knees: int
    participants: int
    agreed: Interval
    kappa: Interval
    weighted: Interval

    def __str__(self) -> str:
        return (
            f"{self.first} and {self.second}: {self.knees} knees of {self.participants} participants, "
            f"{self.agreed.value:.0%} the same, kappa {_with_interval(self.kappa)}, "
            f"quadratic weights {_with_interval(self.weighted)}"
        )


def compare_readers(readings: Mapping[str, Mapping[str, int]]) -> list[Agreement]:
    """Compare every two of several readers; a pair without a knee in common is left out.

    Args:
        readings: KL grade 0…4 by knee (`ID`, or `ID@visit`), by reader; labels and models are readers, too.
    """
    agreements = []
    for first, second in combinations(readings, 2):
        knees = sorted(readings[first].keys() & readings[second].keys())
        if not knees:
            continue
        participants = np.array([(parse_knee(knee.partition("@")[0]) or (knee, 0))[0] for knee in knees])
        grades = [np.array([readings[who][knee] for knee in knees], np.int64) for who in (first, second)]
        found = bootstrap_intervals(_scores, participants, *grades, resamples=_RESAMPLES)
        people = len(set(participants.tolist()))
        agreements.append(
            Agreement(first, second, len(knees), people, found["agreed"], found["kappa"], found["weighted"])
        )
    return agreements


def cohens_kappa(first: np.ndarray, second: np.ndarray) -> float:
    """Cohen's kappa without weights of two int arrays N of grades 0…4; NaN where one grade alone occurs."""
    table = confusion_matrix(first, second).astype(float)
    total = table.sum()
    chance = float(table.sum(1) @ table.sum(0)) / total**2
    return (float(np.trace(table)) / total - chance) / (1 - chance) if chance < 1 else float("nan")


def _scores(first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    return {
        "agreed": float((first == second).mean()),
        "kappa": cohens_kappa(first, second),
        "weighted": grade_scores(first, second)["kappa"],
    }


def _with_interval(figure: Interval) -> str:
    if np.isnan(figure.value):
        return "not defined"
    ends = "" if np.isnan(figure.low) else f" [{figure.low:.2f} to {figure.high:.2f}]"
    return f"{figure.value:.2f}{ends}"
