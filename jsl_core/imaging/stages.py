"""Whole steps on one scan, bytes in and bytes out: what tasks and commands call."""

from collections.abc import Mapping

import numpy.typing as npt

from jsl_core.config import ConvertSettings, SplitSettings
from jsl_core.errors import BadScan
from jsl_core.imaging.dicom import read_radiograph
from jsl_core.imaging.picture_file import is_picture_file, read_picture_file
from jsl_core.imaging.png import decode_png, encode_png
from jsl_core.imaging.quality_gate import check_picture, is_clipped
from jsl_core.imaging.records import KneeRecord, ScanRecord
from jsl_core.imaging.render import render
from jsl_core.imaging.split import split_image

__all__ = ["convert_scan", "split_film", "split_scan"]

Knees = list[tuple[KneeRecord, bytes]]


def convert_scan(data: bytes, name: str, settings: ConvertSettings) -> tuple[ScanRecord, bytes]:
    """Convert a DICOM file's bytes to its record and a PNG of the whole film, as stored (not flipped).

    Raises:
        BadScan: With a reason of the quality gate.
    """
    record, image = _render(data, name, settings)
    return record, encode_png(image, record.spacing_mm)


def split_film(png: bytes, scan: ScanRecord, settings: SplitSettings) -> Knees:
    """Split a film's PNG into its knees, right one first, each with a PNG seen as on a conventional film.

    Raises:
        BadScan: `unknown_side` or `one_knee_expected_two`.
    """
    return _split(decode_png(png), scan, settings)


def split_scan(
    data: bytes, name: str, facts: Mapping[str, str], convert: ConvertSettings, split: SplitSettings
) -> tuple[ScanRecord, Knees]:
    """Split a DICOM, PNG or JPEG film into its knees.

    Args:
        data: The file's bytes.
        name: The file's name.
        facts: What `scans.csv` says of a PNG or JPEG, empty where there is none.
        convert: How DICOM is shown, and limits of size.
        split: How films are split.

    Returns:
        The film's record, and its knees as `split_film` makes them.

    Raises:
        BadScan: With a reason of the quality gate or of the split.
    """
    if is_picture_file(data):
        record, image = read_picture_file(data, name, facts, convert)
    else:
        record, image = _render(data, name, convert)
    return record, _split(image, record, split)


def _render(data: bytes, name: str, settings: ConvertSettings) -> tuple[ScanRecord, npt.NDArray]:
    try:
        record, radiograph = read_radiograph(data, name, settings)
        image = render(radiograph, settings.window, settings.bits)
        if settings.window == "dicom" and is_clipped(image):  # by a window that fits another film
            image = render(radiograph, "percentile", settings.bits)
        check_picture(radiograph, image)
    except BadScan:
        raise
    except Exception as error:  # a damaged header can hold anything, anywhere
        raise BadScan("undecodable", f"the header is damaged ({type(error).__name__})") from None
    return record, image


def _split(image: npt.NDArray, scan: ScanRecord, settings: SplitSettings) -> Knees:
    return [
        (knee, encode_png(pixels, scan.spacing_mm)) for knee, pixels in split_image(image, scan, settings)
    ]
