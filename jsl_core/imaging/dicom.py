"""DICOM bytes to a radiograph and its record: the only file that parses untrusted DICOM files."""

import io
import zlib

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.filereader import _read_file_meta_info, read_dataset, read_preamble
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from jsl_core.config import ConvertSettings
from jsl_core.errors import BadScan
from jsl_core.imaging.file_kinds import check_kind
from jsl_core.imaging.header_repair import repair_header, repair_transfer_syntax
from jsl_core.imaging.own_results import check_origin, is_phantom
from jsl_core.imaging.pixels import decode_pixels
from jsl_core.imaging.polarity import is_inverted
from jsl_core.imaging.quality_gate import check_header, view_of
from jsl_core.imaging.radiograph import Radiograph, pixel_digest
from jsl_core.imaging.records import ScanRecord
from jsl_core.imaging.repair_encapsulation import end_fragments
from jsl_core.imaging.silence_libraries import silence_libraries
from jsl_core.imaging.tags import (
    is_grey,
    laterality_of,
    number,
    orientation_of,
    participant_of,
    photometric_of,
    spacing_of,
    text,
)
from jsl_core.imaging.voi import Window, modality_values, voi_of

__all__ = ["check_start", "read_participant", "read_radiograph"]

_PIXEL_DATA = b"\xe0\x7f\x10\x00"  # the element's tag, little endian


def read_radiograph(data: bytes, name: str, settings: ConvertSettings) -> tuple[ScanRecord, Radiograph]:
    """Read a DICOM file's record and radiograph.

    Raises:
        BadScan: With a reason of the quality gate.
    """
    with silence_libraries():
        ds = _parse(data, settings)
        check_header(ds, settings)
        repair_header(ds)
        participant = participant_of(ds, name)
        laterality, orientation = laterality_of(ds), orientation_of(ds)
        radiograph = _radiograph(ds)
        spacing, source = spacing_of(ds)
        height, width = radiograph.codes.shape
        return ScanRecord(
            file=name,
            participant=participant,
            view=view_of(ds),
            spacing_mm=spacing,
            spacing_source=source,
            width=width,
            height=height,
            bits=radiograph.bits,
            photometric=photometric_of(ds),
            transfer_syntax=UID(ds.file_meta.TransferSyntaxUID).name,
            laterality=laterality,
            flipped=orientation.startswith("R"),
            upside_down=orientation.endswith("H"),
            oriented=orientation[:1] in ("L", "R"),
            polarity_from="header",
            phantom=is_phantom(ds),
            pixels=pixel_digest(radiograph.codes, radiograph.histogram),
        ), radiograph


def read_participant(data: bytes, name: str, settings: ConvertSettings) -> str:
    """Check a DICOM file by its header, and tell whose film it is; its picture is not decoded.

    Raises:
        BadScan: With a reason of the quality gate.
    """
    with silence_libraries():
        ds = _parse(data, settings)
        check_header(ds, settings)
        return participant_of(ds, name)


def check_start(data: bytes) -> None:
    """Check that a file whose first 132 bytes or more these are may be a DICOM file.

    Raises:
        BadScan: If it is none.
    """
    if data[128:132] != b"DICM" and not _may_lack_preamble(data):
        raise BadScan("not_dicom", "the file is no DICOM file")


def read_header(data: bytes, settings: ConvertSettings = ConvertSettings()) -> Dataset:
    """Parse a DICOM film for who and which study it is of; its picture is not decoded.

    Raises:
        BadScan: If it is no film, or one of JSL's own results.
    """
    with silence_libraries():
        return _parse(data, settings)


def _parse(data: bytes, settings: ConvertSettings) -> Dataset:
    check_start(data)
    ds = _read(data, settings)
    if "PixelData" not in ds and data.count(_PIXEL_DATA) > _count_icons(ds):
        ds = _read(end_fragments(data), settings)
    check_origin(ds)
    check_kind(ds)
    if not len(ds):
        raise BadScan("not_dicom", "the file is no DICOM file")
    return ds


def _read(data: bytes, settings: ConvertSettings) -> Dataset:
    try:
        ds = _inflate(data, settings) or pydicom.dcmread(io.BytesIO(data), force=True)
        text(ds.file_meta, "MediaStorageSOPClassUID")
        repair_transfer_syntax(ds)
    except BadScan:
        raise
    except EOFError:
        raise BadScan("truncated", "the file ends in the middle of its header; copy it again") from None
    except Exception:  # pydicom raises anything at all on damaged files
        raise BadScan("undecodable", "the header is damaged") from None
    return ds


def _count_icons(ds: Dataset) -> int:
    """The pictures in sequences, which are no film: icons (PS3.3 C.7.6.1.1.6)."""
    try:
        return sum(element.tag == 0x7FE00010 for element in ds.iterall())
    except Exception:  # damaged elements
        return 0


def _may_lack_preamble(data: bytes) -> bool:
    """A DICOM file without preamble begins with an element of group 2 or 8, in either byte order."""
    return data[:2] in (b"\x02\0", b"\x08\0", b"\0\x02", b"\0\x08") and len(data) > 8


def _inflate(data: bytes, settings: ConvertSettings) -> Dataset | None:
    """A deflated file (PS3.5 A.5), inflated no further than the largest film allowed."""
    if DeflatedExplicitVRLittleEndian.encode() not in data[:4096]:
        return None
    file = io.BytesIO(data)
    read_preamble(file, True)
    meta = FileMetaDataset(_read_file_meta_info(file))
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return None
    limit = settings.max_megapixels * 8_000_000
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    plain = inflater.decompress(file.read(), limit)
    if inflater.unconsumed_tail:
        raise BadScan("too_large", f"the file inflates to more than {limit >> 20} MiB; raise max_megapixels")
    ds = read_dataset(io.BytesIO(plain), False, True)
    ds.set_original_encoding(False, True)
    ds.file_meta = meta
    return ds


def _radiograph(ds: Dataset) -> Radiograph:
    codes = decode_pixels(ds)
    container = 8 * codes.dtype.itemsize
    grey = is_grey(ds)
    palette = ds.get("RedPaletteColorLookupTableDescriptor")
    depth = palette[2] if palette and photometric_of(ds) == "PALETTE COLOR" else ds.BitsStored
    bits = min(int(depth), container)
    signed = grey and number(ds, "PixelRepresentation", 0) == 1
    high_bit = _high_bit(ds, codes, bits) if grey else bits - 1
    stored, values = modality_values(ds, 1 << container, bits, high_bit, signed)
    return Radiograph(
        codes=codes,
        values=values,
        padding=_padding(ds, stored, bits, signed),
        voi=voi_of(ds, signed=signed or values.min() < 0) if grey else Window.whole(bits),
        inverted=is_inverted(ds),
        bits=bits,
    )


def _high_bit(ds: Dataset, codes: npt.NDArray[np.unsignedinteger], bits: int) -> int:
    """The number of the values' highest bit in their container."""
    usual, stated = bits - 1, int(number(ds, "HighBit", bits - 1))
    if not usual < stated < 8 * codes.dtype.itemsize:
        return usual
    # Compressing can move the values down and leave the header as it was.
    moved = UID(ds.file_meta.TransferSyntaxUID).is_encapsulated and int(codes.max()) >> bits == 0
    return usual if moved else stated


def _padding(ds: Dataset, stored: npt.NDArray[np.float64], bits: int, signed: bool) -> npt.NDArray[np.bool_]:
    """Which stored values stand for no exposure (PS3.3 C.7.5.1.1.2)."""
    first = number(ds, "PixelPaddingValue")
    last = number(ds, "PixelPaddingRangeLimit", first)
    if signed:
        first, last = (value - (1 << 16) if value >= 1 << 15 else value for value in (first, last))
    return (stored >= min(first, last)) & (stored <= max(first, last))
