"""How the shipped networks are kept: half-precision safetensors."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from jsl_core.system.files import replace_atomically

__all__ = ["save_half_precision"]


def save_half_precision(
    weights: Mapping[str, NDArray[np.float32]], path: Path, metadata: Mapping[str, str] | None = None
) -> None:
    """Write a network's weights by their names, whole or not at all.

    Raises:
        StoreError: Where the file cannot be written.
    """
    halves = {name: np.ascontiguousarray(array, np.float16) for name, array in weights.items()}
    with replace_atomically(path) as temporary:
        save_file(halves, temporary, dict(metadata) if metadata else None)
