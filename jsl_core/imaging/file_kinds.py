"""DICOM files that are no films, named for what they are: indexes, reports, ways to show another film."""

from pydicom import Dataset

from jsl_core.errors import BadScan
from jsl_core.imaging.tags import text

__all__ = ["check_kind"]

_DIRECTORY = "1.2.840.10008.1.3.10"
# By the first part of the SOP class (PS3.4 B.5): reason and sentence.
_KINDS = {
    f"{_DIRECTORY}": ("directory", "a DICOMDIR, the index of a disk and no scan"),
    "1.2.840.10008.5.1.4.1.1.11.": (
        "presentation_state",
        "a presentation state, which says how another film is shown",
    ),
    "1.2.840.10008.5.1.4.1.1.88.": ("report", "a structured report or a key object note, and no film"),
    "1.2.840.10008.5.1.4.1.1.104.": ("document", "a PDF or another document in a DICOM file, and no film"),
}


def check_kind(ds: Dataset) -> None:
    """Reject what is no film by its SOP class; the icons that such files hold are none either.

    Raises:
        BadScan: `directory`, `presentation_state`, `report` or `document`.
    """
    stated = [text(ds.file_meta, "MediaStorageSOPClassUID"), text(ds, "SOPClassUID")]
    if "DirectoryRecordSequence" in ds:
        stated = [_DIRECTORY]
    elif "PixelData" in ds:  # whatever its class says
        return
    for start, (code, sentence) in _KINDS.items():
        if any(f"{uid}.".startswith(start.rstrip(".") + ".") for uid in stated):
            raise BadScan(code, sentence)
