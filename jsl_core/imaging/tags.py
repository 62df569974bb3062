"""What the header says of a film: who, which knees, which way up, how many millimetres.

Header text is untrusted and may name the patient: only facts from closed lists leave this module.
"""

import math
import re
from collections.abc import Iterable
from contextlib import suppress

from pydicom import Dataset

from jsl_core.errors import BadScan
from jsl_core.imaging.names import participant_in_name
from jsl_core.imaging.records import Laterality
from jsl_core.imaging.side_words import sides_in_words
from jsl_core.system.archives import printable

__all__ = [
    "is_grey",
    "is_pixel_spacing",
    "laterality_of",
    "number",
    "orientation_of",
    "participant_of",
    "photometric_of",
    "spacing_of",
    "text",
    "texts",
]

_PHOTOMETRIC = {
    re.sub(r"[ _]", "", name): name
    for name in (
        *("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422"),
        *("YBR_ICT", "YBR_RCT", "YBR_PARTIAL_420", "YBR_PARTIAL_422"),
    )
}
_MM = (0.01, 2.0)  # between a detector's finest pixel and a thumbnail's

# Where sides are named, the closest to the film first: what is said of it, of its series, of its study.
_SIDE_LEVELS = (
    ("ImageLaterality", "FrameLaterality", "ViewPosition"),
    ("Laterality", "SeriesDescription", "ProtocolName", "BodyPartExamined"),
    ("StudyDescription", "RequestedProcedureDescription", "PerformedProcedureStepDescription"),
)


def text(ds: Dataset, keyword: str) -> str:
    """An element as text, blank if it is missing or damaged."""
    return " ".join(texts(ds, keyword))


def texts(ds: Dataset, keyword: str) -> list[str]:
    """An element's values as text."""
    try:
        value = ds.get(keyword)
        values = value if isinstance(value, Iterable) and not isinstance(value, (str, bytes)) else [value]
        return [str(item).strip() for item in values if item is not None]
    except Exception:  # pydicom raises anything at all on a damaged element
        return []


def number(ds: Dataset, keyword: str, default: float = math.nan) -> float:
    """An element's first value as a finite number."""
    try:
        value = float(texts(ds, keyword)[0])
    except (IndexError, ValueError):
        return default
    return value if math.isfinite(value) else default


def participant_of(ds: Dataset, name: str) -> str:
    """The participant: PatientID whatever it holds, or without one what the file's name tells."""
    with suppress(Exception):  # pydicom raises anything at all on a damaged element
        raw = ds.get_item("PatientID").value
        patient = "\\".join(texts(ds, "PatientID")).strip("\0 ")
        if isinstance(raw, bytes) and "\ufffd" in patient:  # not of the character set that the header names
            patient = raw.decode("latin-1").strip("\0 ")
        if patient:
            return printable(patient)
    return participant_in_name(name)


def spacing_of(ds: Dataset) -> tuple[tuple[float, float] | None, str]:
    """Millimetres (between rows, between columns), and the tag that says so.

    ImagerPixelSpacing is measured at the detector: it is divided by the magnification where that is known
    (PS3.3 C.8.11.4). PixelSpacing comes first unless it is the same, which says that it was not calibrated
    (PS3.3 10.7.1.3).
    """
    magnification = number(ds, "EstimatedRadiographicMagnificationFactor", 1.0)
    magnified = 1.0 < magnification < 3.0
    for keyword, divisor, source in (
        ("PixelSpacing", 1.0, "PixelSpacing"),
        ("ImagerPixelSpacing", magnification if magnified else 1.0,
         "ImagerPixelSpacing/magnification" if magnified else "ImagerPixelSpacing"),
        ("NominalScannedPixelSpacing", 1.0, "NominalScannedPixelSpacing"),
    ):  # fmt: skip
        if keyword == "PixelSpacing" and magnified and texts(ds, keyword) == texts(ds, "ImagerPixelSpacing"):
            continue
        try:
            row, column = (float(value) / divisor for value in texts(ds, keyword)[:2])
        except ValueError:
            continue
        if is_pixel_spacing(row) and is_pixel_spacing(column):
            return (round(row, 6), round(column, 6)), source
    return None, "none"


def is_pixel_spacing(mm: float) -> bool:
    """Whether so many mm can lie between a film's pixels."""
    return _MM[0] <= mm <= _MM[1]


def laterality_of(ds: Dataset) -> Laterality:
    """Which knees the film shows by its tags: R, L, B for both, blank if they are silent.

    What is said of the film goes before what is said of its series, and that before what was ordered. Blank
    too where one level names both knees and one of them: the picture has to tell.

    Raises:
        BadScan: `unknown_side` if they name the right knee in one place and the left in another.
    """
    context = " ".join(text(ds, keyword) for level in _SIDE_LEVELS for keyword in level)
    levels = [
        set[Laterality]().union(*(_sides(text(ds, keyword), context) for keyword in level))
        for level in _SIDE_LEVELS
    ]
    if {"R", "L"} <= set[Laterality]().union(*levels):
        raise BadScan("unknown_side", "the header names the right knee in one place and the left in another")
    named = next((sides for sides in levels if sides), set())
    return named.pop() if len(named) == 1 else ""


def _sides(value: str, context: str) -> set[Laterality]:
    """The knees that a tag names: as the standard's letter (PS3.3 C.7.6.16.2.8), or in words."""
    return {"B"} if value.strip().upper() == "B" else sides_in_words(value, context)


def photometric_of(ds: Dataset) -> str:
    """PhotometricInterpretation if it is the standard's (PS3.3 C.7.6.3.1.2), in any case, else blank."""
    return _PHOTOMETRIC.get(_letters(text(ds, "PhotometricInterpretation")), "")


def _letters(value: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", value.upper())


def is_grey(ds: Dataset) -> bool:
    """Whether the pixels are grey by PhotometricInterpretation."""
    return photometric_of(ds).startswith("MONOCHROME")


def orientation_of(ds: Dataset) -> str:
    """Where rows and columns lead by PatientOrientation (PS3.3 C.7.6.1.1.1), a letter each, or blank.

    LF is a conventional PA or AP film. On RF the patient's right is on the right, on LH the feet are up.
    """
    letters = "".join(word[:1].upper() for word in texts(ds, "PatientOrientation"))
    return letters if len(letters) == 2 and set(letters) <= set("LRAPHF") else ""
