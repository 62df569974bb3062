"""Silence for libraries that talk of what they read."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet"]


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings, no log of pydicom, nothing of the C codecs on the standard error.

    pydicom warns with the values it read, and those may name the patient; the codecs write past Python, over
    a progress bar.
    """
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    sys.stderr.flush()
    standard, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        os.dup2(standard, 2)
        os.close(standard)
        os.close(nothing)
        logging.disable(level)
