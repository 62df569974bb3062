"""Trained models at work: scores of scans and crops, and figures of the models on a labelled cohort.

Import the modules one by one: scores need neither SciPy nor scikit-learn.
"""
