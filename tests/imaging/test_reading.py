"""Files of every kind are read exactly, or rejected with the reason that fits."""

import io
import zlib
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
import pydicom
import pytest
from films import as_bytes, dicom, legs, save, stored
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

from jsl_core.config import ConvertSettings
from jsl_core.errors import BadScan
from jsl_core.imaging import ScanRecord, convert_scan, decode_png

SMALL = ConvertSettings(min_side=16)
FILM = legs(60, 80)


def convert(data: bytes | Dataset, name: str = "film.dcm", **settings: Any) -> tuple[ScanRecord, np.ndarray]:
    data = as_bytes(data) if isinstance(data, Dataset) else data
    record, png = convert_scan(data, name, SMALL.model_copy(update=settings))
    return record, decode_png(png)


def reason(data: bytes | Dataset, name: str = "film.dcm", **settings: Any) -> str:
    with pytest.raises(BadScan) as caught:
        convert(data, name, **settings)
    assert "\n" not in str(caught.value)
    return caught.value.code


def recoded(ds: Dataset, syntax: int, folder: Path) -> bytes:
    """The dataset compressed by GDCM."""
    reader = gdcm.ImageReader()
    reader.SetFileName(str(save(ds, folder / "plain.dcm")))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(folder / "coded.dcm"))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    return (folder / "coded.dcm").read_bytes()


@pytest.mark.parametrize(("bits", "signed"), [(8, False), (10, False), (12, True), (16, False), (16, True)])
@pytest.mark.parametrize(
    "syntax",
    ["JPEGLosslessProcess14", "JPEGLosslessProcess14_1", "JPEGLSLossless", "JPEG2000Lossless", "RLELossless"],
)
def test_lossless_syntaxes_give_the_very_pixels(syntax: str, bits: int, signed: bool, tmp_path: Path) -> None:
    ds = dicom(stored(FILM, bits, signed=signed), bits=bits)
    record, plain = convert(ds)
    coded, shown = convert(recoded(ds, getattr(gdcm.TransferSyntax, syntax), tmp_path))
    assert np.array_equal(plain, shown)
    assert (coded.bits, coded.pixels) == (record.bits, record.pixels)
    assert coded.transfer_syntax != record.transfer_syntax


@pytest.mark.parametrize("syntax", ["JPEGBaselineProcess1", "JPEGLSNearLossless", "JPEG2000"])
def test_lossy_syntaxes_give_nearly_the_pixels(syntax: str, tmp_path: Path) -> None:
    ds = dicom(stored(FILM, 8), WindowCenter=128, WindowWidth=256)
    _, shown = convert(recoded(ds, getattr(gdcm.TransferSyntax, syntax), tmp_path))
    assert np.abs(shown.astype(int) - convert(ds)[1]).mean() < 1


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_other_plain_syntaxes(syntax: str) -> None:
    ds = dicom(stored(FILM, 12), bits=12, syntax=syntax)
    assert np.array_equal(convert(ds)[1], convert(dicom(stored(FILM, 12), bits=12))[1])


def test_without_preamble_and_meta_header() -> None:
    ds = dicom(stored(FILM, 12), bits=12)
    whole = as_bytes(ds)
    bare = io.BytesIO()
    pydicom.dcmwrite(bare, ds, implicit_vr=False, little_endian=True, enforce_file_format=False)
    assert np.array_equal(convert(whole[132:])[1], convert(whole)[1])
    del ds.file_meta
    ds.save_as(bare := io.BytesIO(), implicit_vr=True, little_endian=True)
    assert np.array_equal(convert(bare.getvalue(), "film")[1], convert(whole)[1])


@pytest.mark.parametrize(
    ("tags", "spacing", "source"),
    [
        ({"PixelSpacing": [0.2, 0.2]}, (0.2, 0.2), "PixelSpacing"),
        ({"PixelSpacing": [0.2, 0.3], "ImagerPixelSpacing": [0.1, 0.1]}, (0.2, 0.3), "PixelSpacing"),
        ({"PixelSpacing": [0, 0], "ImagerPixelSpacing": [0.1, 0.1]}, (0.1, 0.1), "ImagerPixelSpacing"),
        (
            {
                "PixelSpacing": None,
                "ImagerPixelSpacing": [0.15, 0.15],
                "EstimatedRadiographicMagnificationFactor": 1.2,
            },
            (0.125, 0.125),
            "ImagerPixelSpacing/magnification",
        ),
        (
            {
                "PixelSpacing": [0.15, 0.15],
                "ImagerPixelSpacing": [0.15, 0.15],
                "EstimatedRadiographicMagnificationFactor": 1.2,
            },
            (0.125, 0.125),
            "ImagerPixelSpacing/magnification",
        ),
        ({"PixelSpacing": [0, 0]}, None, "none"),
        ({"PixelSpacing": None}, None, "none"),
    ],
)
def test_spacing_has_its_source(
    tags: dict[str, Any], spacing: tuple[float, float] | None, source: str
) -> None:
    record, _ = convert(dicom(stored(FILM, 12), bits=12, **tags))
    assert (record.spacing_mm, record.spacing_source) == (spacing, source)


def test_a_film_is_simulated_if_it_says_so() -> None:
    assert [
        convert(dicom(stored(FILM, 12), bits=12, Manufacturer=maker))[0].phantom
        for maker in ("JSL phantom", "AGFA", "")
    ] == [True, False, False]


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"PixelData": None}, "no_pixels"),
        ({"Modality": "MR"}, "wrong_modality"),
        ({"Modality": "CT"}, "wrong_modality"),
        ({"NumberOfFrames": 7}, "wrong_modality"),
        ({"ViewPosition": "LL"}, "wrong_view"),
        ({"ViewPosition": None, "SeriesDescription": "Knee Lateral"}, "wrong_view"),
        ({"ViewPosition": None, "SeriesDescription": "SKYLINE"}, "wrong_view"),
        ({"ViewPosition": None, "SeriesDescription": "Knie rechts seitlich"}, "wrong_view"),
        ({"SeriesDescription": "Bilateral Full Limb AP"}, "wrong_view"),
        ({"SeriesDescription": "Hip to ankle", "BodyPartExamined": ""}, "wrong_view"),
        ({"BodyPartExamined": "", "SeriesDescription": "Thorax PA"}, "wrong_view"),
        ({"BodyPartExamined": "CHEST"}, "wrong_view"),
        ({"PatientOrientation": ["A", "F"]}, "wrong_view"),
        ({"PatientOrientation": ["F", "R"]}, "wrong_view"),
        ({"ImageLaterality": "R", "SeriesDescription": "left knee PA"}, "unknown_side"),
    ],
    ids=str,
)
def test_headers_that_disqualify(tags: dict[str, Any], code: str) -> None:
    assert reason(dicom(stored(FILM, 12), bits=12, **tags)) == code


def test_bilateral_is_no_lateral_view_and_one_frame_no_series() -> None:
    tags = {"SeriesDescription": "Bilateral PA Fixed Flexion Knee", "NumberOfFrames": 1, "ViewPosition": ""}
    record, _ = convert(dicom(stored(FILM, 12), bits=12, **tags))
    assert (record.view, record.laterality) == ("PA", "B")


def test_any_view_converts_other_radiographs_but_no_other_modality() -> None:
    lateral = dicom(stored(FILM, 12), bits=12, ViewPosition="LL")
    convert(lateral, any_view=True)
    assert reason(dicom(stored(FILM, 12), bits=12, Modality="CT"), any_view=True) == "wrong_modality"


def test_tall_films_are_hip_to_ankle_ones() -> None:
    tall = stored(legs(300, 100), 12)
    assert reason(dicom(tall, bits=12, PixelSpacing=[2.0, 2.0])) == "wrong_view"
    assert reason(dicom(tall, bits=12, PixelSpacing=None)) == "wrong_view"
    convert(dicom(tall, bits=12, PixelSpacing=[1.0, 1.0]))  # a narrow film of one knee


def test_pictures_that_disqualify() -> None:
    assert reason(dicom(np.full((60, 80), 700, np.uint16), bits=12)) == "empty"
    burnt = stored(FILM, 12)
    burnt[15:45] = 4095
    assert reason(dicom(burnt, bits=12, WindowCenter=2000, WindowWidth=3000)) == "clipped"
    assert reason(dicom(stored(FILM, 12), bits=12), min_side=100) == "too_small"


def test_size_is_limited_before_anything_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jsl_core.imaging.dicom.decode_pixels", lambda ds: pytest.fail("decoded"))
    huge = dicom(stored(FILM, 12), bits=12)
    huge.Rows = huge.Columns = 60000
    assert reason(huge) == "too_large"


def test_a_picture_larger_than_its_header_says_is_not_decoded(tmp_path: Path) -> None:
    data = recoded(dicom(stored(legs(600, 800), 8)), gdcm.TransferSyntax.JPEG2000Lossless, tmp_path)
    ds = pydicom.dcmread(io.BytesIO(data))
    ds.Rows, ds.Columns = 60, 80
    assert reason(ds) == "undecodable"


def test_a_deflated_bomb_stays_small() -> None:
    ds = dicom(stored(FILM, 12), bits=12)
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    plain = as_bytes(ds)
    start = plain.index(b"DICM") + 16 + int.from_bytes(plain[140:144], "little")
    packer = zlib.compressobj(9, wbits=-15)
    bomb = packer.compress(bytes(40 << 20)) + packer.flush()
    assert reason(plain[:start] + bomb, max_megapixels=1) == "too_large"


@pytest.mark.parametrize(
    "syntax", ["JPEGLosslessProcess14_1", "JPEGLSLossless", "JPEG2000Lossless", "RLELossless"]
)
def test_truncated_pixels(syntax: str, tmp_path: Path) -> None:
    ds = dicom(stored(FILM, 12), bits=12)
    assert reason(as_bytes(ds)[:-2000]) == "truncated"
    assert reason(recoded(ds, getattr(gdcm.TransferSyntax, syntax), tmp_path)[:-2000]) == "truncated"


def test_files_that_are_no_dicom() -> None:
    assert reason(b"") == "not_dicom"
    assert reason(b"ID,Age\n1000001,61\n" * 30) == "not_dicom"
    assert reason(bytes(400)) == "not_dicom"
    assert reason(Path(pydicom.data.get_testdata_file("DICOMDIR")).read_bytes(), "DICOMDIR") == "directory"


def test_participant_comes_from_the_header_then_the_oai_folder_then_the_stem() -> None:
    with_id = dicom(stored(FILM, 12), bits=12)
    without = dicom(stored(FILM, 12), bits=12, PatientID="")
    oai = "0.C.2/1000007/20050101/01234567/001"
    assert convert(with_id, oai)[0].participant == "1000001"
    assert convert(without, oai)[0].participant == "1000007"
    assert convert(without, "folder/1000009.dcm")[0].participant == "1000009"
    assert convert(without, "more.zip!/inner/IM0001")[0].participant == "more.zip/inner/IM0001"


@pytest.mark.parametrize(
    "name",
    ["JPEG2000.dcm", "MR_small_jpeg_ls_lossless.dcm", "MR_small_RLE.dcm", "693_J2KI.dcm",
     "J2K_pixelrep_mismatch.dcm", "CT_small.dcm", "image_dfl.dcm", "MR_small_padded.dcm"],
)  # fmt: skip
def test_real_files_of_several_makers_hold_the_values_pydicom_finds(name: str) -> None:
    from jsl_core.imaging.dicom import read_radiograph

    ds = pydicom.dcmread(pydicom.data.get_testdata_file(name))
    ds.Modality = "CR"
    _, radiograph = read_radiograph(as_bytes(ds), "film.dcm", SMALL.model_copy(update={"any_view": True}))
    theirs = pydicom.pixels.apply_modality_lut(ds.pixel_array, ds)
    assert np.array_equal(radiograph.values[radiograph.codes], theirs)


@pytest.mark.parametrize(
    "element",
    ["SamplesPerPixel", "PixelRepresentation", "BitsStored", "HighBit", "PhotometricInterpretation"],
)
def test_an_element_that_a_careless_writer_left_out_has_its_usual_meaning(element: str) -> None:
    whole = dicom(stored(FILM, 12), WindowCenter=2048, WindowWidth=4096)
    bare = dicom(stored(FILM, 12), WindowCenter=2048, WindowWidth=4096)
    delattr(bare, element)
    assert np.array_equal(convert(bare)[1], convert(whole)[1])


@pytest.mark.parametrize("groups", ["SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"])
def test_an_enhanced_file_of_one_picture_says_things_in_groups(groups: str) -> None:
    window = {"WindowCenter": 2000, "WindowWidth": 3000}
    says = {
        "PixelMeasuresSequence": {"PixelSpacing": [0.15, 0.15]},
        "FrameVOILUTSequence": window,
        "PixelValueTransformationSequence": {"RescaleSlope": "2", "RescaleIntercept": "-100"},
        "FrameAnatomySequence": {"FrameLaterality": "R"},
    }
    group = Dataset()
    for sequence, elements in says.items():
        (inner := Dataset()).update(elements)
        setattr(group, sequence, [inner])
    record, shown = convert(dicom(stored(FILM, 12), bits=12, PixelSpacing=None, **{groups: [group]}))
    assert (record.spacing_mm, record.laterality) == ((0.15, 0.15), "R")
    flat = dicom(stored(FILM, 12), bits=12, RescaleSlope="2", RescaleIntercept="-100", **window)
    assert np.array_equal(shown, convert(flat)[1])


def test_elements_that_make_no_sense_have_their_usual_meaning_or_are_a_reason() -> None:
    whole = dicom(stored(FILM, 12))
    odd = dicom(stored(FILM, 12), PhotometricInterpretation="GREY")
    odd.BitsStored = 0
    record, shown = convert(odd)
    assert (record.bits, record.photometric) == (16, "MONOCHROME2")
    assert np.array_equal(shown, convert(whole)[1])
    assert reason(dicom(stored(FILM, 12), BitsAllocated=None)) == "undecodable"
