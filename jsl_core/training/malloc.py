"""Freed memory stays with the process: training needs blocks of the same sizes at every step."""

import ctypes
import sys

__all__ = ["keep_freed_memory"]

# Parameters of glibc's allocator, from malloc.h; see mallopt(3).
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_NEVER = 2**31 - 1


def keep_freed_memory() -> None:
    """Stop glibc from returning every large block to the system when it is freed.

    PyTorch has no cache of its own on a processor: each activation of a batch is mapped anew and its pages
    are zeroed by the kernel, step after step. On two cores an EfficientNet-Lite0 on 144×224 pixels in batches
    of 32 trained 28.7 images a second so, and 50.5 with this. Other C libraries are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, _NEVER)
