"""Processes that import nothing from the folder in which they are started.

`python -m` and `python -c` put the current folder before the standard library: a `calendar.py` or a `flows/`
there would be executed.
"""

import os
import sys

__all__ = ["PYTHON", "isolate_children"]

PYTHON = (sys.executable, "-P")  # this interpreter, with a safe path

_SAFE_PATH = "PYTHONSAFEPATH"  # https://docs.python.org/3/using/cmdline.html; Python 3.11


def isolate_children() -> None:
    """Have every Python that this process starts from now on, and those below it, use a safe path."""
    os.environ[_SAFE_PATH] = "1"
