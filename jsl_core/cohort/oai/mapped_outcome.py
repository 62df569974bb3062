"""The outcome of another cohort's knees, by what was read of them at the first film and at a later one."""

import pandas as pd

from jsl_core.cohort.columns import GRADE, MONTHS, VISIT_GRADE
from jsl_core.cohort.oai.labels import Labels
from jsl_core.cohort.outcomes import label_outcome
from jsl_core.config import OaiSettings

__all__ = ["READINGS", "label_mapped"]

# By outcome the columns that it follows from: at the first film, and at the later one.
READINGS = {
    "kl": (GRADE, "FU_KL_grade"),
    "incident": (GRADE, "FU_KL_grade"),
    "jsn": ("BL_JSN_medial", "FU_JSN_medial"),
}


def label_mapped(
    knees: pd.DataFrame, outcome: str, months: int, grades: float, settings: OaiSettings
) -> Labels:
    """Label knees by the rules of `label_outcome`, with one visit before and one after.

    Args:
        knees: By ID, with `READINGS[outcome]` and `Replaced_days` (NaN: never).
        outcome: `kl`, `incident` or `jsn`.
        months: From the first film to the later one.
        grades: By how much narrowing or KL must rise.
        settings: What a replaced knee is; without visits, so that no rule asks for what is not there.
    """
    first, later = READINGS[outcome]
    column = "JSN_medial" if outcome == "jsn" else VISIT_GRADE
    visits = [
        pd.DataFrame({"ID": knees.index, MONTHS: float(month), column: knees[name].to_numpy()})
        for month, name in ((0, first), (months, later))
    ]
    rows = pd.concat(visits, ignore_index=True)
    rows["Replaced_days"] = [*knees["Replaced_days"], *knees["Replaced_days"]]
    for name in ("KL_project", "KL_37_grade", "JSN_37_medial"):
        rows[name] = 0.0  # all by one reading
    # Months of any number: the settings' own are those of the OAI's visits.
    own_rules = {"outcome": outcome, "followup_months": months, "progression_grades": grades}
    chosen = settings.model_copy(update=own_rules)
    labels = label_outcome(rows, chosen)
    own = rows.index[: len(knees)]
    return Labels(
        labels.table.loc[own].set_axis(knees.index).assign(JSL_mm=float("nan")),
        labels.falls_out.loc[own].set_axis(knees.index),
    )
