"""Names of the cohort table's columns."""

__all__ = ["FACTORS", "GRADE", "PROGRESSION", "SPLITS"]

FACTORS = ("Age", "Sex", "Race", "BMI", "Knee_Injury", "Alignment_degree")
GRADE = "BL_KL_grade"
PROGRESSION = "JSL_Prog"
SPLITS = ("train", "val", "test")
