"""Reads joint crops from image files, and resizes them to a network's input."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from jsl_core.errors import BadScan

__all__ = ["fit_crop", "read_crop"]

Crop = NDArray[np.uint8]

_DEEP_MODES = {"I;16", "I;16B", "I;16L", "I", "F"}  # Pillow's modes that convert("L") would clip
_WHITES = (1, 255, 65535)


def read_crop(base: Path, path: str) -> Crop:
    """Read the crop at `base/path`, in any format that Pillow reads.

    Deeper ones are scaled from 0…65535, floating-point ones from the least of 0…1, 0…255 and 0…65535 that
    holds them.

    Args:
        base: The folder that paths are relative to.
        path: As the table gives it; empty: it gives none.

    Returns:
        The crop, uint8 H×W.

    Raises:
        BadScan: `no_image`, `unreadable_image` or, where a pixel is NaN or infinite, `not_finite`.
    """
    if not path:
        raise BadScan("no_image", "the table gives no Img_path for this knee")
    try:
        with Image.open(base / path) as image:
            if image.mode in _DEEP_MODES:
                return _scale_to_8_bits(np.asarray(image, np.float64), image.mode, path)
            return np.asarray(image.convert("L"))
    except FileNotFoundError as error:
        raise BadScan("no_image", f"{path} does not exist") from error
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise BadScan("unreadable_image", f"{path} is not a readable image") from error


def fit_crop(crop: Crop, size: int) -> Crop:
    """Resize a crop, uint8 H×W, to uint8 `size`×`size`."""
    if crop.shape == (size, size):
        return crop
    # Pillow's bilinear filter widens with the reduction: no aliasing of trabeculae.
    return np.asarray(Image.fromarray(crop).resize((size, size), Image.Resampling.BILINEAR))


def _scale_to_8_bits(pixels: NDArray[np.float64], mode: str, path: str) -> Crop:
    if not np.isfinite(pixels).all():
        raise BadScan("not_finite", f"{path} has NaN or infinite pixels; export it again as PNG")
    white = next((white for white in _WHITES if mode == "F" and pixels.max() <= white), _WHITES[-1])
    if pixels.min() < 0 or pixels.max() > white:
        raise BadScan("unreadable_image", f"{path} has grey values outside 0…{white}; export it again as PNG")
    return np.rint(pixels / white * 255).astype(np.uint8)
