"""From what a head of time says of a knee to its chance of replacement by each month, beside death."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import ConfigDict, FiniteFloat

from jsl_core.cohort.columns import RISK, risk_by

__all__ = ["Hazard"]


@dataclass(frozen=True)
class Hazard:
    """The hazards of K intervals of time, of a knee whose scores are those of the mean knee learned from.

    A knee's hazard in an interval is that of proportional hazards or of proportional odds (Cox, J R Stat Soc
    B 34 (1972) 187): the chance of replacement is 1 - exp(-exp(baseline + score)) for `cox` and
    sigmoid(baseline + score) for `discrete`, where each interval may have a score of its own (Gensheimer and
    Narasimhan, PeerJ 7 (2019) e6257). Everybody dies at the same rate, and half-way through an interval, so
    that chances add up to those of having been replaced before death.

    Attributes:
        kind: The link, as above.
        months: Ends of the intervals after the film; the last is the horizon.
        baseline: By interval.
        death: By interval the chance of dying in it.
        centre: Mean scores of the knees learned from, one, or one an interval.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)  # of reading

    kind: Literal["cox", "discrete"]
    months: tuple[FiniteFloat, ...]
    baseline: tuple[FiniteFloat, ...]
    death: tuple[FiniteFloat, ...]
    centre: tuple[FiniteFloat, ...] = (0.0,)

    def scores(self, logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
        """Logits of N knees, N×1 or N×K, as distances from the mean knee's, calibrated."""
        centred: np.ndarray = (logits.astype(np.float64) - np.array(self.centre)) / temperature
        return centred

    def hazards(self, scores: np.ndarray) -> np.ndarray:
        """The chances N×K of replacement in each interval, of those who reach it, from scores N×1 or N×K."""
        predictor = np.clip(np.array(self.baseline) + scores, -50, 50)
        if self.kind == "cox":
            chances: np.ndarray = -np.expm1(-np.exp(predictor))
        else:
            chances = 1 / (1 + np.exp(-predictor))
        return chances

    def incidence(self, scores: np.ndarray) -> np.ndarray:
        """The chances N×K of having been replaced by each month, from scores N×1 or N×K."""
        chances, death = self.hazards(scores), np.array(self.death)
        reached = np.cumprod((1 - chances) * (1 - death), axis=1)
        reached = np.concatenate([np.ones((len(chances), 1)), reached[:, :-1]], axis=1)
        incidence: np.ndarray = np.cumsum(reached * chances * (1 - death / 2), axis=1)
        return incidence

    def columns(self, scores: np.ndarray) -> pd.DataFrame:
        """`jsl_risk`, at the horizon, and the risk by each month, N rows, from scores N×1 or N×K."""
        chances = self.incidence(scores)
        by_month = {risk_by(month): chances[:, place] for place, month in enumerate(self.months)}
        return pd.DataFrame({RISK: chances[:, -1], **by_month})

    def to_json(self) -> dict[str, Any]:
        """The fields as `bundle.json` holds them."""
        return {name: value if isinstance(value, str) else list(value) for name, value in vars(self).items()}
