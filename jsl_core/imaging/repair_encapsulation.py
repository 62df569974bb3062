"""Pixel data packed as the standard would have it (PS3.5 A.4), whatever its writer made of that.

Writers and archives leave wrong offset tables behind, cut a picture into fragments, change the transfer
syntax's name and not the pixels, or the pixels and not the name. A file of one picture needs no offsets, and
a compressed picture says itself what it is.
"""

from collections.abc import Iterator
from itertools import chain
from typing import cast

from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.utils import get_expected_length
from pydicom.uid import UID, ExplicitVRLittleEndian

from jsl_core.errors import BadScan
from jsl_core.imaging.codestream import CODESTREAM_STARTS, CodestreamHeader, read_codestream_header

__all__ = ["end_fragments", "repair_encapsulation"]

_ITEM, _END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
_START = b"\xe0\x7f\x10\x00"  # of pixel data; its representation and a length that is not stated follow
_STARTS = (_START + b"OB\0\0" + b"\xff" * 4, _START + b"OW\0\0" + b"\xff" * 4, _START + b"\xff" * 4)
_RLE_HEADER = 64  # bytes, and so the offset of the first segment (PS3.5 G.5)
_PACKED_PLAIN = UID("1.2.840.10008.1.2.1.98")  # Encapsulated Uncompressed Explicit VR Little Endian
_HEADER = 1 << 16  # of a picture, in which it states its size


def end_fragments(data: bytes) -> bytes:
    """A file whose fragments have no end mark, as their writer stopped too soon, with that mark.

    Raises:
        BadScan: `truncated` where the file ends within a fragment.
    """
    truncated = BadScan("truncated", "the file ends in the middle of its pixels; copy it again")
    at = max((found + len(start) for start in _STARTS if (found := data.rfind(start)) >= 0), default=-1)
    if at < 0 or data[at : at + 4] != _ITEM:
        raise truncated
    while data[at : at + 4] == _ITEM and at + 8 <= len(data):
        at += 8 + int.from_bytes(data[at + 4 : at + 8], "little")
    if at > len(data) or data[at : at + 4] == _ITEM:
        raise truncated
    mark = _END + bytes(4)
    rest = data[at:]
    return data[:at] + mark + (b"" if mark.startswith(rest) else rest)


def repair_encapsulation(ds: Dataset) -> None:
    """Pack a dataset's picture in one fragment and under its true transfer syntax.

    Raises:
        BadScan: `truncated`, or `undecodable` where header and picture disagree on the size: a small header
            over a huge picture would fill the memory.
    """
    syntax = UID(ds.file_meta.TransferSyntaxUID)
    data, whole = cast(bytes, ds.PixelData), get_expected_length(ds)
    packed = data.startswith(_ITEM) and (syntax.is_encapsulated or len(data) < whole)
    if packed or (syntax.is_encapsulated and data.startswith(CODESTREAM_STARTS)):
        frame = _join_fragments(data) if packed else data
        stated = read_codestream_header(frame[:_HEADER])
        if stated is not None and stated.size != (int(ds.Rows), int(ds.Columns)):
            raise BadScan("undecodable", "the header states another height and width than the picture does")
        if stated is not None:
            _state_depth(ds, stated.bits)
        syntax = _true_syntax(syntax, stated)
        ds.PixelData = data = encapsulate([frame], has_bot=False) if syntax.is_encapsulated else frame
        ds["PixelData"].is_undefined_length = syntax.is_encapsulated
        for table in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
            ds.pop(table, None)
    elif syntax.is_encapsulated and 0 <= len(data) - whole <= 1:
        syntax = ExplicitVRLittleEndian
    if not syntax.is_encapsulated and len(data) + 1 < whole:
        raise BadScan("truncated", "the file ends before its pixels do; copy it again")
    ds.file_meta.TransferSyntaxUID = syntax


def _state_depth(ds: Dataset, bits: int) -> None:
    """State as many bits a value as the picture has, where the header's would not hold it or are too many."""
    container = 8 if bits <= 8 else 16
    if ds.BitsAllocated != container and 0 < bits <= 16:
        ds.BitsAllocated = container
        ds.BitsStored = min(bits, int(ds.BitsStored)) if container == 8 else bits
        ds.HighBit = ds.BitsStored - 1


def _join_fragments(data: bytes) -> bytes:
    """The fragments of encapsulated pixel data, without the offset table if there is one."""
    fragments = _read_fragments(data)
    first = next(fragments, b"")
    return b"".join(chain((first,) if _is_picture(first) else (), fragments))


def _read_fragments(data: bytes) -> Iterator[bytes]:
    """The items of encapsulated pixel data, the offset table first if there is one."""
    at = 0
    while data[at : at + 4] == _ITEM:
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + length
        if at > len(data):
            raise BadScan("truncated", "the file ends before its pixels do; copy it again")
        yield data[at - length : at]
    if data[at : at + 4] not in (_END, b""):
        raise BadScan("undecodable", "the fragments of the picture are damaged")


def _is_picture(fragment: bytes) -> bool:
    """Whether a first fragment belongs to the picture already, and is no offset table."""
    segments, start = (int.from_bytes(fragment[at : at + 4], "little") for at in (0, 4))
    rle = len(fragment) > _RLE_HEADER and 1 <= segments <= 15 and start == _RLE_HEADER
    return fragment.startswith(CODESTREAM_STARTS) or rle


def _true_syntax(named: UID, stated: CodestreamHeader | None) -> UID:
    if stated is not None and stated.syntaxes:
        return named if named in stated.syntaxes else stated.syntaxes[0]
    return ExplicitVRLittleEndian if named == _PACKED_PLAIN or not named.is_encapsulated else named
