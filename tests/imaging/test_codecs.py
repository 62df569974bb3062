"""Pictures of every transfer syntax, and those whose writers got it wrong, hold the very values."""

import shutil
import struct
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import gdcm
import numpy as np
import pydicom
import pytest
from films import as_bytes, dicom, legs, save, stored
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_fragments
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from test_reading import SMALL, reason, recoded

from jsl_core.errors import BadScan
from jsl_core.imaging.dicom import read_radiograph

FILM = stored(legs(60, 80), 12)
GDCM_NAMES = {
    JPEG2000Lossless: "JPEG2000Lossless",
    JPEGLosslessSV1: "JPEGLosslessProcess14_1",
    JPEGLSLossless: "JPEGLSLossless",
}
needs_dcmtk = pytest.mark.skipif(shutil.which("dcmcjpeg") is None, reason="DCMTK is not installed")


def values(data: bytes | Dataset) -> np.ndarray:
    data = as_bytes(data) if isinstance(data, Dataset) else data
    _, radiograph = read_radiograph(data, "film.dcm", SMALL)
    return radiograph.values[radiograph.codes]


def picture(syntax: UID, folder: Path) -> bytes:
    """The film's codestream."""
    if syntax == RLELossless:
        pixels = dicom(FILM, bits=12, syntax=RLELossless).PixelData
    else:
        data = recoded(dicom(FILM, bits=12), getattr(gdcm.TransferSyntax, GDCM_NAMES[syntax]), folder)
        (folder / "read.dcm").write_bytes(data)
        pixels = pydicom.dcmread(folder / "read.dcm").PixelData
    return list(generate_fragments(pixels))[1]


def packed(pixels: bytes, syntax: UID, **tags: object) -> Dataset:
    """A dataset whose pixel data are these bytes."""
    ds = dicom(FILM, bits=12, **tags)
    ds.PixelData, ds.file_meta.TransferSyntaxUID = pixels, syntax
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    return ds


def renamed(data: bytes, old: UID, new: UID) -> bytes:
    """A file that states another transfer syntax, its group length kept right (PS3.10 7.1)."""
    was, now = (uid.encode() + b"\0" * (len(uid) % 2) for uid in (old, new))
    length = struct.unpack_from("<I", data, 140)[0] + len(now) - len(was)
    at = data.index(was + b"\x02\0\x12\0")  # the element that follows
    named = data[144 : at - 2] + struct.pack("<H", len(now)) + now + data[at + len(was) :]
    return data[:140] + struct.pack("<I", length) + named


def item(content: bytes) -> bytes:
    return b"\xfe\xff\x00\xe0" + struct.pack("<I", len(content)) + content


END = b"\xfe\xff\xdd\xe0\0\0\0\0"
WRITERS: dict[str, Callable[[bytes], bytes]] = {
    "no offset table": lambda code: item(code) + END,
    "an empty one": lambda code: item(b"") + item(code) + END,
    "offsets of nothing": lambda code: item(struct.pack("<I", 0xFFFFFFF0)) + item(code) + END,
    "offsets of two pictures": lambda code: item(struct.pack("<2I", 0, 400)) + item(code) + END,
    "an offset and a half": lambda code: item(bytes(6)) + item(code) + END,
    "three fragments": lambda code: (
        item(b"") + item(code[:300]) + item(code[300:302]) + item(code[302:]) + END
    ),
    "empty fragments": lambda code: item(b"") + item(b"") + item(code) + item(b"") + END,
    "no end": lambda code: item(b"") + item(code),
}


@pytest.mark.parametrize("writer", list(WRITERS))
@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLosslessSV1, RLELossless], ids=lambda uid: uid.name)
def test_fragments_and_offsets_of_any_writer(writer: str, syntax: UID, tmp_path: Path) -> None:
    pixels = WRITERS[writer](picture(syntax, tmp_path))
    assert np.array_equal(values(packed(pixels, syntax)), FILM)


def test_run_lengths_that_look_like_a_jpeg_by_chance() -> None:
    film = FILM.copy()
    header = bytes.fromhex("ffd8 ffc3 000b 0c01 0001 0001 0111 00")  # JPEG Lossless of 256 by 256 pixels
    low = np.frombuffer(header, np.uint8).astype(int)  # the low bytes are a run of their own
    film[0, : len(header)] = 0x0100 + low
    ds = dicom(film, bits=12, syntax=RLELossless)
    assert header in ds.PixelData
    assert np.array_equal(values(ds), film)


def test_an_extended_offset_table_that_lies(tmp_path: Path) -> None:
    pixels = WRITERS["an empty one"](picture(JPEG2000Lossless, tmp_path))
    lies = {
        "ExtendedOffsetTable": struct.pack("<Q", 99),
        "ExtendedOffsetTableLengths": struct.pack("<Q", 7),
    }
    assert np.array_equal(values(packed(pixels, JPEG2000Lossless, **lies)), FILM)


@pytest.mark.parametrize("named", [JPEGBaseline8Bit, RLELossless, ExplicitVRLittleEndian, *GDCM_NAMES])
@pytest.mark.parametrize("true", list(GDCM_NAMES), ids=GDCM_NAMES.get)
def test_the_picture_knows_its_transfer_syntax_better_than_the_header(
    named: UID, true: UID, tmp_path: Path
) -> None:
    ds = packed(encapsulate([picture(true, tmp_path)]), true)
    data = renamed(as_bytes(ds), true, named)
    record, radiograph = read_radiograph(data, "film.dcm", SMALL)
    assert np.array_equal(radiograph.values[radiograph.codes], FILM)
    assert record.transfer_syntax in (true.name, named.name)


def test_plain_pixels_under_the_name_of_compressed_ones_and_in_fragments() -> None:
    plain = as_bytes(dicom(FILM, bits=12))
    assert np.array_equal(values(renamed(plain, ExplicitVRLittleEndian, JPEG2000Lossless)), FILM)
    fragments = packed(encapsulate([FILM.tobytes()]), UID("1.2.840.10008.1.2.1.98"))
    assert np.array_equal(values(fragments), FILM)


def test_a_high_bit_that_compression_has_made_wrong(tmp_path: Path) -> None:
    pixels = encapsulate([picture(JPEG2000Lossless, tmp_path)])
    assert np.array_equal(values(packed(pixels, JPEG2000Lossless, HighBit=15)), FILM)


@needs_dcmtk
@pytest.mark.parametrize("process", ["+eb", "+ee", "+es", "+ep"])
@pytest.mark.parametrize(("bits", "signed"), [(8, False), (12, False), (12, True)])
def test_lossy_jpeg_decodes_to_the_values_that_dcmtk_finds(
    process: str, bits: int, signed: bool, tmp_path: Path
) -> None:
    plain = save(dicom(stored(legs(60, 80), bits, signed=signed), bits=bits), tmp_path / "plain.dcm")
    coded, back = tmp_path / "coded.dcm", tmp_path / "back.dcm"
    subprocess.run(["dcmcjpeg", process, plain, coded], check=True, capture_output=True)
    subprocess.run(["dcmdjpeg", coded, back], check=True, capture_output=True)
    assert np.array_equal(values(coded.read_bytes()), values(back.read_bytes()))


def test_what_nothing_here_decodes_names_the_extra_that_does(tmp_path: Path) -> None:
    if find_spec("openjpeg"):
        pytest.skip("the extra is installed")
    ds = packed(encapsulate([picture(JPEG2000Lossless, tmp_path)]), HTJ2KLossless)
    with pytest.raises(BadScan, match=r"pip install 'jsl-knee\[codecs\]'"):
        values(ds)


def test_an_unknown_transfer_syntax_is_a_reason_without_the_headers_words() -> None:
    data = renamed(as_bytes(dicom(FILM, bits=12)), ExplicitVRLittleEndian, UID("DOE^JANE^1937.04.19"))
    with pytest.raises(BadScan, match="transfer syntax") as caught:
        values(data)
    assert "DOE" not in str(caught.value)


def test_damaged_fragments_are_a_reason(tmp_path: Path) -> None:
    code = picture(JPEG2000Lossless, tmp_path)
    assert reason(packed(item(b"") + b"nonsense" + item(code) + END, JPEG2000Lossless)) == "undecodable"
    assert reason(packed(item(b"") + item(code)[:-400], JPEG2000Lossless)) == "truncated"
