"""From what a network of times says to risks: how strong its scores are, and the hazards by interval."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from jsl_core.cohort.columns import EVENT, EVENT_MONTHS, OUTCOME_MONTHS
from jsl_core.cohort.outcomes import refuse_without_times
from jsl_core.config import TrainingSettings
from jsl_core.learning.model.calibration import TEMPERATURES
from jsl_core.learning.model.hazard import Hazard
from jsl_core.learning.regimes.time_losses import cox_loss, discrete_loss
from jsl_core.learning.regimes.time_regression import Floats, Ints, fit_hazard, interval_ends, set_level

__all__ = ["Times", "calibrate_times"]


@dataclass(frozen=True)
class Times:
    """The times of a table's N knees, and the intervals in which they are told.

    Attributes:
        months: From the film to the event or the end of follow-up, NaN where missing.
        event: 0 none, 1 replaced, 2 died before; -1 where missing.
        ends: Of the K intervals, in months; the last is the horizon.
        kind: How they are learned.
    """

    months: Floats
    event: Ints
    ends: Floats
    kind: Literal["cox", "discrete"]

    @classmethod
    def of(cls, table: pd.DataFrame, settings: TrainingSettings) -> "Times":
        """The times of a table, up to the horizon of its outcome.

        Raises:
            BadTable: It has none.
        """
        refuse_without_times(table, settings.jsl_loss)
        ends = interval_ends(float(table[OUTCOME_MONTHS].max()), settings.interval_months)
        months, event = table[EVENT_MONTHS].to_numpy(float), table[EVENT].fillna(-1).to_numpy(int)
        return cls(months, event, ends, "cox" if settings.jsl_loss == "cox" else "discrete")

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether a knee has a time, bool N."""
        return ~np.isnan(self.months)

    def at(self, rows: NDArray[np.intp]) -> tuple[Floats, Ints]:
        """Months and events of some rows that have them."""
        return self.months[rows], self.event[rows]


def calibrate_times(
    times: Times,
    logits: np.ndarray,
    rows: Mapping[str, NDArray[np.intp]],
    calibrate: bool,
) -> tuple[float, Hazard]:
    """Find the temperature of a network's scores and the hazards that go with them.

    The hazards are those of the knees learned from; validation knees say by how much the scores are too
    strong, and how high the hazards are.

    Args:
        times: Of all N knees.
        logits: Of the same, N×1 or N×K.
        rows: Which of them are `train` and which `val`, all with a time.
        calibrate: Whether validation knees are asked.

    Returns:
        The temperature, and the hazards.
    """
    learned, other = (logits[rows[part]].astype(np.float64) for part in ("train", "val"))
    hazard = fit_hazard(times.kind, learned, *times.at(rows["train"]), times.ends)
    if not calibrate:
        return 1.0, hazard
    months, event = times.at(rows["val"])
    losses = [_loss(hazard, hazard.scores(other, divisor), months, event) for divisor in TEMPERATURES]
    divisor = float(TEMPERATURES[int(np.argmin(losses))])
    hazard = fit_hazard(times.kind, learned, *times.at(rows["train"]), times.ends, divisor)
    return divisor, set_level(hazard, hazard.scores(other, divisor), months, event)


def _loss(hazard: Hazard, scores: Floats, months: Floats, event: Ints) -> float:
    """The loss that the network learned by, of calibrated scores."""
    predictor, times, events = map(torch.from_numpy, (scores + np.array(hazard.baseline), months, event))
    if hazard.kind == "discrete":
        return float(discrete_loss(predictor, times, events, torch.tensor(hazard.months)))
    return float(cox_loss(torch.from_numpy(scores), times, events))
