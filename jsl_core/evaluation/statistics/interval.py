"""A figure with its confidence interval, also as JSON, which has no NaN."""

import math
from dataclasses import asdict, dataclass

__all__ = ["Interval", "independent_difference", "number_or_none"]


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


def independent_difference(first: Interval, second: Interval) -> Interval:
    """The first less the second, of two samples that share nobody.

    Its ends are made from each one's own (Zou and Donner, Statistics in Medicine 27 (2008) 1693).
    """
    value = first.value - second.value
    low = value - math.hypot(first.value - first.low, second.high - second.value)
    high = value + math.hypot(first.high - first.value, second.value - second.low)
    return Interval(value, low, high)
