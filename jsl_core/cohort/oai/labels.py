"""The progression label: loss of medial joint space, and the reason where a knee has none."""

from dataclasses import dataclass

import pandas as pd

__all__ = ["Labels", "label_progression", "labels_from_column"]

_DAYS_PER_MONTH = 365.25 / 12
_DIGITS = 3  # widths are given to a thousandth of a millimetre; 3.9 - 3.2 is 0.7, whatever floats say


@dataclass(frozen=True)
class Labels:
    """Labels by knee ID.

    `table` has `JSL_mm` and `JSL_Prog`, NaN where a knee has no label. `falls_out` has a bool column for
    every exclusion step, in their order: the knees that have no label for this reason.
    """

    table: pd.DataFrame
    falls_out: pd.DataFrame


def label_progression(knees: pd.DataFrame, threshold_mm: float, followup_months: int) -> Labels:
    """Label knees by their loss of joint space.

    A knee narrower than the threshold at baseline cannot lose that much; one replaced before follow-up is
    censored. Neither is ever labelled stable.

    Args:
        knees: By ID, with `BL_mJSW_mm`, `FU_mJSW_mm` and `Replaced_days` (NaN: never).
        threshold_mm: The loss that counts as progression.
        followup_months: After baseline.
    """
    baseline, followup = knees["BL_mJSW_mm"], knees["FU_mJSW_mm"]
    falls_out = pd.DataFrame(
        {
            "no baseline mJSW": baseline.isna(),
            "too narrow to progress": baseline < threshold_mm,
            "replaced before follow-up": knees["Replaced_days"] < followup_months * _DAYS_PER_MONTH,
            "no follow-up mJSW": followup.isna(),
        }
    )
    lost = (baseline - followup).round(_DIGITS)
    labelled = ~falls_out.any(axis=1)
    label = (lost >= threshold_mm).astype(float).where(labelled)
    return Labels(pd.DataFrame({"JSL_mm": lost.where(labelled), "JSL_Prog": label}), falls_out)


def labels_from_column(labels: pd.Series) -> Labels:
    """Take over the labels of a cohort that has them already, without widths."""
    table = pd.DataFrame({"JSL_mm": float("nan"), "JSL_Prog": labels})
    return Labels(table, pd.DataFrame({"no outcome": labels.isna()}))
