"""Whole steps on one scan, bytes in and bytes out: what tasks and commands call."""

from collections.abc import Mapping

import numpy.typing as npt

from jsl_core.config import ConvertSettings, SplitSettings
from jsl_core.errors import BadScan
from jsl_core.imaging.dicom import check_start, read_radiograph
from jsl_core.imaging.look import FilmLook, Look, joint_contrast
from jsl_core.imaging.picture_file import is_picture_file, read_picture_file
from jsl_core.imaging.png import decode_png, encode_png
from jsl_core.imaging.polarity import negative_of
from jsl_core.imaging.quality_gate import check_picture, is_clipped
from jsl_core.imaging.radiograph import Radiograph
from jsl_core.imaging.records import KneeRecord, ScanRecord
from jsl_core.imaging.render import render, window_shows
from jsl_core.imaging.split import split_image

__all__ = [
    "check_film_start",
    "convert_scan",
    "read_film",
    "split_film",
    "split_scan",
    "turn_negative",
]

Knees = list[tuple[KneeRecord, bytes]]

_HIDDEN = 0.1  # of the grey scale: joints that a window leaves with less are hidden by it
_NEGATIVE = "bone would be dark by the header; turned"
_NEGATIVE_PICTURE = "bone was dark; turned"
_WINDOW = "its own window hides the joints; shown by percentiles"


def convert_scan(
    data: bytes, name: str, settings: ConvertSettings, look: Look | None = None
) -> tuple[ScanRecord, bytes]:
    """Convert a DICOM file's bytes to its record and a PNG of the whole film, as stored (not flipped).

    Args:
        data: The file's bytes.
        name: The file's name.
        settings: How it is shown.
        look: Looks at the picture, which is turned where bone is dark, and shown by percentiles where its own
            window hides the joints; None believes the header.

    Raises:
        BadScan: With a reason of the quality gate.
    """
    record, image = _render(data, name, settings, look)
    return record, encode_png(image, record.spacing_mm)


def split_film(png: bytes, scan: ScanRecord, settings: SplitSettings) -> Knees:
    """Split a film's PNG into its knees, right one first, each with a PNG seen as on a conventional film.

    Args:
        png: The film with bone bright.
        scan: Its record, with what was seen on it.
        settings: How films are split.

    Raises:
        BadScan: As `find_knees`.
    """
    return _split(decode_png(png), scan, settings)


def split_scan(
    data: bytes,
    name: str,
    facts: Mapping[str, str],
    convert: ConvertSettings,
    split: SplitSettings,
    look: Look | None,
) -> tuple[ScanRecord, Knees]:
    """Split a DICOM, PNG or JPEG film into its knees.

    Args:
        data: The file's bytes.
        name: The file's name.
        facts: What `scans.csv` says of a PNG or JPEG, empty where there is none.
        convert: How DICOM is shown, and limits of size.
        split: How films are split.
        look: As for `convert_scan`; without it films can only be halved.

    Returns:
        The film's record, and its knees as `split_film` makes them.

    Raises:
        BadScan: With a reason of the quality gate or of the split.
    """
    record, image = read_film(data, name, facts, convert, look)
    return record, _split(image, record, split)


def check_film_start(data: bytes) -> None:
    """Check that a file whose first 132 bytes or more these are may be one that `read_film` reads.

    Raises:
        BadScan: If it is none.
    """
    if not is_picture_file(data):
        check_start(data)


def read_film(
    data: bytes, name: str, facts: Mapping[str, str], settings: ConvertSettings, look: Look | None
) -> tuple[ScanRecord, npt.NDArray]:
    """Read a film from a DICOM, PNG or JPEG file; arguments as of `split_scan`.

    Returns:
        Its record with what was seen on it, and its picture, HxW uint8 or uint16 as stored, bone bright.

    Raises:
        BadScan: With a reason of the quality gate.
    """
    if not is_picture_file(data):
        return _render(data, name, settings, look)
    record, image = read_picture_file(data, name, facts, settings)
    if look is None:
        return record, image
    return turn_negative(record, image, look(image))


def _render(
    data: bytes, name: str, settings: ConvertSettings, look: Look | None
) -> tuple[ScanRecord, npt.NDArray]:
    try:
        record, radiograph = read_radiograph(data, name, settings)
        image = render(radiograph, settings.window, settings.bits)
        hidden = settings.window == "dicom" and radiograph.voi is not None and not window_shows(radiograph)
        if settings.window == "dicom" and not hidden and is_clipped(image):  # by a window of another film
            image, hidden = render(radiograph, "percentile", settings.bits), radiograph.voi is not None
        if hidden:
            record = record.model_copy(update={"note": _WINDOW})
        if look is not None:
            record, image = _show_joints(record, radiograph, image, settings, look)
        check_picture(radiograph, image)
    except (BadScan, MemoryError):
        raise
    except Exception as error:  # a damaged header can hold anything, anywhere
        raise BadScan("undecodable", f"the header is damaged ({type(error).__name__})") from None
    return record, image


def _show_joints(
    record: ScanRecord, radiograph: Radiograph, image: npt.NDArray, settings: ConvertSettings, look: Look
) -> tuple[ScanRecord, npt.NDArray]:
    """The film so that its joints can be seen, bone bright, and its record with what was seen."""
    film_look = look(image)
    contrast = joint_contrast(image, film_look.joints)  # 0 where no joint is seen
    own = settings.window == "dicom" and radiograph.voi is not None and not record.note
    if own and contrast < _HIDDEN:
        robust = render(radiograph, "percentile", settings.bits)
        robust_look = look(robust)
        if joint_contrast(robust, robust_look.joints) > contrast:
            image, film_look = robust, robust_look
            record = record.model_copy(update={"note": _WINDOW})
    return turn_negative(record, image, film_look, _NEGATIVE)


def turn_negative(
    record: ScanRecord, image: npt.NDArray, film_look: FilmLook, note: str = _NEGATIVE_PICTURE
) -> tuple[ScanRecord, npt.NDArray]:
    """Show a film with bone bright.

    Args:
        record: What is known of it.
        image: Its picture, HxW uint8 or uint16.
        film_look: What the picture shows.
        note: What to note of a film that was turned.

    Returns:
        The record with what was seen and whose word the polarity is, and the picture.
    """
    facts: dict[str, object] = {"look": film_look}
    if film_look.bone == "dark":
        image = negative_of(image)
        facts |= {"polarity_from": "picture", "note": "; ".join(filter(None, (record.note, note)))}
    elif film_look.bone == "bright" and not record.polarity_from:
        facts["polarity_from"] = "picture"
    return record.model_copy(update=facts), image


def _split(image: npt.NDArray, scan: ScanRecord, settings: SplitSettings) -> Knees:
    return [
        (knee, encode_png(pixels, scan.spacing_mm)) for knee, pixels in split_image(image, scan, settings)
    ]
