"""Projects a limb's soft tissue: muscle in a layer of fat, tapering to the skin, with folds and streaks."""

import numpy as np

from jsl_core.phantom.anatomy import KneeAnatomy
from jsl_core.phantom.position import KneePosition
from jsl_core.phantom.raster import Image
from jsl_core.phantom.surfaces import interpolate
from jsl_core.phantom.texture import smooth_noise

__all__ = ["project_flesh"]

MUSCLE, FAT = 0.0225, 0.0195  # linear attenuation per mm at about 50 keV effective (ICRU 44 tissues)

# Along the limb (level, value): the muscle's half width, the fat's thickness; all in half plateau widths.
_MUSCLE_WIDTHS = ((-6, 1.9), (-3, 1.62), (-1.3, 1.34), (0, 1.24), (1.0, 1.2), (2.8, 1.42), (6, 1.05))
_FAT_WIDTHS = ((-6, 0.65), (-1.2, 0.5), (0, 0.42), (3, 0.35), (6, 0.3))


def project_flesh(
    knee: KneeAnatomy, position: KneePosition, shape: tuple[int, int], rng: np.random.Generator, girth: float
) -> Image:
    """Project one limb's soft tissue to its attenuation.

    Args:
        knee: Whose limb.
        position: Of the knee on the canvas.
        shape: Height and width of the canvas.
        rng: Decides folds and texture.
        girth: Factor on the limb's width.

    Returns:
        The line integrals on the whole canvas, H×W.
    """
    half = knee.plateau / 2
    x, y = position.to_knee((slice(0, shape[0]), slice(0, shape[1])))
    fat = float(np.clip(0.35 * (knee.bmi - 18) / 15, 0.12, 0.75))
    stout = girth * (1 + 0.012 * (knee.bmi - 28))
    level = np.clip(y / half, -6, 6)
    inner = np.float32(half * stout) * interpolate(_MUSCLE_WIDTHS, level).astype(np.float32)
    coat = np.float32(half * fat) * interpolate(_FAT_WIDTHS, level).astype(np.float32)
    sway = 0.06 * np.sin(level * rng.uniform(0.6, 1.1) + rng.uniform(0, 6))
    off = x - np.float32(half) * (rng.uniform(-0.15, 0.08) + sway)  # more flesh on the medial side
    muscle = _chord(off / inner) * inner * np.float32(1.8)
    whole = _chord(off / (inner + coat)) * (inner + coat) * np.float32(1.85)
    streaks = 1 + 0.012 * smooth_noise(rng, shape, position.spacing, 9.0)
    flesh = (MUSCLE * muscle + FAT * np.maximum(whole - muscle, 0)) * streaks
    covered = np.minimum(whole / 15, 1)
    return flesh + covered * (_folds(half, x, y, rng) + _planes(half, off, level, rng))


def _folds(half: float, x: Image, y: Image, rng: np.random.Generator) -> Image:
    """Folds of the skin behind the knee: slightly bent bands across the limb."""
    total = np.zeros_like(x)
    for _ in range(int(rng.integers(0, 4))):
        place, bow, slope = rng.uniform(-1.2, 0.9), rng.normal(0, 0.1), rng.normal(0, 0.12)
        width = rng.uniform(0.03, 0.1)
        away = y / half - place - slope * x / half - bow * (x / half) ** 2
        total += np.float32(rng.uniform(-0.08, 0.1)) * np.exp(-((away / width) ** 2))
    return total.astype(np.float32)


def _planes(half: float, off: Image, level: Image, rng: np.random.Generator) -> Image:
    """Planes of fat between muscles and along the capsule, seen edge-on: dark streaks beside the bones."""
    total = np.zeros_like(off)
    for side in (-1, 1):
        for _ in range(2):
            place, lean, width = rng.uniform(1.0, 1.35), rng.normal(0, 0.1), rng.uniform(0.03, 0.1)
            away = side * off / half - place - lean * level + 0.1 * np.cos(1.3 * level + rng.uniform(0, 6))
            total -= np.float32(rng.uniform(0.02, 0.14)) * np.exp(-((away / width) ** 2))
    return total.astype(np.float32)


def _chord(u: Image) -> Image:
    """Half chord of a unit circle at distance u from its middle."""
    return np.sqrt(np.maximum(1 - u * u, 0)).astype(np.float32)
