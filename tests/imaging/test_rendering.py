"""Films look as DCMTK, an independent implementation of the standard, shows them."""

import itertools
import shutil
import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom.data
import pytest
from films import as_bytes, dicom, legs, save, stored
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_windowing
from pydicom.sequence import Sequence
from pydicom.uid import RLELossless

from jsl_core.config import ConvertSettings
from jsl_core.imaging import convert_scan, decode_png

needs_dcmtk = pytest.mark.skipif(
    shutil.which("dcmj2pnm") is None, reason="dcmj2pnm of DCMTK is not installed"
)

WINDOW = {"WindowCenter": 2000, "WindowWidth": 3000}


def ours(ds: Dataset, **settings: Any) -> np.ndarray:
    settings = {"any_view": True, "min_side": 16} | settings
    return decode_png(convert_scan(as_bytes(ds), "film.dcm", ConvertSettings(**settings))[1])


def dcmtk(ds: Dataset, folder: Path, *options: str) -> np.ndarray:
    path = save(ds, folder / "film.dcm")
    options = options or ("+Wi", "1")
    subprocess.run(
        ["dcmj2pnm", "-O", "+on", *options, path, folder / "film.png"], check=True, capture_output=True
    )
    return cv2.imread(str(folder / "film.png"), cv2.IMREAD_GRAYSCALE)


def assert_alike(one: np.ndarray, other: np.ndarray) -> None:
    apart = np.abs(one.astype(int) - other.astype(int))
    assert (apart > 1).mean() <= 0.001, f"up to {apart.max()} grey levels"


def table(count: int, first: int, bits: int, **tags: Any) -> Dataset:
    """A LUT that is no straight line."""
    item = Dataset()
    item.LUTDescriptor = [count % 65536, first, bits]
    values = np.sqrt(np.arange(count) / (count - 1)) * ((1 << bits) - 1)
    item.LUTData = values.round().astype("<u2").tobytes()
    item["LUTData"].VR = "OW"
    for keyword, value in tags.items():
        setattr(item, keyword, value)
    return item


@needs_dcmtk
@pytest.mark.parametrize(
    ("bits", "signed", "photometric", "function"),
    list(
        itertools.product(
            (8, 12, 15, 16), (False, True), ("MONOCHROME1", "MONOCHROME2"), ("", "LINEAR", "SIGMOID")
        )
    ),
)
def test_windows_of_all_depths(
    bits: int, signed: bool, photometric: str, function: str, tmp_path: Path
) -> None:
    middle = (1 << bits) * 0.45 - ((1 << (bits - 1)) if signed else 0)
    tags = {"WindowCenter": round(middle, 2), "WindowWidth": round((1 << bits) * 0.6, 2)}
    ds = dicom(
        stored(legs(60, 80), bits, signed=signed), bits=bits, PhotometricInterpretation=photometric, **tags
    )
    if function:
        ds.VOILUTFunction = function
    assert_alike(ours(ds), dcmtk(ds, tmp_path))


@needs_dcmtk
@pytest.mark.parametrize(
    "tags",
    [
        {"RescaleSlope": "2.5", "RescaleIntercept": "-1024", "WindowCenter": 3000, "WindowWidth": 5000},
        {"RescaleSlope": "-1", "RescaleIntercept": "4095"} | WINDOW,
        {"PresentationLUTShape": "INVERSE"} | WINDOW,
        {"PresentationLUTShape": "INVERSE", "PhotometricInterpretation": "MONOCHROME1"} | WINDOW,
        {"PresentationLUTShape": "IDENTITY", "PhotometricInterpretation": "MONOCHROME1"} | WINDOW,
        {"PixelPaddingValue": 0} | WINDOW,
        {"WindowCenter": [2000, 9], "WindowWidth": [300, 9]},
        {"ModalityLUTSequence": Sequence([table(4096, 0, 12, ModalityLUTType="US")])} | WINDOW,
    ],
    ids=str,
)
def test_what_tags_make_of_a_film(tags: dict[str, Any], tmp_path: Path) -> None:
    ds = dicom(stored(legs(60, 80), 12), bits=12, **tags)
    assert_alike(ours(ds), dcmtk(ds, tmp_path))


@needs_dcmtk
@pytest.mark.parametrize(
    ("count", "first", "bits"), [(4096, 0, 16), (4096, 0, 12), (4096, 0, 8), (2000, 500, 14)]
)
def test_voi_tables(count: int, first: int, bits: int, tmp_path: Path) -> None:
    ds = dicom(stored(legs(60, 80), 12), bits=12, VOILUTSequence=Sequence([table(count, first, bits)]))
    assert_alike(ours(ds), dcmtk(ds, tmp_path, "+Wl", "1"))


@needs_dcmtk
def test_a_voi_table_of_fewer_entries_than_it_states(tmp_path: Path) -> None:
    short = table(4096, 0, 12)
    short.LUTData = short.LUTData[:4000]
    ds = dicom(stored(0.45 * legs(60, 80), 12), bits=12, VOILUTSequence=Sequence([short]))
    assert_alike(ours(ds), dcmtk(ds, tmp_path, "+Wl", "1"))


def test_a_voi_table_whose_entries_have_more_bits_than_it_states() -> None:
    film, right, wrong = stored(legs(60, 80), 12), table(4096, 0, 12), table(4096, 0, 12)
    for stated in (0, 8, 10):
        wrong.LUTDescriptor = [4096, 0, stated]
        assert_alike(
            ours(dicom(film, bits=12, VOILUTSequence=Sequence([wrong]))),
            ours(dicom(film, bits=12, VOILUTSequence=Sequence([right]))),
        )


@needs_dcmtk
@pytest.mark.parametrize("keyword", ["VOILUTSequence", "ModalityLUTSequence"])
def test_tables_of_a_big_endian_file(keyword: str, tmp_path: Path) -> None:
    tables = {keyword: Sequence([table(4096, 0, 12, ModalityLUTType="US")])}
    little = dicom(stored(legs(60, 80), 12), bits=12, **tables, **WINDOW)
    plain, big = save(little, tmp_path / "little.dcm"), tmp_path / "big.dcm"
    subprocess.run(["dcmconv", "+tb", plain, big], check=True, capture_output=True)
    _, png = convert_scan(big.read_bytes(), "film.dcm", ConvertSettings(any_view=True, min_side=16))
    assert np.array_equal(decode_png(png), ours(little))


@needs_dcmtk
def test_values_high_in_their_container_and_overlays_above_them(tmp_path: Path) -> None:
    plain = stored(legs(60, 80), 12)
    high = dicom(plain << 4, bits=12, HighBit=15, **WINDOW)
    overlaid = dicom(plain | 0x8000, bits=12, **WINDOW)
    assert_alike(ours(high), dcmtk(high, tmp_path))
    assert_alike(ours(overlaid), dcmtk(overlaid, tmp_path))
    assert np.array_equal(ours(overlaid), ours(dicom(plain, bits=12, **WINDOW)))


@needs_dcmtk
@pytest.mark.parametrize("syntax", ["+eb", "+e1", "+el"])
def test_jpeg_by_dcmtk_itself(syntax: str, tmp_path: Path) -> None:
    bits = 8 if syntax == "+eb" else 12
    window = {"WindowCenter": 1 << (bits - 1), "WindowWidth": 1 << bits}
    plain = save(dicom(stored(legs(60, 80), bits), bits=bits, **window), tmp_path / "plain.dcm")
    subprocess.run(["dcmcjpeg", syntax, plain, tmp_path / "coded.dcm"], check=True, capture_output=True)
    coded = pydicom.dcmread(tmp_path / "coded.dcm")
    assert_alike(ours(coded), dcmtk(coded, tmp_path))


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_windows_as_pydicom_applies_them(function: str) -> None:
    ds = dicom(stored(legs(60, 80), 12), bits=12, VOILUTFunction=function, RescaleSlope="2", **WINDOW)
    ds.RescaleIntercept = "-100"
    theirs = apply_windowing(apply_modality_lut(ds.pixel_array, ds), ds)
    low, high = -100, 2 * 4095 - 100  # pydicom spreads a window over all that the modality values can be
    assert_alike(ours(ds), np.rint((theirs - low) / (high - low) * 255))


def test_sixteen_bits_hold_the_eight() -> None:
    ds = dicom(stored(legs(60, 80), 14), bits=14, WindowCenter=8000, WindowWidth=15000)
    deep = ours(ds, bits=16)
    assert deep.dtype == np.uint16
    assert_alike(deep / 257, ours(ds))


@pytest.mark.parametrize(
    "window",
    [
        {},
        {"WindowCenter": 2000, "WindowWidth": 0},
        {"WindowCenter": 2000, "WindowWidth": 1},
        {"WindowCenter": 60000, "WindowWidth": 100},
        {"WindowCenter": 2000, "WindowWidth": 500000},
        {"WindowCenter": 900, "WindowWidth": 700},  # shows the film, but most of it white
    ],
    ids=str,
)
def test_a_missing_or_useless_window_gives_way_to_percentiles(window: dict[str, int]) -> None:
    film = stored(0.3 + 0.1 * legs(60, 80), 12)
    shown = ours(dicom(film, bits=12, **window))
    assert np.percentile(shown, 99) - np.percentile(shown, 1) > 200


def test_redaction_padding_and_burnt_bands_do_not_move_the_percentile_window() -> None:
    film = stored(0.3 + 0.3 * legs(120, 160), 12)
    blocked = film.copy()
    blocked[:20], blocked[-10:], blocked[:, :8] = 0, 4095, 4000
    plain = ours(dicom(film, bits=12), window="percentile")
    shown = ours(dicom(blocked, bits=12, PixelPaddingValue=4000), window="percentile")
    inside = np.s_[20:-10, 8:]
    assert np.abs(shown[inside].astype(int) - plain[inside]).max() <= 12


def test_big_endian_and_rle_show_the_same_film() -> None:
    film = stored(legs(60, 80), 12)
    plain = ours(dicom(film, bits=12, **WINDOW))
    assert np.array_equal(ours(dicom(film, bits=12, syntax=RLELossless, **WINDOW)), plain)
    big, little = (
        pydicom.data.get_testdata_file(name) for name in ("MR_small_bigendian.dcm", "MR_small.dcm")
    )
    both = []
    for path in (big, little):
        ds = pydicom.dcmread(path)
        ds.Modality = "CR"
        both.append(ours(ds))
    assert np.array_equal(*both)


def test_photographs_of_films_become_grey_by_their_luma() -> None:
    grey = stored(legs(60, 80), 8)
    rgb = np.stack([grey, grey // 2, grey // 4], -1)
    luma = np.rint(rgb @ np.array([0.299, 0.587, 0.114]))
    assert_alike(ours(dicom(rgb, Modality="XC")), luma)
    assert_alike(ours(dicom(rgb.astype(np.uint16) << 4, bits=12, Modality="XC")), luma)
    careless = dicom(rgb, Modality="XC", PhotometricInterpretation="MONOCHROME2", PlanarConfiguration=None)
    assert_alike(ours(careless), luma)
    planes = dicom(rgb, Modality="XC", PlanarConfiguration=1, PixelData=rgb.transpose(2, 0, 1).tobytes())
    assert_alike(ours(planes), luma)


@needs_dcmtk
@pytest.mark.parametrize(("bits", "entry"), [(16, "<u2"), (8, "u1"), (8, "<u2")])
def test_palettes_become_grey(bits: int, entry: str, tmp_path: Path) -> None:
    ds = dicom(stored(legs(60, 80), 8), Modality="XC", PhotometricInterpretation="PALETTE COLOR")
    ramp = np.linspace(0, (1 << bits) - 1, 256)
    for colour, share in (("Red", 1), ("Green", 0.8), ("Blue", 0.3)):
        setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, bits])
        ds[f"{colour}PaletteColorLookupTableDescriptor"].VR = "US"
        setattr(ds, f"{colour}PaletteColorLookupTableData", (share * ramp).astype(entry).tobytes())
    assert_alike(ours(ds), dcmtk(ds, tmp_path, "-W"))
