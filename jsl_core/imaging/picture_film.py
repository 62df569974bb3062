"""PNG and JPEG films as input: what `jsl convert` made before, or others did."""

import struct
from collections.abc import Mapping

import numpy.typing as npt

from jsl_core.config import ConvertSettings
from jsl_core.errors import BadScan
from jsl_core.imaging.codestream import stated_by
from jsl_core.imaging.names import is_safe, stem
from jsl_core.imaging.png import decode_png
from jsl_core.imaging.radiograph import digest_of, histogram
from jsl_core.imaging.records import ScanRecord

__all__ = ["is_picture", "read_picture"]

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


def is_picture(data: bytes) -> bool:
    """Whether the bytes are those of a PNG or JPEG file."""
    return data.startswith((_PNG, _JPEG))


def read_picture(
    data: bytes, name: str, facts: Mapping[str, str], settings: ConvertSettings
) -> tuple[ScanRecord, npt.NDArray]:
    """A film's record and HxW picture; `facts` is its row of `scans.csv`, empty where there is none.

    Without a row the participant is the file's stem. Raises BadScan.
    """
    size = _png_size(data) if data.startswith(_PNG) else _jpeg_size(data)
    if size is None:
        raise BadScan("truncated", "the picture ends in its header; copy it again")
    if size[0] * size[1] > settings.max_megapixels * 1e6:
        raise BadScan(
            "too_large", f"{size[1]}x{size[0]} px is more than max_megapixels, {settings.max_megapixels}"
        )
    if min(size) < settings.min_side:
        raise BadScan("too_small", f"{size[1]}x{size[0]} px; a side is below min_side, {settings.min_side}")
    participant = facts.get("participant") or stem(name.replace("!/", "/"))
    if not is_safe(participant):
        raise BadScan("unsafe_name", "the file's name has characters other than A-Z a-z 0-9 . _ -; rename it")
    image = decode_png(data)
    return ScanRecord.from_words(
        facts.get("view", ""),
        file=name,
        participant=participant,
        spacing_mm=_spacing(facts.get("spacing_mm", "")),
        spacing_source=facts.get("spacing_source", "none"),
        width=image.shape[1],
        height=image.shape[0],
        bits=8 * image.dtype.itemsize,
        photometric=facts.get("photometric", ""),
        transfer_syntax=facts.get("transfer_syntax", ""),
        pixels=digest_of(image, histogram(image)),
    ), image


def _png_size(data: bytes) -> tuple[int, int] | None:
    """Height and width by the IHDR chunk (PNG specification, 11.2.2)."""
    if len(data) < 24:
        return None
    width, height = struct.unpack_from(">2I", data, 16)
    return height, width


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    stated = stated_by(data)
    return stated.size if stated else None


def _spacing(words: str) -> tuple[float, float] | None:
    values = [float(word) for word in words.split()]
    return (values[0], values[-1]) if values else None
