"""Names of the columns of the cohort table, of predictions and of scores: the one place that spells them."""

__all__ = [
    "FACTORS",
    "GRADE",
    "GRADE_PROBABILITIES",
    "KL2_RISK",
    "PROGRESSION",
    "RISK",
    "RISK_INTERVAL",
    "SOURCES",
    "SPLITS",
    "SPLIT_BY_KNEE",
    "STRANGE",
    "THRESHOLD",
    "WIDTHS",
]

FACTORS = ("Age", "Sex", "Race", "BMI", "Knee_Injury", "Alignment_degree")
WIDTHS = ("mJSW_medial_mm", "mJSW_lateral_mm")  # least joint space widths, as `jsl measure` finds them
GRADE = "BL_KL_grade"
PROGRESSION = "JSL_Prog"
SPLIT_BY_KNEE = (
    "split_by_knee"  # instead of `split`: a participant's knees may lie in two parts, as the seed's
)
SPLITS = ("train", "val", "test")  # the values of the column `split`

GRADE_PROBABILITIES = [f"kl_{grade}" for grade in range(5)]  # calibrated; the five of a knee add up to 1
KL2_RISK = "kl2_risk"  # calibrated probability of KL 2 or above: of definite osteoarthritis
RISK = "jsl_risk"  # calibrated probability of progression
RISK_INTERVAL = ["jsl_risk_low", "jsl_risk_high"]  # where further models trained the same way would fall
THRESHOLD = "jsl_threshold"  # of a cross-validation: that of the models which predicted the knee
STRANGE = "strange"  # distance of a picture from what a model learned from; above 1 it is unlike that
SOURCES = ("jsl_from_image", "jsl_from_factors")  # what each adds to the calibrated log odds of progression
