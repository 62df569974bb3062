"""A figure with its confidence interval, also as JSON, which has no NaN."""

import math
from dataclasses import asdict, dataclass

__all__ = ["Interval", "number_or_none"]


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % confidence interval; NaN where a number, or the interval, is not defined."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float | None]:
        """`value`, `low` and `high`, None where one is not defined."""
        return {name: number_or_none(number) for name, number in asdict(self).items()}


def number_or_none(number: float) -> float | None:
    """The number, None for NaN."""
    return None if math.isnan(number) else float(number)
