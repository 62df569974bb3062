"""Pictures in JPEG processes that pydicom leaves out are decoded as DCMTK decodes them, value by value."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from films import dicom, legs, save, stored
from pydicom.encaps import encapsulate
from pydicom.uid import UID

from jsl_core.imaging.pixels import decode_pixels

needs_dcmtk = pytest.mark.skipif(shutil.which("dcmcjpeg") is None, reason="DCMTK is not installed")


@needs_dcmtk
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [8, 12])
@pytest.mark.parametrize(("process", "syntax"), [("+ee", "51"), ("+es", "53"), ("+ep", "55")])
def test_old_jpeg_is_decoded_as_dcmtk_does(
    process: str, syntax: str, bits: int, signed: bool, tmp_path: Path
) -> None:
    plain = save(dicom(stored(legs(), bits, signed=signed), bits=bits), tmp_path / "plain.dcm")
    coded, theirs = tmp_path / "coded.dcm", tmp_path / "theirs.dcm"
    subprocess.run(["dcmcjpeg", process, plain, coded], check=True, capture_output=True)
    subprocess.run(["dcmdjpeg", coded, theirs], check=True, capture_output=True)
    ds = pydicom.dcmread(coded)
    assert ds.file_meta.TransferSyntaxUID == f"1.2.840.10008.1.2.4.{syntax}"
    wanted = pydicom.dcmread(theirs).pixel_array
    np.testing.assert_array_equal(decode_pixels(ds).view(wanted.dtype), wanted)


def test_plain_pixels_in_fragments_are_plain_pixels() -> None:
    values = stored(legs(), 12)
    ds = dicom(values, bits=12)
    ds.PixelData = encapsulate([ds.PixelData])
    ds.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.1.98")
    np.testing.assert_array_equal(decode_pixels(ds), values)
