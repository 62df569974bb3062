"""What the header says of a film: who, which knees, which way up, how many millimetres.

Header text is untrusted and may name the patient: only facts from closed lists leave this module.
"""

import math
import re
from collections.abc import Iterable

from pydicom import Dataset

from jsl_core.errors import BadScan
from jsl_core.imaging.names import is_safe, stem
from jsl_core.imaging.records import Laterality

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

_OAI_PATH = re.compile(r"(?:^|/)(\d{7})/\d{8}/\d{8}/\d{3}$")  # <ID>/<date>/<barcode>/001
_COUNTER = re.compile(r"[A-Za-z]{0,5}[-_]?\d{1,4}")  # 001, IM0007: names that say nothing
_PHOTOMETRIC = {
    *("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"),
    *("YBR_PARTIAL_420", "YBR_PARTIAL_422"),
}
_MM = (0.01, 2.0)  # between a detector's finest pixel and a thumbnail's

_SIDES: tuple[Laterality, ...] = ("R", "L", "B")
_BOTH = re.compile(r"\b(bilat\w*|both|bil|knees|beid\w*|bds|genoux|rodillas)\b")
_RIGHT = re.compile(r"\b(right|rt|r|rechts?|rechtes|droite?|derech[ao]|destr[ao])\b")
_LEFT = re.compile(r"\b(left|lt|l|links?|linkes|gauche|izquierd[ao]|sinistr[ao])\b")


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
    """The participant: PatientID, or without one the OAI folder's ID, or the stem of the file `name`.

    Raises:
        BadScan: `unsafe_name` for an ID that could not be part of a file's name, and where nothing tells.
    """
    patient = text(ds, "PatientID").strip("\0 ")
    if patient:
        if not is_safe(patient):
            raise BadScan("unsafe_name", "PatientID has characters other than A-Z a-z 0-9 . _ -; rename it")
        return patient
    path = name.replace("!/", "/")
    if oai := _OAI_PATH.search(path):
        return oai.group(1)
    fallback = stem(path)
    if not is_safe(fallback) or _COUNTER.fullmatch(fallback):
        raise BadScan("unsafe_name", "no PatientID, and the file's name does not tell the participant either")
    return fallback


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

    Raises:
        BadScan: `unknown_side` if they name the right knee in one place and the left in another.
    """
    tagged: set[Laterality] = set()
    for keyword in ("ImageLaterality", "Laterality", "FrameLaterality"):
        value = text(ds, keyword).upper()[:1]
        tagged |= {letter for letter in _SIDES if letter == value}
    described = _laterality_in_words(ds)
    if {"R", "L"} <= tagged | {described}:
        raise BadScan("unknown_side", "the header names the right knee in one place and the left in another")
    return next(iter(sorted(tagged)), described)


def _laterality_in_words(ds: Dataset) -> Laterality:
    words = " ".join(text(ds, keyword) for keyword in ("SeriesDescription", "ProtocolName"))
    words = re.sub(r"[^a-z]+", " ", words.lower())
    right, left = bool(_RIGHT.search(words)), bool(_LEFT.search(words))
    if _BOTH.search(words) or (right and left):
        return "B"
    return "R" if right else "L" if left else ""


def photometric_of(ds: Dataset) -> str:
    """PhotometricInterpretation if it is one of the standard's (PS3.3 C.7.6.3.1.2), else blank."""
    value = text(ds, "PhotometricInterpretation").upper()
    return value if value in _PHOTOMETRIC else ""


def is_grey(ds: Dataset) -> bool:
    """Whether the pixels are grey by PhotometricInterpretation."""
    return photometric_of(ds).startswith("MONOCHROME")


def orientation_of(ds: Dataset) -> str:
    """Where rows and columns lead by PatientOrientation (PS3.3 C.7.6.1.1.1), a letter each, or blank.

    LF is a conventional PA or AP film. On RF the patient's right is on the right, on LH the feet are up.
    """
    letters = "".join(word[:1].upper() for word in texts(ds, "PatientOrientation"))
    return letters if len(letters) == 2 and set(letters) <= set("LRAPHF") else ""
