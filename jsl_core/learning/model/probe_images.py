"""The known images that a network is asked before it scores anybody."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["PROBE_IMAGES", "draw_probe_images"]

PROBE_IMAGES = 2


def draw_probe_images(size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw two joints in noise: a dark gap between bright bones.

    Args:
        size: S, their side in pixels.
        rng: Of the noise.

    Returns:
        float32 2×1×S×S, 0…1.
    """
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32) / size
    gaps = [np.abs(rows - 0.5 - 0.1 * columns) < 0.06, np.abs(rows - 0.45) < 0.02 + 0.06 * columns]
    bones = [np.where(gap, 0.15, 0.5 + 0.4 * rows * columns) for gap in gaps]
    noise = rng.normal(0, 0.08, (PROBE_IMAGES, size, size))
    return (np.stack(bones) + noise).clip(0, 1).astype(np.float32)[:, None]
