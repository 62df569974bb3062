"""Textures of bone and soft tissue: band-passed and smooth noise."""

import cv2
import numpy as np

from jsl_core.phantom.raster import Image, blur, resize

__all__ = ["smooth_noise", "trabecular_noise"]


def trabecular_noise(rng: np.random.Generator, shape: tuple[int, int], spacing: float, along: float) -> Image:
    """Draw a trabecular texture of mean 0 and spread 1: mostly upright struts with weaker cross struts.

    Struts are 0.2-0.5 mm thick and a few mm long.

    Args:
        rng: Of the noise.
        shape: Height and width in pixels.
        spacing: Mm per pixel.
        along: Share of the upright struts, 0…1.
    """
    noise = rng.standard_normal(shape, dtype=np.float32)
    upright = _band_pass(noise, (0.2 / spacing, 0.9 / spacing))
    cross = _band_pass(noise[::-1], (0.7 / spacing, 0.2 / spacing))
    coarse = _band_pass(noise[:, ::-1], (0.45 / spacing, 0.8 / spacing))
    mixed = along * upright + (1 - along) * cross + 0.55 * coarse
    return mixed / max(float(mixed.std()), 1e-6)


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], spacing: float, scale: float) -> Image:
    """Draw noise of mean 0 and spread 1 that varies over `scale` mm; arguments as for `trabecular_noise`."""
    step = max(spacing, scale / 3)  # drawn coarsely and stretched, for speed
    coarse = tuple(int(np.ceil(n * spacing / step)) + 4 for n in shape)
    noise = blur(rng.standard_normal(coarse, dtype=np.float32), scale / step / 2)
    noise /= max(float(noise.std()), 1e-6)
    return resize(noise, shape, cv2.INTER_CUBIC)


def _band_pass(noise: Image, sigma: tuple[float, float]) -> Image:
    """Noise smoothed over (x, y) pixels less the same smoothed wider, spread 1."""
    x, y = (max(s, 0.3) for s in sigma)
    fine = blur(noise, x, y)
    fine -= blur(fine, 2.5 * x, 1.2 * y)
    return fine / max(float(fine.std()), 1e-6)
