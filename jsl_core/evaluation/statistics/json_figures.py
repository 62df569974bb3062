"""Figures as JSON, which has no NaN."""

import math
from dataclasses import asdict

from jsl_core.evaluation.statistics.delong import Interval

__all__ = ["number_or_none", "shown"]


def shown(interval: Interval) -> dict[str, float | None]:
    """`value`, `low` and `high`, None where they are not defined."""
    return {name: number_or_none(value) for name, value in asdict(interval).items()}


def number_or_none(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
