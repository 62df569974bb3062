"""The progression label: loss of medial joint space, and the reason where a knee has none."""

from typing import Literal

import pandas as pd

from jsl_core.cohort.outcomes import DAYS_PER_MONTH, Labels

__all__ = ["Labels", "label_progression", "labels_from_column"]

_DIGITS = 3  # widths are given to a thousandth of a millimetre; 3.9 - 3.2 is 0.7, whatever floats say


def label_progression(
    knees: pd.DataFrame,
    threshold_mm: float,
    followup_months: int,
    replaced: Literal["excluded", "progressed", "competing"] = "excluded",
) -> Labels:
    """Label knees by their loss of joint space.

    A knee narrower than the threshold at baseline cannot lose that much, and has no label. One replaced
    before follow-up was never measured again, and `replaced` says what it is.

    Args:
        knees: By ID, with `BL_mJSW_mm`, `FU_mJSW_mm` and `Replaced_days` (NaN: never; 0: the day is unknown,
            and so whether it came before follow-up, so that the knee has no label).
        threshold_mm: The loss that counts as progression.
        followup_months: After baseline.
        replaced: `excluded`: censored, without a label. `progressed`: the outcome is loss or replacement.
            `competing`: replacement is a competing event, after which no loss can be seen; the knee stays
            among those at risk as one that did not progress, so that the share of progressed knees is the
            cumulative incidence (Fine and Gray, JASA 94 (1999) 496).
    """
    baseline, followup = knees["BL_mJSW_mm"], knees["FU_mJSW_mm"]
    gone = knees["Replaced_days"] < followup_months * DAYS_PER_MONTH
    decided = gone & (knees["Replaced_days"] > 0) & (replaced != "excluded")
    falls_out = pd.DataFrame(
        {
            "no baseline mJSW": baseline.isna(),
            "too narrow to progress": baseline < threshold_mm,
            "replaced before follow-up": gone & ~decided,
            "no follow-up mJSW": followup.isna() & ~decided,
        }
    )
    lost = (baseline - followup).round(_DIGITS)
    labelled = ~falls_out.any(axis=1)
    progressed = (lost >= threshold_mm).where(~decided, replaced == "progressed")
    table = {"JSL_mm": lost.where(labelled & ~decided), "JSL_Prog": progressed.astype(float).where(labelled)}
    return Labels(pd.DataFrame(table), falls_out)


def labels_from_column(labels: pd.Series) -> Labels:
    """Take over the labels of a cohort that has them already, without widths."""
    table = pd.DataFrame({"JSL_mm": float("nan"), "JSL_Prog": labels})
    return Labels(table, pd.DataFrame({"no outcome": labels.isna()}))
