"""Whole steps on one scan, bytes in and bytes out: what tasks and commands call."""

from collections.abc import Mapping

import numpy.typing as npt

from jsl_core.config import ConvertSettings, SplitSettings
from jsl_core.errors import BadScan
from jsl_core.imaging.dicom import read_radiograph
from jsl_core.imaging.picture_film import is_picture, read_picture
from jsl_core.imaging.png import decode_png, encode_png
from jsl_core.imaging.quality_gate import check_picture, is_clipped
from jsl_core.imaging.records import KneeRecord, ScanRecord
from jsl_core.imaging.render import render
from jsl_core.imaging.split import split_image

__all__ = ["convert_scan", "split_film", "split_scan"]

Knees = list[tuple[KneeRecord, bytes]]


def convert_scan(data: bytes, name: str, settings: ConvertSettings) -> tuple[ScanRecord, bytes]:
    """A DICOM file's bytes to its record and a PNG of the whole film, as stored (not flipped).

    Raises BadScan with a reason of the quality gate.
    """
    record, shown = _render(data, name, settings)
    return record, encode_png(shown, record.spacing_mm)


def split_film(png: bytes, scan: ScanRecord, settings: SplitSettings) -> Knees:
    """A film's PNG to its knees, right one first, each with a PNG seen as on a conventional film.

    Raises BadScan `unknown_side` or `one_knee_expected_two`.
    """
    return _knees(decode_png(png), scan, settings)


def split_scan(
    data: bytes, name: str, facts: Mapping[str, str], convert: ConvertSettings, split: SplitSettings
) -> tuple[ScanRecord, Knees]:
    """A DICOM, PNG or JPEG file's bytes to the film's record and its knees as `split_film` makes them.

    `facts` is what `scans.csv` says of a PNG. Raises BadScan.
    """
    if is_picture(data):
        record, shown = read_picture(data, name, facts, convert)
    else:
        record, shown = _render(data, name, convert)
    return record, _knees(shown, record, split)


def _render(data: bytes, name: str, settings: ConvertSettings) -> tuple[ScanRecord, npt.NDArray]:
    try:
        record, radiograph = read_radiograph(data, name, settings)
        shown = render(radiograph, settings.window, settings.bits)
        if settings.window == "dicom" and is_clipped(shown):  # by a window that fits another film
            shown = render(radiograph, "percentile", settings.bits)
        check_picture(radiograph, shown)
    except BadScan:
        raise
    except Exception as error:  # a damaged header can hold anything, anywhere
        raise BadScan("undecodable", f"the header is damaged ({type(error).__name__})") from None
    return record, shown


def _knees(image: npt.NDArray, scan: ScanRecord, settings: SplitSettings) -> Knees:
    return [
        (knee, encode_png(pixels, scan.spacing_mm)) for knee, pixels in split_image(image, scan, settings)
    ]
