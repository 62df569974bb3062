"""Phantom films are valid DICOM in every way they are stored."""

import shutil
import subprocess
from dataclasses import replace
from io import BytesIO
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.pixels import apply_voi_lut

from jsl_core.config import PhantomSettings
from jsl_core.phantom import make_film
from jsl_core.phantom.dicom import encode_film
from jsl_core.phantom.encoding import SYNTAXES, Encoding, stored_box, stored_values
from jsl_core.phantom.film import PhantomFilm

PLAIN = Encoding(12, False, False, False, True, True, "PixelSpacing", "ExplicitVRLittleEndian")


@pytest.fixture(scope="module")
def film() -> PhantomFilm:
    return make_film(5, 0, PhantomSettings(long_side=(400, 400)))


@pytest.mark.parametrize(("syntax", "bits"), list(product(SYNTAXES, (10, 12, 15, 16))))
def test_every_transfer_syntax_and_depth_gives_the_stored_values_back(
    film: PhantomFilm, syntax: str, bits: int
) -> None:
    encoding = replace(PLAIN, syntax=syntax, bits=bits, monochrome1=bits == 12)
    values = stored_values(film, encoding)
    ds = dcmread(BytesIO(encode_film(values, "1000001", film.spacing_mm, encoding)))
    assert ds.file_meta.TransferSyntaxUID.keyword == syntax
    assert ds.BitsStored == bits
    assert values.max() < 1 << bits
    np.testing.assert_array_equal(ds.pixel_array, values)


@pytest.mark.parametrize(
    ("windowed", "monochrome1", "bits"), list(product((True, False), (True, False), (10, 16)))
)
def test_the_window_in_the_tags_shows_the_film_as_meant(
    film: PhantomFilm, windowed: bool, monochrome1: bool, bits: int
) -> None:
    encoding = replace(PLAIN, windowed=windowed, monochrome1=monochrome1, bits=bits)
    ds = dcmread(BytesIO(encode_film(stored_values(film, encoding), "1000001", film.spacing_mm, encoding)))
    shown = apply_voi_lut(ds.pixel_array, ds).astype(float) / (2**bits - 1)
    if monochrome1:
        shown = 1 - shown
    assert np.abs(np.round(255 * shown) - film.display.astype(float)).max() <= 1


def test_a_flipped_film_says_so_and_its_boxes_flip_with_it(film: PhantomFilm) -> None:
    flipped = replace(PLAIN, flipped=True)
    values = stored_values(film, flipped)
    np.testing.assert_array_equal(values[:, ::-1], stored_values(film, PLAIN))
    ds = dcmread(BytesIO(encode_film(values, "1000001", film.spacing_mm, flipped)))
    assert list(ds.PatientOrientation) == ["R", "F"]
    right, left = (stored_box(film.boxes[side], values.shape[1], flipped) for side in (1, 2))
    assert right[0] > left[0]


def test_spacing_may_be_absent_zero_or_the_imagers(film: PhantomFilm) -> None:
    def header(spacing: str) -> object:
        encoding = replace(PLAIN, spacing=spacing)
        return dcmread(
            BytesIO(encode_film(stored_values(film, encoding), "1000001", film.spacing_mm, encoding))
        )

    assert "PixelSpacing" not in header("missing")
    assert list(header("zero").PixelSpacing) == [0, 0]
    assert header("ImagerPixelSpacing").ImagerPixelSpacing[0] == pytest.approx(film.spacing_mm, abs=1e-6)
    assert "PixelSpacing" not in header("ImagerPixelSpacing")


@pytest.mark.skipif(shutil.which("dcmj2pnm") is None, reason="DCMTK is not installed")
@pytest.mark.parametrize("syntax", [name for name in SYNTAXES if "2000" not in name and "LS" not in name])
def test_dcmtk_reads_the_same_values(film: PhantomFilm, syntax: str, tmp_path: Path) -> None:
    encoding = replace(PLAIN, syntax=syntax)
    values = stored_values(film, encoding)
    (tmp_path / "film.dcm").write_bytes(encode_film(values, "1000001", film.spacing_mm, encoding))
    raw = ["dcmj2pnm", "+opn", "16", "--set-window", "2048", "4096", "film.dcm", "film.pgm"]
    subprocess.run(raw, check=True, cwd=tmp_path, capture_output=True)
    numbers = (tmp_path / "film.pgm").read_text().split()
    shown = np.array(numbers[-values.size :], float).reshape(values.shape) / 65535
    np.testing.assert_allclose(shown, values / 4095, atol=1 / 4095)
