"""Risk factors as model inputs: imputed, scaled and one-hot, fitted on training rows alone."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from jsl_core.cohort.columns import GRADE, WIDTHS
from jsl_core.errors import BadTable

__all__ = ["FactorEncoder"]

_ONE_HOT = {"Race": 4, GRADE: 5}
_MEASURED = ("Age", "BMI", "Alignment_degree", *WIDTHS)
_COLUMNS = {
    "all": ("Age", "Sex", "BMI", "Knee_Injury", "Alignment_degree", "Race", GRADE),
    "clinical": ("Age", "Sex", "BMI", "Knee_Injury", "Race"),
}
_COLUMNS["measured"] = (*_COLUMNS["all"], *WIDTHS)


@dataclass(frozen=True)
class FactorEncoder:
    """How each factor column becomes inputs; all numbers were fitted on training rows.

    `fill` replaces a missing value: the median of a measurement, the most frequent code otherwise, unless in
    the seed's way.
    Measurements and codes are standardised with `mean` and `scale`; one-hot inputs stay 0 or 1.
    """

    columns: tuple[str, ...]
    fill: tuple[float, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]

    @classmethod
    def fit(
        cls,
        rows: pd.DataFrame,
        which: Literal["all", "clinical", "measured"] = "all",
        scaled: bool = True,
        impute: Literal["typical", "seed"] = "typical",
    ) -> "FactorEncoder":
        """Fit the encoding on training rows.

        Args:
            rows: Training rows of a cohort table.
            which: All factors, those that need no expert reading of the film, or all and joint space widths.
            scaled: Whether measurements are standardised; not in the seed.
            impute: The median, or the most frequent code; in the seed the mean, and no knee injury.

        Raises:
            BadTable: If a factor is missing in every row.
        """
        columns = _COLUMNS[which]
        fill, mean, scale = [], [], []
        for column in columns:
            known = rows[column].dropna() if column in rows else pd.Series(dtype=float)
            if known.empty:
                raise BadTable(f"{column} is missing for every training knee; {_remedy(column)}")
            fill.append(_fill(column, known, impute))
            filled = _codes(column, rows[column].fillna(fill[-1]))
            standardise = scaled and column not in _ONE_HOT
            mean.append(float(filled.mean()) if standardise else 0.0)
            scale.append(float(filled.std(ddof=0)) or 1.0 if standardise else 1.0)
        return cls(columns, tuple(fill), tuple(mean), tuple(scale))

    @property
    def names(self) -> tuple[str, ...]:
        """One name per input: 14 for `all`, 8 for `clinical`, 16 for `measured`."""
        return tuple(
            f"{column}_{code}" if column in _ONE_HOT else column
            for column in self.columns
            for code in range(_ONE_HOT.get(column, 1))
        )

    def transform(self, rows: pd.DataFrame) -> np.ndarray:
        """Encode rows of a cohort table.

        Args:
            rows: N rows of a cohort table.

        Returns:
            float32 N×F, the inputs in the order of `names`.
        """
        blocks = []
        for column, fill, mean, scale in zip(self.columns, self.fill, self.mean, self.scale, strict=True):
            values = _codes(column, rows[column].fillna(fill))
            if column in _ONE_HOT:
                blocks.append(np.eye(_ONE_HOT[column])[values.to_numpy(int)])
            else:
                blocks.append((values.to_numpy(float)[:, None] - mean) / scale)
        return np.concatenate(blocks, axis=1).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """The encoding as lists of names and numbers, for JSON."""
        return {name: list(value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "FactorEncoder":
        """The encoding that `to_json` wrote."""
        return cls(**{name: tuple(value) for name, value in record.items()})


def _remedy(column: str) -> str:
    """What to do where a column is missing for every knee."""
    if column in WIDTHS:
        return "join the widths that jsl measure finds, see --cohort, or set factors to all"
    return "fill the column" + (", or set factors to clinical" if column not in _COLUMNS["clinical"] else "")


def _fill(column: str, known: pd.Series, impute: Literal["typical", "seed"]) -> float:
    """What stands for a missing value of a column."""
    if impute == "seed" and column == "Knee_Injury":
        return 0.0
    if column in _MEASURED:
        return float(known.mean() if impute == "seed" else known.median())
    return float(known.mode().iloc[0])


def _codes(column: str, values: pd.Series) -> pd.Series:
    """The values as models take them: sex, 1 male and 2 female in tables, becomes 0 and 1."""
    return values - 1 if column == "Sex" else values
