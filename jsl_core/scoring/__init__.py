"""Trained models at work: scores of scans and crops, and how good they are on a labelled cohort."""

from jsl_core.scoring.measure import measure, part_of
from jsl_core.scoring.scans import knees_of_scans, knees_of_table, view_of
from jsl_core.scoring.score import COLUMNS, Knee, score_knees, scores_csv

__all__ = [
    "COLUMNS",
    "Knee",
    "knees_of_scans",
    "knees_of_table",
    "measure",
    "part_of",
    "score_knees",
    "scores_csv",
    "view_of",
]
