"""Textures of bone and soft tissue: trabeculae along the load's lines, and smooth noise."""

import cv2
import numpy as np

from jsl_core.phantom.raster import Image, blur, resize

__all__ = ["smooth_noise", "trabeculae"]


def trabeculae(rng: np.random.Generator, x: Image, y: Image, half: float, spacing: float) -> Image:
    """Draw trabeculae of mean 0 and spread 1: long struts along the load's lines, weaker ones across them.

    Struts are 0.2-0.5 mm thick; the long ones run from either plateau into its shaft and up from either
    condyle, closing towards the shaft and wandering a little.

    Args:
        rng: Of the struts.
        x: Knee coordinate of every pixel in mm, lateral positive, H×W.
        y: The same towards the foot.
        half: Half the plateau's width in mm.
        spacing: Mm per pixel.
    """
    shape = x.shape
    noise = rng.standard_normal(shape, dtype=np.float32)
    struts = _band_pass(noise, (0.2 / spacing, 2.0 / spacing), (3.0, 1.3))
    struts += 0.6 * _band_pass(noise[:, ::-1], (0.32 / spacing, 1.3 / spacing), (2.5, 1.3))
    across = _band_pass(noise[::-1], (1.0 / spacing, 0.22 / spacing), (1.3, 2.5))
    grains = _band_pass(noise[::-1, ::-1], (0.3 / spacing, 0.35 / spacing), (2.2, 2.2))
    # A strut that starts at u beside the middle closes in on the shaft as it leaves the joint.
    away = np.abs(y) / half
    shift = 0.16 * x * np.minimum(away, 1.6) ** 1.5 + 0.6 * smooth_noise(rng, shape, spacing, 11.0)
    columns = np.arange(shape[1], dtype=np.float32)[None] + np.sign(x[0, -1] - x[0, 0]) * shift / spacing
    rows = np.broadcast_to(np.arange(shape[0], dtype=np.float32)[:, None], shape)
    struts = np.asarray(
        cv2.remap(struts, columns.astype(np.float32), rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    )
    mixed = struts + 0.4 * across + 0.45 * grains
    return mixed / max(float(mixed.std()), 1e-6)


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], spacing: float, scale: float) -> Image:
    """Draw noise of mean 0 and spread 1 that varies over `scale` mm on H×W pixels of `spacing` mm."""
    step = max(spacing, scale / 3)  # drawn coarsely and stretched, for speed
    coarse = tuple(int(np.ceil(n * spacing / step)) + 4 for n in shape)
    noise = blur(rng.standard_normal(coarse, dtype=np.float32), scale / step / 2)
    noise /= max(float(noise.std()), 1e-6)
    return resize(noise, shape, cv2.INTER_CUBIC)


def _band_pass(noise: Image, sigma: tuple[float, float], wider: tuple[float, float]) -> Image:
    """Noise smoothed over (x, y) pixels less the same smoothed `wider` times as much, spread 1."""
    x, y = (max(s, 0.3) for s in sigma)
    fine = blur(noise, x, y)
    fine -= blur(fine, wider[0] * x, wider[1] * y)
    return fine / max(float(fine.std()), 1e-6)
