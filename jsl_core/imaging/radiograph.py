"""A film before display: pixels as stored, and what each stored value means."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from jsl_core.imaging.voi import Voi

__all__ = ["Counts", "Radiograph", "histogram", "pixel_digest", "quantiles"]

Counts = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Radiograph:
    """A film before display.

    Attributes:
        codes: HxW uint8 or uint16, the bits as stored.
        values: For every code (256 or 65,536) its modality value.
        padding: For every code whether it stands for no exposure.
        voi: The film's own values of interest, None where it states none.
        inverted: Whether bone is dark until values are inverted.
        bits: Bits of a stored value.
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
        """How many pixels have each code, none for padding."""
        return np.where(self.padding, 0, self.histogram)


def histogram(codes: npt.NDArray) -> Counts:
    """How many pixels of an HxW uint8 or uint16 plane have each value."""
    size = 1 << (8 * codes.dtype.itemsize)
    return (
        cv2.calcHist([np.ascontiguousarray(codes)], [0], None, [size], [0, size]).ravel().astype(np.float64)
    )


def quantiles(values: npt.NDArray[np.float64], counts: Counts, *shares: float) -> list[float]:
    """The values below which these shares (0…1) of the pixels lie; `values` and `counts` go by code."""
    used = counts > 0  # a film has a thousand values or four, of 65,536 codes
    if used.any():
        values, counts = values[used], counts[used]
    order = np.argsort(values, kind="stable")
    values, counts = values[order], counts[order]
    running = np.cumsum(counts)
    indices = np.searchsorted(running, np.array(shares) * running[-1])
    return [float(value) for value in values[np.minimum(indices, len(values) - 1)]]


def pixel_digest(pixels: npt.NDArray, counts: Counts) -> str:
    """SHA-256 that is the same for the same pixels, whatever the file's name, header and compression.

    Every fourth row and the histogram tell films apart as well as all rows, in a third of the time.

    Args:
        pixels: HxW uint8 or uint16, as stored.
        counts: Their histogram, of 256 or 65,536 entries.
    """
    digest = hashlib.sha256(f"{pixels.shape} {pixels.dtype} ".encode())
    digest.update(counts.tobytes())
    digest.update(np.ascontiguousarray(pixels[::4]).data)
    return digest.hexdigest()
