"""A film before display: pixels as stored, and what each stored value means."""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jsl_core.imaging.voi import Voi

__all__ = ["Radiograph", "digest_of"]


@dataclass(frozen=True)
class Radiograph:
    """A film before display.

    `codes` is HxW uint8 or uint16, the bits as stored; `values` has for every code its modality value and
    `padding` whether it stands for no exposure (256 or 65,536 entries each).
    """

    codes: npt.NDArray[np.unsignedinteger]
    values: npt.NDArray[np.float64]
    padding: npt.NDArray[np.bool_]
    voi: Voi
    inverted: bool
    bits: int


def digest_of(pixels: npt.NDArray) -> str:
    """The same for the same pixels, whatever the file's name, header and compression."""
    digest = hashlib.sha256(f"{pixels.shape} {pixels.dtype} ".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()
