"""Silence for libraries that print what they read, which may name the patient."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["silence_libraries"]


@contextmanager
def silence_libraries() -> Iterator[None]:
    """Suppress warnings, pydicom's log, and what C codecs write to the standard error, for the block.

    pydicom warns with the values it read; the codecs write past Python, over a progress bar.
    """
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    sys.stderr.flush()
    original, devnull = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(devnull, 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        os.dup2(original, 2)
        os.close(original)
        os.close(devnull)
        logging.disable(level)
