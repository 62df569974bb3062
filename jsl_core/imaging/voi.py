"""What stored values mean: the modality transformation and the values of interest (PS3.3 C.11.1, C.11.2)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from jsl_core.imaging.tags import number, text

__all__ = ["Voi", "Window", "modality_values", "voi_of"]

Values = npt.NDArray[np.float64]
Function = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]


@dataclass(frozen=True)
class Window:
    """A window on modality values."""

    center: float
    width: float
    function: Function = "LINEAR"

    def __call__(self, values: Values) -> Values:
        """Modality values to 0…1 (PS3.3 C.11.2.1.2, C.11.2.1.3); not for a degenerate window."""
        if self.function == "SIGMOID":
            return 1 / (1 + np.exp(np.clip(-4 * (values - self.center) / self.width, -700, 700)))
        if self.function == "LINEAR_EXACT":
            return np.clip((values - self.center) / self.width + 0.5, 0, 1)
        return np.clip((values - (self.center - 0.5)) / (self.width - 1) + 0.5, 0, 1)

    @classmethod
    def whole(cls, bits: int) -> "Window":
        """The window that shows every value of so many bits as it is."""
        top = (1 << bits) - 1
        return cls(top / 2, top, "LINEAR_EXACT")

    @property
    def degenerate(self) -> bool:
        """Whether it is too narrow to show anything."""
        return not self.width > (1 if self.function == "LINEAR" else 0)


@dataclass(frozen=True)
class Table:
    """A VOI LUT: `entries` scaled to 0…1, the first for the modality value `first`."""

    first: float
    entries: Values

    def __call__(self, values: Values) -> Values:
        """Modality values to 0…1; values beyond the table take its nearest end (PS3.3 C.11.2.1.1)."""
        return self.entries[np.clip(values - self.first, 0, len(self.entries) - 1).astype(np.intp)]


Voi = Window | Table | None


def modality_values(ds: Dataset, codes: int, bits: int, high_bit: int, signed: bool) -> tuple[Values, Values]:
    """Map bit patterns to stored values and to modality values (PS3.3 C.11.1).

    Bits outside BitsStored are no part of a value (older files keep overlays there); a signed value is in
    two's complement.

    Args:
        ds: The header.
        codes: Number of bit patterns, 256 or 65,536.
        bits: Bits of a stored value.
        high_bit: Place of its highest bit.
        signed: Whether stored values are.

    Returns:
        For each bit pattern its stored value, and its modality value.
    """
    stored = (np.arange(codes, dtype=np.int64) >> (high_bit + 1 - bits)) & ((1 << bits) - 1)
    if signed:
        stored -= (stored >> (bits - 1)) << bits
    table = _table(ds, "ModalityLUTSequence", signed=signed)
    if table is not None:
        first, entries, _ = table
        return stored.astype(np.float64), entries[
            np.clip(stored - first, 0, len(entries) - 1).astype(np.intp)
        ]
    slope = number(ds, "RescaleSlope", 1.0) or 1.0
    values = stored.astype(np.float64)
    return values, values * slope + number(ds, "RescaleIntercept", 0.0)


def voi_of(ds: Dataset, *, signed: bool) -> Voi:
    """The film's VOI LUT, or else its first window; None where it has neither or they make no sense."""
    table = _table(ds, "VOILUTSequence", signed=signed)
    if table is not None:
        first, entries, bits = table
        top = (1 << bits) - 1
        if entries.max() <= top // 2:  # entries of 13 bits under a descriptor of 16, as CR films have them
            top = max(int(entries.max()), 1)
        return Table(first, np.minimum(entries / top, 1.0))
    function = text(ds, "VOILUTFunction").upper() or "LINEAR"
    if function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        function = "LINEAR"
    window = Window(number(ds, "WindowCenter"), number(ds, "WindowWidth"), function)  # type: ignore[arg-type]
    return None if np.isnan(window.center) or window.degenerate else window


def _table(ds: Dataset, keyword: str, *, signed: bool) -> tuple[float, Values, int] | None:
    """First mapped value, entries and bits of a LUT's first item; None if there is none that works.

    Where the descriptor and the data disagree on the count of entries or of their bits, the data are right.
    """
    try:
        item = ds[keyword].value[0]
        count, first, bits = (int(value) for value in item.LUTDescriptor)
        count = count % (1 << 16) or 1 << 16  # 0 stands for 65,536 (PS3.3 C.11.1.1)
        if signed and first >= 1 << 15:
            first -= 1 << 16
        entries = _entries(item.LUTData, count, ds.original_encoding[1] is False)[:count]
        needed = int(entries.max()).bit_length()
        bits = bits if max(needed, 8) <= bits <= 16 else max(needed, 8)
        return (first, entries.astype(np.float64), bits) if len(entries) > 1 else None
    except Exception:  # missing or damaged in any way
        return None


def _entries(data: bytes | list[int], count: int, big_endian: bool) -> npt.NDArray[np.integer]:
    if not isinstance(data, bytes):
        return np.asarray(data, np.int64)
    words = np.frombuffer(data[: len(data) // 2 * 2], ">u2" if big_endian else "<u2")
    if len(words) == (count + 1) // 2:  # entries of 8 bits, two to a word
        return words.astype("<u2").view(np.uint8)
    return words
