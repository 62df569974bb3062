"""PNG and JPEG files as films: what `jsl convert` made before, or others did."""

import struct
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from jsl_core.config import ConvertSettings
from jsl_core.errors import BadScan
from jsl_core.imaging.codestream import read_codestream_header
from jsl_core.imaging.names import participant_in_name
from jsl_core.imaging.png import decode_png
from jsl_core.imaging.radiograph import histogram, pixel_digest
from jsl_core.imaging.records import ScanRecord
from jsl_core.imaging.tags import is_pixel_spacing

__all__ = ["is_picture_file", "read_picture_file"]

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


def is_picture_file(data: bytes) -> bool:
    """Whether the bytes are those of a PNG or JPEG file."""
    return data.startswith((_PNG, _JPEG))


def read_picture_file(
    data: bytes, name: str, facts: Mapping[str, str], settings: ConvertSettings
) -> tuple[ScanRecord, npt.NDArray]:
    """Read a film from a PNG or JPEG file.

    Args:
        data: The file's bytes.
        name: The file's name, which tells the participant where `facts` name none.
        facts: Its row of `scans.csv`, empty where there is none.
        settings: Limits of size.

    Returns:
        The film's record and its picture, HxW uint8 or uint16.

    Raises:
        BadScan: With the reason's code and sentence.
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
    image = _whole_depth(decode_png(data))
    return ScanRecord.from_words(
        facts.get("view", ""),
        file=name,
        participant=facts.get("participant") or participant_in_name(name),
        spacing_mm=_parse_spacing(facts.get("spacing_mm", "")),
        spacing_source=facts.get("spacing_source", "none"),
        width=image.shape[1],
        height=image.shape[0],
        bits=8 * image.dtype.itemsize,
        photometric=facts.get("photometric", ""),
        transfer_syntax=facts.get("transfer_syntax", ""),
        pixels=pixel_digest(image, histogram(image)),
    ), image


def _png_size(data: bytes) -> tuple[int, int] | None:
    """Height and width by the IHDR chunk (PNG specification, 11.2.2)."""
    if len(data) < 24:
        return None
    width, height = struct.unpack_from(">2I", data, 16)
    return height, width


def _whole_depth(image: npt.NDArray) -> npt.NDArray:
    """An HxW picture whose grey levels fill its depth: 8 to 12 bits may lie in 16 as they were."""
    if image.dtype != np.uint16:
        return image
    highest = int(image.max())
    bits = next((bits for bits in (8, 10, 12) if highest >> bits == 0), 16)
    return image.astype(np.uint8) if bits == 8 else image << (16 - bits)


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    header = read_codestream_header(data)
    return header.size if header else None


def _parse_spacing(cell: str) -> tuple[float, float] | None:
    """Mm between rows and between columns of one or two numbers, None of an empty cell."""
    if not cell.strip():
        return None
    try:
        values = [float(word) for word in cell.split()]
    except ValueError:
        values = [0.0]
    if not all(is_pixel_spacing(value) for value in values):
        raise BadScan("bad_spacing", "its spacing_mm in scans.csv is no film's; mend or empty that cell")
    return values[0], values[-1]
