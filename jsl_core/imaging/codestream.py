"""Size and coding of a compressed picture by its own header, read without decoding it."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.uid import (
    UID,
    JPEG2000TransferSyntaxes,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSTransferSyntaxes,
)

__all__ = ["CODESTREAM_STARTS", "PROGRESSIVE", "CodestreamHeader", "read_codestream_header"]

PROGRESSIVE = (UID("1.2.840.10008.1.2.4.55"), UID("1.2.840.10008.1.2.4.53"))  # PS3.6 annex A, retired

_JPEG_START = b"\xff\xd8"
_J2K_SIZ = b"\xff\x4f\xff\x51"  # start of codestream, SIZ (ISO 15444-1, A.5.1)
_JP2_START = b"\0\0\0\x0cjP  "  # a JPEG 2000 codestream in its file format (ISO 15444-1, I.5.1)
CODESTREAM_STARTS = (_JPEG_START, _J2K_SIZ, _JP2_START)

# Start-of-frame markers of JPEG (ISO 10918-1, table B.1) and of JPEG-LS (ISO 14495-1, C.1.1).
_FRAME = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
_SYNTAXES: dict[int, Sequence[UID]] = {
    0xC0: (JPEGBaseline8Bit, JPEGExtended12Bit),
    0xC1: (JPEGExtended12Bit,),
    0xC2: PROGRESSIVE,
    0xC3: (JPEGLosslessSV1, JPEGLossless),
    0xF7: JPEGLSTransferSyntaxes,
}


@dataclass(frozen=True)
class CodestreamHeader:
    """What a picture states: (height, width) in pixels, transfer syntaxes that it can be of, bits a value."""

    size: tuple[int, int]
    syntaxes: Sequence[UID]
    bits: int


def read_codestream_header(data: bytes) -> CodestreamHeader | None:
    """Read the header of the JPEG, JPEG-LS or JPEG 2000 picture that `data` begins with, if it does.

    Further on its marks mean nothing: run lengths hold any bytes by chance.
    """
    if data.startswith(_JPEG_START):
        return _read_jpeg_header(data, len(_JPEG_START))
    at = data.find(_J2K_SIZ) if data.startswith((_J2K_SIZ, _JP2_START)) else -1
    if at < 0 or len(data) < at + 43:
        return None
    width, height, left, top = struct.unpack_from(">4I", data, at + 8)
    bits = (data[at + 42] & 0x7F) + 1  # of the first component (ISO 15444-1, table A.11)
    return CodestreamHeader((height - top, width - left), JPEG2000TransferSyntaxes, bits)


def _read_jpeg_header(data: bytes, at: int) -> CodestreamHeader | None:
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in _FRAME:
            height, width = struct.unpack_from(">2H", data, at + 5)
            return CodestreamHeader((height, width), _SYNTAXES.get(marker, ()), data[at + 4])
        else:
            at += 2 + length
    return None
