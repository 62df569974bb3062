"""A mean whose interval knows that a participant's knees are not independent."""

import numpy as np
import pandas as pd

from jsl_core.evaluation.statistics.interval import Interval

__all__ = ["clustered_mean"]


def clustered_mean(values: pd.Series, participants: pd.Series) -> tuple[int, Interval]:
    """How many values are known, and their mean with its 95 % interval, participants being clusters.

    The standard error is the sandwich of Liang and Zeger (Biometrika 1986, 73:13).

    Args:
        values: One a knee, NaN where missing.
        participants: Whose each is.
    """
    known = values.notna()
    count = int(known.sum())
    if not count:
        return 0, Interval(np.nan, np.nan, np.nan)
    mean = float(values[known].mean())
    sums = (values[known] - mean).groupby(participants[known]).sum()
    half = 1.96 * float(np.sqrt((sums**2).sum())) / count if len(sums) > 1 else np.nan
    return count, Interval(mean, mean - half, mean + half)
