"""Whole steps on one scan, bytes in and bytes out: what tasks and commands call."""

from jsl_core.config import ConvertSettings, SplitSettings
from jsl_core.imaging.dicom import read_radiograph
from jsl_core.imaging.gate import check_picture
from jsl_core.imaging.png import decode_png, encode_png
from jsl_core.imaging.records import KneeRecord, ScanRecord
from jsl_core.imaging.render import histogram, render
from jsl_core.imaging.split import split_image

__all__ = ["convert_scan", "split_film"]


def convert_scan(data: bytes, name: str, settings: ConvertSettings) -> tuple[ScanRecord, bytes]:
    """A DICOM file's bytes to its record and a PNG of the whole film, as stored (not flipped).

    Raises BadScan with a reason of the quality gate.
    """
    record, radiograph = read_radiograph(data, name, settings)
    shown = render(radiograph, settings.window, settings.bits)
    check_picture(histogram(radiograph.codes), radiograph.values, shown)
    return record, encode_png(shown, record.spacing_mm)


def split_film(png: bytes, scan: ScanRecord, settings: SplitSettings) -> list[tuple[KneeRecord, bytes]]:
    """A film's PNG to its knees, right one first, each with a PNG seen as on a conventional film.

    Raises BadScan `unknown_side` for a single knee of which nothing tells the side.
    """
    return [
        (knee, encode_png(pixels, scan.spacing_mm))
        for knee, pixels in split_image(decode_png(png), scan, settings)
    ]
