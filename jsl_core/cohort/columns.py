"""Names of the columns of the cohort table, of predictions and of scores: the one place that spells them."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "EVENT",
    "EVENT_MONTHS",
    "FACTORS",
    "GRADE",
    "GRADE_PROBABILITIES",
    "JSW",
    "KL2_RISK",
    "MONTHS",
    "OARSI",
    "OUTCOME",
    "OUTCOME_AMOUNT",
    "OUTCOME_MONTHS",
    "PROGRESSION",
    "RISK",
    "RISK_INTERVAL",
    "SITE",
    "SOURCES",
    "SPLITS",
    "SPLIT_BY_KNEE",
    "STRANGE",
    "THRESHOLD",
    "VISIT",
    "VISIT_COLUMNS",
    "VISIT_GRADE",
    "VISIT_NUMBERS",
    "VISIT_TEXTS",
    "WIDTHS",
    "key_columns",
    "risk_by",
    "risk_months",
    "row_names",
]

FACTORS = ("Age", "Sex", "Race", "BMI", "Knee_Injury", "Alignment_degree")
WIDTHS = ("mJSW_medial_mm", "mJSW_lateral_mm")  # least joint space widths, as `jsl measure` finds them
GRADE = "BL_KL_grade"
PROGRESSION = "JSL_Prog"
SPLIT_BY_KNEE = (
    "split_by_knee"  # instead of `split`: a participant's knees may lie in two parts, as the seed's
)
SITE = "Site"  # the centre that a participant was seen at
SPLITS = ("train", "val", "test")  # the values of the column `split`

# Of tables with several rows a knee, one a visit (docs/table.md).
VISIT = "visit"  # the release's number, such as "00" or "06": with ID the key of a row
MONTHS = "months"  # after enrolment
VISIT_GRADE = "KL_grade"  # at the visit; `GRADE` is then that at enrolment
_COMPARTMENTS = ("FM", "FL", "TM", "TL")  # femur and tibia, medial and lateral
OARSI = (  # features by the OARSI atlas, 0 to 3: narrowing, osteophytes, sclerosis
    "JSN_medial",
    "JSN_lateral",
    *(f"{feature}_{where}" for feature in ("OST", "SCL") for where in _COMPARTMENTS),
)
JSW = tuple(  # readers' widths at fixed locations x, in thousandths of the condyles' breadth, medially first
    f"JSW_{x:04d}_mm" for x in (*range(150, 301, 25), *range(700, 901, 25))
)
VISIT_COLUMNS = (
    *("ID", "participant", "side", VISIT, MONTHS, *FACTORS, GRADE),
    *(VISIT_GRADE, "KL_project", "KL_37_grade", *OARSI, "JSN_37_medial"),
    *("mJSW_mm", "JSW_project", "mJSW_37_mm", *JSW, "JSW_37_0250_mm", "JSW_barcode", "JSW_positions_differ"),
    *(PROGRESSION, "JSL_mm", "Replaced_days", "Died_days", "Last_contact_months", "Cohort", "Site"),
    *("Barcode", "Scan", "Missing"),
)

# What outcomes are made of: numbers and texts of those tables that are kept as they are.
VISIT_NUMBERS = (
    *("KL_37_grade", "JSN_37_medial", "mJSW_mm", "mJSW_37_mm", "JSW_0250_mm", "JSW_37_0250_mm"),
    *("JSW_positions_differ", "Replaced_days", "Died_days", "Last_contact_months"),
)
VISIT_TEXTS = ("KL_project", "JSW_project", "JSW_barcode", "Barcode")

# What is predicted (docs/outcomes.md), the same in every row of a table.
OUTCOME = "Outcome"  # its name, such as "jsl" or "replacement"
OUTCOME_AMOUNT = "Outcome_amount"  # millimetres or grades that count, blank where there is none
OUTCOME_MONTHS = "Outcome_months"  # after the film
EVENT_MONTHS = "Event_months"  # from the film to the event, or to the end of follow-up
EVENT = "Event"  # 0 lost or still without, 1 replaced, 2 died before

GRADE_PROBABILITIES = [f"kl_{grade}" for grade in range(5)]  # calibrated; the five of a knee add up to 1
KL2_RISK = "kl2_risk"  # calibrated probability of KL 2 or above: of definite osteoarthritis
RISK = "jsl_risk"  # calibrated probability of progression
_RISK_BY = re.compile(rf"{RISK}_(\d+(?:\.\d+)?)m")
RISK_INTERVAL = ["jsl_risk_low", "jsl_risk_high"]  # where further models trained the same way would fall
THRESHOLD = "jsl_threshold"  # of a cross-validation: that of the models which predicted the knee
STRANGE = "strange"  # distance of a picture from what a model learned from; above 1 it is unlike that
SOURCES = ("jsl_from_image", "jsl_from_factors")  # what each adds to the calibrated log odds of progression


def risk_by(months: float) -> str:
    """The column of predictions that has the risk by so many months after the film."""
    return f"{RISK}_{months:g}m"


def risk_months(columns: Iterable[object]) -> dict[float, str]:
    """The months by which predictions tell a risk, ascending, with their columns."""
    months = {float(match[1]): match[0] for name in columns if (match := _RISK_BY.fullmatch(str(name)))}
    return dict(sorted(months.items()))


def key_columns(table: "pd.DataFrame") -> list[str]:
    """The columns that name a row: the knee, and the visit where the table has several of a knee."""
    return ["ID", VISIT] if VISIT in table else ["ID"]


def row_names(table: "pd.DataFrame") -> list[str]:
    """A name of each row that no other has: the knee's ID, with `@` and the visit where there are visits."""
    if VISIT not in table:
        return list(table["ID"])
    return [f"{knee}@{visit}" for knee, visit in zip(table["ID"], table[VISIT], strict=True)]
