"""Trained models at work: scores of scans and crops, and figures of the models on a labelled cohort."""

from jsl_core.scoring.crops import crop_settings_for, crops_from_scans, crops_from_table
from jsl_core.scoring.evaluate import evaluate_ensemble, select_split
from jsl_core.scoring.scores import COLUMNS, JointCrop, encode_scores, score_crops

__all__ = [
    "COLUMNS",
    "JointCrop",
    "crop_settings_for",
    "crops_from_scans",
    "crops_from_table",
    "encode_scores",
    "evaluate_ensemble",
    "score_crops",
    "select_split",
]
