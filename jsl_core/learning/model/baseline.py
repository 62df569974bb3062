"""The bundle of a model that sees no image: the log odds of encoded risk factors."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import load_file

from jsl_core.cohort.columns import RISK
from jsl_core.cohort.factors import FactorEncoder
from jsl_core.errors import BundleError
from jsl_core.learning.model.calibration import sigmoid
from jsl_core.learning.model.hazard import Hazard
from jsl_core.learning.model.record import WEIGHTS, BundleRecord

__all__ = ["BaselineBundle"]

_LARGEST = 1e4  # log odds per standard deviation of a factor, far beyond what any data gives


@dataclass(frozen=True)
class BaselineBundle:
    """A logistic regression, or one of times.

    Attributes:
        regime: Its name.
        factors: Encodes the risk factors.
        coefficients: Of the F encoded factors, float F.
        intercept: Log odds where all encoded factors are 0.
        thresholds: Operating point of `jsl`, a risk.
        dataset: Digest of the packed dataset.
        hazard: Of a regression of times, from its log hazard to risks; None of one of the label.
        outcome: What the risk is of, in words; "" where the table named no outcome.
    """

    regime: str
    factors: FactorEncoder
    coefficients: np.ndarray
    intercept: float
    thresholds: dict[str, float]
    dataset: str
    hazard: Hazard | None = None
    outcome: str = ""

    @classmethod
    def load(cls, folder: Path) -> "BaselineBundle":
        """The bundle in a folder.

        Raises:
            BundleError: It is no bundle of a baseline, damaged, or its model cannot be applied.
        """
        record = BundleRecord.read(folder)
        if record.factors is None:
            raise BundleError(
                f"{folder}: bundle.json: factors: a model without a network needs some; train it again"
            )
        record.check_file(folder, WEIGHTS)
        try:
            weights = load_file(folder / WEIGHTS)
        except Exception as error:  # missing or truncated
            raise BundleError(f"{folder}: model.safetensors is damaged; train it again") from error
        if not weights:
            raise BundleError(
                f"{folder}: boosted trees are kept as their predictions only and cannot score other knees; "
                "train with risk_model = logistic"
            )
        shapes = {name: values.shape for name, values in weights.items()}
        wanted = {"coefficients": (len(record.factors.names),)} | (
            {} if record.hazard else {"intercept": (1,)}
        )
        if shapes != wanted:
            raise BundleError(f"{folder}: model.safetensors is of another model; train it again")
        if not all(np.isfinite(each).all() and (np.abs(each) < _LARGEST).all() for each in weights.values()):
            raise BundleError(
                f"{folder}: model.safetensors holds weights that are not finite, or beyond all measure; "
                "train it again"
            )
        return cls(
            regime=record.regime,
            factors=record.factors,
            coefficients=weights["coefficients"],
            intercept=0.0 if record.hazard else float(weights["intercept"][0]),
            thresholds=record.thresholds,
            dataset=record.dataset,
            hazard=record.hazard,
            outcome=record.outcome,
        )

    def predict(self, table: pd.DataFrame) -> pd.DataFrame:
        """`jsl_risk` of the N rows of a cohort table, N rows; of times also the risk by each month."""
        inputs = self.factors.transform(table).astype(np.float64)
        if self.hazard is not None:
            return self.hazard.columns(self.hazard.scores((inputs @ self.coefficients)[:, None]))
        return pd.DataFrame({RISK: sigmoid(inputs @ self.coefficients + self.intercept)})
