"""Ways to store a film: bits, polarity, window, spacing and orientation tags, transfer syntax."""

from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from jsl_core.phantom.film import PhantomFilm

__all__ = ["SYNTAXES", "Encoding", "Spacing", "draw_encoding", "stored_box", "stored_values", "window_tags"]

Spacing = Literal["PixelSpacing", "ImagerPixelSpacing", "zero", "missing"]
Box = tuple[float, float, float, float]
T = TypeVar("T", bound=str)

# Name and share of films; the names are those of pydicom.uid.
SYNTAXES = {
    "ExplicitVRLittleEndian": 0.3,
    "ImplicitVRLittleEndian": 0.15,
    "RLELossless": 0.15,
    "JPEGLosslessSV1": 0.2,
    "JPEGLSLossless": 0.08,
    "JPEG2000Lossless": 0.12,
}
_SPACINGS: dict[Spacing, float] = {
    "PixelSpacing": 0.72,
    "ImagerPixelSpacing": 0.16,
    "zero": 0.05,
    "missing": 0.07,
}
_MARGIN = 0.25  # what a windowed film keeps beyond its window on either side, of the window's width


@dataclass(frozen=True)
class Encoding:
    """One way to store a film.

    `flipped`: stored mirrored, and PatientOrientation says so. `windowed`: the window is in tags; otherwise
    the stored range is the window. `oriented`, `sided`: PatientOrientation, ImageLaterality are given.
    """

    bits: int
    monochrome1: bool
    windowed: bool
    flipped: bool
    oriented: bool
    sided: bool
    spacing: Spacing
    syntax: str


def draw_encoding(rng: np.random.Generator) -> Encoding:
    """Draw a random way to store a film."""
    flipped = bool(rng.random() < 0.08)
    return Encoding(
        bits=int(rng.choice([10, 12, 15, 16], p=[0.2, 0.5, 0.15, 0.15])),
        monochrome1=bool(rng.random() < 0.3),
        windowed=bool(rng.random() < 0.6),
        flipped=flipped,
        oriented=flipped or bool(rng.random() < 0.7),
        sided=bool(rng.random() < 0.5),
        spacing=_pick(rng, _SPACINGS),
        syntax=_pick(rng, SYNTAXES),
    )


def stored_values(film: PhantomFilm, encoding: Encoding) -> NDArray[np.uint16]:
    """The film's stored pixel values, uint16 H×W, unsigned with `encoding.bits` bits."""
    margin = _MARGIN if encoding.windowed else 0.0
    top = (1 << encoding.bits) - 1
    share = (np.clip(film.signal, -margin, 1 + margin) + np.float32(margin)) / np.float32(1 + 2 * margin)
    values = np.round(share * np.float32(top)).astype(np.uint16)
    if encoding.monochrome1:
        values = np.uint16(top) - values
    return np.ascontiguousarray(values[:, ::-1]) if encoding.flipped else values


def window_tags(encoding: Encoding) -> tuple[float, float] | None:
    """WindowCenter and WindowWidth of the LINEAR function (PS3.3 C.11.2.1.2) that show the film as meant."""
    if not encoding.windowed:
        return None
    top = (1 << encoding.bits) - 1
    span = top / (1 + 2 * _MARGIN)
    return round((top + 1) / 2, 1), round(span + 1, 1)  # symmetric, so the same for either polarity


def stored_box(box: Box, width: int, encoding: Encoding) -> Box:
    """Convert a box (x1, y1, x2, y2) from pixels of the picture as shown to those of the stored picture."""
    x1, y1, x2, y2 = box
    return (width - x2, y1, width - x1, y2) if encoding.flipped else box


def _pick(rng: np.random.Generator, shares: dict[T, float]) -> T:
    names = list(shares)
    return names[int(rng.choice(len(names), p=list(shares.values())))]
