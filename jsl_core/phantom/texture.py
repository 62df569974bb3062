"""Trabecular bone: band-passed noise along the lines of stress."""

import cv2
import numpy as np

from jsl_core.phantom.raster import Image, blurred, resized

__all__ = ["mottle", "trabeculae"]


def trabeculae(rng: np.random.Generator, shape: tuple[int, int], spacing: float, along: float) -> Image:
    """Mean 0, spread 1, H×W: mostly upright struts with weaker cross struts; `along` in 0-1 is how upright.

    Struts are 0.2-0.5 mm thick and a few mm long; `spacing` is mm per pixel.
    """
    noise = rng.standard_normal(shape, dtype=np.float32)
    upright = _band(noise, (0.2 / spacing, 0.9 / spacing))
    cross = _band(noise[::-1], (0.7 / spacing, 0.2 / spacing))
    coarse = _band(noise[:, ::-1], (0.45 / spacing, 0.8 / spacing))
    mixed = along * upright + (1 - along) * cross + 0.55 * coarse
    return mixed / max(float(mixed.std()), 1e-6)


def mottle(rng: np.random.Generator, shape: tuple[int, int], spacing: float, scale: float) -> Image:
    """Smooth variation over `scale` mm: mean 0, spread 1, H×W; made coarse and stretched, for speed."""
    step = max(spacing, scale / 3)
    coarse = tuple(int(np.ceil(n * spacing / step)) + 4 for n in shape)
    noise = blurred(rng.standard_normal(coarse, dtype=np.float32), scale / step / 2)
    noise /= max(float(noise.std()), 1e-6)
    return resized(noise, shape, cv2.INTER_CUBIC)


def _band(noise: Image, sigma: tuple[float, float]) -> Image:
    """Noise smoothed over (x, y) pixels less the same smoothed wider, spread 1."""
    x, y = (max(s, 0.3) for s in sigma)
    fine = blurred(noise, x, y)
    fine -= blurred(fine, 2.5 * x, 1.2 * y)
    return fine / max(float(fine.std()), 1e-6)
