"""External validation: models on the knees of another cohort, before and after recalibration."""
