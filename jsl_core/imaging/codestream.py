"""The size that a compressed picture states itself, read without decoding it."""

import struct

__all__ = ["stated_size"]

_J2K_SIZ = b"\xff\x4f\xff\x51"  # start of codestream, SIZ (ISO 15444-1, A.5.1)
_JPEG_START = b"\xff\xd8"
# Start-of-frame markers of JPEG (ISO 10918-1, table B.1) and of JPEG-LS (ISO 14495-1, C.1.1).
_FRAME = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}


def stated_size(data: bytes) -> tuple[int, int] | None:
    """Height and width in pixels of the first JPEG, JPEG-LS or JPEG 2000 picture in `data`, if it tells."""
    if (at := data.find(_J2K_SIZ)) >= 0 and len(data) >= at + 24:
        width, height, left, top = struct.unpack_from(">4I", data, at + 8)
        return height - top, width - left
    at = data.find(_JPEG_START)
    return _jpeg_size(data, at + 2) if at >= 0 else None


def _jpeg_size(data: bytes, at: int) -> tuple[int, int] | None:
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in _FRAME:
            height, width = struct.unpack_from(">2H", data, at + 5)
            return height, width
        else:
            at += 2 + length
    return None
