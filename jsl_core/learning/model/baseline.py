"""The bundle of a model that sees no image: the log odds of encoded risk factors."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import load_file

from jsl_core.cohort.columns import RISK
from jsl_core.cohort.factors import FactorEncoder
from jsl_core.errors import BundleError
from jsl_core.learning.model.bundle import read_record
from jsl_core.learning.model.calibration import sigmoid

__all__ = ["BaselineBundle"]


@dataclass(frozen=True)
class BaselineBundle:
    """A logistic regression: `coefficients` F of the encoded factors and an `intercept`."""

    regime: str
    factors: FactorEncoder
    coefficients: np.ndarray
    intercept: float
    thresholds: dict[str, float]
    dataset: str

    @classmethod
    def load(cls, folder: Path) -> "BaselineBundle":
        """Read the bundle of a baseline. Raises `BundleError`, also where its model cannot be applied."""
        record = read_record(folder)
        try:
            weights = load_file(folder / "model.safetensors")
        except Exception as error:  # missing or truncated
            raise BundleError(f"{folder}: model.safetensors is damaged; train it again") from error
        if "coefficients" not in weights:
            raise BundleError(
                f"{folder}: boosted trees are kept as their predictions only and cannot score other knees; "
                "train with risk_model = logistic"
            )
        return cls(
            record["regime"],
            FactorEncoder.from_json(record["factors"]),
            weights["coefficients"],
            float(weights["intercept"][0]),
            record["thresholds"],
            record["dataset"],
        )

    def predict(self, table: pd.DataFrame) -> pd.DataFrame:
        """`jsl_risk`, one row per row of a cohort table."""
        inputs = self.factors.transform(table).astype(np.float64)
        return pd.DataFrame({RISK: sigmoid(inputs @ self.coefficients + self.intercept)})
