"""How good the models are, and a report of it.

Modules are imported one by one: that tables of figures can be written needs neither SciPy nor Matplotlib.
"""
