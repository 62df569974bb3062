"""Headers and streams as writers have made them: films are read as they are, other files named."""

import io
from pathlib import Path

import cv2
import gdcm
import numpy as np
import pydicom
import pytest
from films import as_bytes, dicom, legs, stored
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit, RLELossless
from test_reading import SMALL, convert, reason, recoded

from jsl_core.config import ConvertSettings
from jsl_core.errors import BadScan
from jsl_core.imaging.dicom import read_radiograph
from jsl_core.imaging.picture_file import read_picture_file

FILM = legs(60, 80)
END = b"\xfe\xff\xdd\xe0\0\0\0\0"
PADDING = b"\xfc\xff\xfc\xff" + b"OB\0\0" + (4).to_bytes(4, "little") + bytes(4)  # Data Set Trailing Padding


def values(data: bytes) -> np.ndarray:
    _, radiograph = read_radiograph(data, "film.dcm", SMALL)
    return radiograph.values[radiograph.codes]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Monochrome2", "MONOCHROME2"),
        ("monochrome1", "MONOCHROME1"),
        ("MONOCHROME 2", "MONOCHROME2"),
        ("Monochrome_1 ", "MONOCHROME1"),
    ],
)
def test_photometric_interpretation_in_any_case(written: str, meant: str) -> None:
    plain = dicom(stored(FILM, 12), bits=12, PhotometricInterpretation=meant)
    odd = dicom(stored(FILM, 12), bits=12, PhotometricInterpretation=written)
    record, shown = convert(odd)
    assert record.photometric == meant
    assert np.array_equal(shown, convert(plain)[1])


@pytest.mark.parametrize("written", ["rgb", "Rgb"])
def test_colour_in_any_case(written: str) -> None:
    film = np.stack([stored(FILM, 8)] * 3, -1)
    record, shown = convert(dicom(film, PhotometricInterpretation=written, Modality="SC"))
    assert record.photometric == "RGB"
    assert np.array_equal(shown, convert(dicom(film, Modality="SC"))[1])


@pytest.mark.parametrize("modality", ["RF", "DR", "SC", "rf", "XR", "RX", ""])
def test_a_film_under_another_modality_is_judged_by_its_picture(modality: str) -> None:
    convert(dicom(stored(FILM, 12), bits=12, Modality=modality))
    black = np.full((60, 80), 700, np.uint16)
    assert reason(dicom(black, bits=12, Modality=modality)) == "empty"


@pytest.mark.parametrize("tail", [0, 1, 4, 7], ids="{} bytes of the end mark".format)
@pytest.mark.parametrize("icon", [False, True], ids=["plain", "with an icon"])
def test_a_stream_without_its_last_delimiter_is_whole(tail: int, icon: bool) -> None:
    ds = dicom(stored(FILM, 12), bits=12, syntax=RLELossless)
    if icon:
        ds.IconImageSequence = [_icon()]
    whole = as_bytes(ds)
    cut = whole[: whole.rindex(END) + tail]
    assert np.array_equal(values(cut), values(whole))
    assert reason(whole[: whole.rindex(END) - 2]) == "truncated"


def test_a_stream_without_its_delimiter_before_other_elements_is_whole() -> None:
    whole = as_bytes(dicom(stored(FILM, 12), bits=12, syntax=RLELossless))
    padded = whole[: whole.rindex(END)] + PADDING
    assert np.array_equal(values(padded), values(whole))


@pytest.mark.parametrize("stated", [8, 12, 16])
def test_an_8_bit_jpeg_under_a_header_of_16_bits(stated: int) -> None:
    film = (FILM * 255).astype(np.uint8)
    jpeg = cv2.imencode(".jpg", film, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    ds = dicom(stored(FILM, 12), BitsStored=stated, HighBit=stated - 1, WindowCenter=128, WindowWidth=256)
    ds.file_meta.TransferSyntaxUID, ds.PixelData = JPEGBaseline8Bit, encapsulate([jpeg])
    ds["PixelData"].VR = "OB"
    record, radiograph = read_radiograph(as_bytes(ds), "film.dcm", SMALL)
    assert record.bits == 8
    assert np.abs(radiograph.values[radiograph.codes] - film).max() < 8


@pytest.mark.parametrize("syntax", ["JPEGLosslessProcess14_1", "JPEGLSLossless", "JPEG2000Lossless"])
@pytest.mark.parametrize(("bits", "stated"), [(8, 16), (12, 8)], ids=["8 under 16", "12 under 8"])
def test_a_picture_of_another_depth_than_its_header_says(
    syntax: str, bits: int, stated: int, tmp_path: Path
) -> None:
    data = recoded(dicom(stored(FILM, bits), bits=bits), getattr(gdcm.TransferSyntax, syntax), tmp_path)
    ds = pydicom.dcmread(io.BytesIO(data))
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = stated, stated, stated - 1
    assert np.array_equal(values(as_bytes(ds)), stored(FILM, bits))


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_a_16_bit_png_of_fewer_bits_fills_its_depth(bits: int) -> None:
    film = stored(FILM, bits).astype(np.uint16)
    film[0, 0] = (1 << bits) - 1
    png = cv2.imencode(".png", film)[1].tobytes()
    record, image = read_picture_file(png, "1000001.png", {}, SMALL)
    assert (record.bits, image.max()) == (
        (8, 255) if bits == 8 else (16, 65535 >> (16 - bits) << (16 - bits))
    )
    if bits == 8:
        plain = cv2.imencode(".png", film.astype(np.uint8))[1].tobytes()
        other, same = read_picture_file(plain, "1000001.png", {}, SMALL)
        assert np.array_equal(image, same)
        assert record.pixels == other.pixels


def _icon() -> Dataset:
    icon = Dataset()
    icon.Rows = icon.Columns = 8
    icon.SamplesPerPixel, icon.PhotometricInterpretation, icon.PixelRepresentation = 1, "MONOCHROME2", 0
    icon.BitsAllocated, icon.BitsStored, icon.HighBit = 8, 8, 7
    icon.add_new("PixelData", "OB", bytes(range(64)))
    return icon


def test_a_film_with_an_icon_is_the_film_and_an_icon_alone_is_none() -> None:
    ds = dicom(stored(FILM, 12), bits=12)
    plain = values(as_bytes(ds))
    ds.IconImageSequence = [_icon()]
    assert np.array_equal(values(as_bytes(ds)), plain)
    del ds.PixelData
    assert reason(ds) == "no_pixels"


@pytest.mark.parametrize(
    ("sop", "code"),
    [
        ("1.2.840.10008.1.3.10", "directory"),
        ("1.2.840.10008.5.1.4.1.1.11.1", "presentation_state"),
        ("1.2.840.10008.5.1.4.1.1.11.2", "presentation_state"),
        ("1.2.840.10008.5.1.4.1.1.88.33", "report"),
        ("1.2.840.10008.5.1.4.1.1.88.59", "report"),
        ("1.2.840.10008.5.1.4.1.1.104.1", "document"),
    ],
)
@pytest.mark.parametrize("icon", [False, True], ids=["plain", "with an icon"])
def test_files_that_are_no_films_are_named_for_what_they_are(sop: str, code: str, icon: bool) -> None:
    ds = dicom(stored(FILM, 12), bits=12, PixelData=None)
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = sop
    record = Dataset()
    record.IconImageSequence = [_icon()] if icon else []
    if code == "directory":
        record.DirectoryRecordType = "IMAGE"
        ds.DirectoryRecordSequence = [record]
    else:
        ds.IconImageSequence = record.IconImageSequence
    assert reason(ds) == code


def test_a_film_under_the_class_of_something_else_is_a_film() -> None:
    ds = dicom(stored(FILM, 12), bits=12)
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.33"
    convert(ds)


@pytest.mark.parametrize(
    ("patient", "participant"),
    [
        ("PN 108776", "PN 108776"),
        ("=12/345", "=12/345"),
        ("Müller-7", "Müller-7"),
        ("ANON^0012", "ANON^0012"),
        ("N" * 74, "N" * 74),
        ("**********", "**********"),
        ("../../etc/passwd", "../../etc/passwd"),
        ("a\\b", "a\\b"),
        ("1000001\0", "1000001"),
    ],
)
def test_any_patient_id_is_a_participant(patient: str, participant: str) -> None:
    tags = {"SpecificCharacterSet": "ISO_IR 192", "PatientID": patient}
    assert convert(dicom(stored(FILM, 12), bits=12, **tags))[0].participant == participant


def test_ids_of_a_character_set_that_the_header_does_not_name_stay_apart() -> None:
    ds = dicom(stored(FILM, 12), bits=12, SpecificCharacterSet="ISO_IR 192", PatientID="MXller")
    data = as_bytes(ds)
    names = [
        convert(data.replace(b"MXller", f"M{letter}ller".encode("latin-1")))[0].participant for letter in "üö"
    ]
    assert names == ["Müller", "Möller"]


def test_names_tell_participants_of_pictures_too() -> None:
    png = cv2.imencode(".png", stored(FILM, 8))[1].tobytes()
    for name, participant in (("a/1000003.png", "1000003"), ("a/IM01.png", "a/IM01"), ("..png", "..png")):
        assert read_picture_file(png, name, {}, ConvertSettings(min_side=16))[0].participant == participant
    with pytest.raises(BadScan, match="ends in its header"):
        read_picture_file(io.BytesIO(png).read(20), "1.png", {}, SMALL)
