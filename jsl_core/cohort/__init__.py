"""The cohort: its table, its split, and its risk factors as model inputs."""

from jsl_core.cohort.cells import TABLE_SUFFIXES
from jsl_core.cohort.columns import FACTORS, GRADE, PROGRESSION, SPLITS
from jsl_core.cohort.factors import FactorEncoder
from jsl_core.cohort.splits import assign_splits, assign_with_frozen_test
from jsl_core.cohort.table import normalise_split, read_cohort

__all__ = [
    "FACTORS",
    "GRADE",
    "PROGRESSION",
    "SPLITS",
    "TABLE_SUFFIXES",
    "FactorEncoder",
    "assign_splits",
    "assign_with_frozen_test",
    "normalise_split",
    "read_cohort",
]
