"""A film before display: pixels as stored, and what each stored value means."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from jsl_core.imaging.voi import Voi

__all__ = ["Counts", "Radiograph", "digest_of", "histogram", "quantiles"]

Counts = npt.NDArray[np.float64]


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

    @cached_property
    def histogram(self) -> Counts:
        """How many pixels have each code."""
        return histogram(self.codes)

    @cached_property
    def counts(self) -> Counts:
        """The same, with none for padding."""
        return np.where(self.padding, 0, self.histogram)


def histogram(codes: npt.NDArray) -> Counts:
    """How many pixels of an HxW uint8 or uint16 plane have each value."""
    size = 1 << (8 * codes.dtype.itemsize)
    return (
        cv2.calcHist([np.ascontiguousarray(codes)], [0], None, [size], [0, size]).ravel().astype(np.float64)
    )


def quantiles(values: npt.NDArray[np.float64], counts: Counts, *shares: float) -> list[float]:
    """The values below which these shares of the pixels lie; `values` and `counts` go by code."""
    shown = counts > 0  # a film has a thousand values or four, of 65,536 codes
    if shown.any():
        values, counts = values[shown], counts[shown]
    order = np.argsort(values, kind="stable")
    values, counts = values[order], counts[order]
    running = np.cumsum(counts)
    places = np.searchsorted(running, np.array(shares) * running[-1])
    return [float(value) for value in values[np.minimum(places, len(values) - 1)]]


def digest_of(pixels: npt.NDArray, counts: Counts) -> str:
    """The same for the same pixels, whatever the file's name, header and compression.

    Every fourth row and the histogram `counts` tell films apart as well as all rows, in a third of the time.
    """
    digest = hashlib.sha256(f"{pixels.shape} {pixels.dtype} ".encode())
    digest.update(counts.tobytes())
    digest.update(np.ascontiguousarray(pixels[::4]).data)
    return digest.hexdigest()
