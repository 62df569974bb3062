"""Risk factors as the inputs of a model: imputed, scaled and one-hot, from training rows alone."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from jsl_core.cohort.columns import GRADE
from jsl_core.errors import BadTable

__all__ = ["FactorEncoder"]

_ONE_HOT = {"Race": 4, GRADE: 5}
_MEASURED = ("Age", "BMI", "Alignment_degree")
_COLUMNS = {
    "all": ("Age", "Sex", "BMI", "Knee_Injury", "Alignment_degree", "Race", GRADE),
    "clinical": ("Age", "Sex", "BMI", "Knee_Injury", "Race"),
}


@dataclass(frozen=True)
class FactorEncoder:
    """How each factor column becomes inputs; all numbers were fitted on training rows.

    `fill` replaces a missing value: the median of a measurement, the most frequent code otherwise.
    Measurements and codes are standardised with `mean` and `scale`; one-hot inputs stay 0 or 1.
    """

    columns: tuple[str, ...]
    fill: tuple[float, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]

    @classmethod
    def fit(
        cls, rows: pd.DataFrame, which: Literal["all", "clinical"] = "all", scaled: bool = True
    ) -> "FactorEncoder":
        """Fit on training rows of a cohort table; unscaled is the seed's way. Raises `BadTable`."""
        columns = _COLUMNS[which]
        fill, mean, scale = [], [], []
        for column in columns:
            known = rows[column].dropna()
            if known.empty:
                raise BadTable(
                    f"{column} is missing for every training knee; fill the column"
                    + (", or set factors to clinical" if column not in _COLUMNS["clinical"] else "")
                )
            fill.append(float(known.median() if column in _MEASURED else known.mode().iloc[0]))
            filled = _codes(column, rows[column].fillna(fill[-1]))
            standardise = scaled and column not in _ONE_HOT
            mean.append(float(filled.mean()) if standardise else 0.0)
            scale.append(float(filled.std(ddof=0)) or 1.0 if standardise else 1.0)
        return cls(columns, tuple(fill), tuple(mean), tuple(scale))

    @property
    def names(self) -> tuple[str, ...]:
        """One name per input: 14 for `all`, 8 for `clinical`."""
        return tuple(
            f"{column}_{code}" if column in _ONE_HOT else column
            for column in self.columns
            for code in range(_ONE_HOT.get(column, 1))
        )

    def transform(self, rows: pd.DataFrame) -> np.ndarray:
        """Rows of a cohort table to float32 N×F."""
        blocks = []
        for column, fill, mean, scale in zip(self.columns, self.fill, self.mean, self.scale, strict=True):
            values = _codes(column, rows[column].fillna(fill))
            if column in _ONE_HOT:
                blocks.append(np.eye(_ONE_HOT[column])[values.to_numpy(int)])
            else:
                blocks.append((values.to_numpy(float)[:, None] - mean) / scale)
        return np.concatenate(blocks, axis=1).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """Plain lists and numbers; `from_json` reads them back."""
        return {name: list(value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "FactorEncoder":
        return cls(**{name: tuple(value) for name, value in record.items()})


def _codes(column: str, values: pd.Series) -> pd.Series:
    """Sex is 1 male, 2 female in tables and 0, 1 in models."""
    return values - 1 if column == "Sex" else values
