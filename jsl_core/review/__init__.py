"""Corrections: what was changed, by whom, laid over the rows and tables of a run."""
