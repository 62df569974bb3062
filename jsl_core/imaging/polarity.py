"""A film's polarity: whether bone is stored dark, and its picture with bone bright."""

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from jsl_core.imaging.tags import is_grey, photometric_of, text

__all__ = ["invert", "is_inverted", "negative_of"]


def is_inverted(ds: Dataset) -> bool:
    """Whether a film's values must be inverted to show bone bright, by its header; colour never.

    PresentationLUTShape decides, which accounts for MONOCHROME1 already (PS3.3 C.8.11.3); without it
    PhotometricInterpretation does.
    """
    if not is_grey(ds):
        return False
    shape = text(ds, "PresentationLUTShape").upper()
    if shape in ("IDENTITY", "INVERSE"):
        return shape == "INVERSE"
    return photometric_of(ds) == "MONOCHROME1"


def invert(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Invert display values of 0…1, after the values of interest were chosen (PS3.4 N.2)."""
    return 1 - values


def negative_of(image: npt.NDArray) -> npt.NDArray:
    """The negative of an HxW uint8 or uint16 picture."""
    return np.asarray(np.iinfo(image.dtype).max - image)
