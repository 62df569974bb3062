"""The figures of trained models, and the report that shows them.

Import the modules one by one: the tables need neither SciPy nor Matplotlib.
"""
