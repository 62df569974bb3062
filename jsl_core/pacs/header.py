"""Who and which study a result is of: what of a film's header results keep, mended where it must be."""

from contextlib import suppress

from pydicom import Dataset
from pydicom.charset import python_encoding
from pydicom.uid import ComputedRadiographyImageStorage
from pydicom.valuerep import DA, TM

from jsl_core.imaging.tags import text
from jsl_core.pacs.uids import derive_uid, is_uid

__all__ = ["result_header"]

# Of the patient and of the study what the standard wants there even if empty (PS3.3 C.7.1.1, C.7.2.1).
_REQUIRED = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("StudyDate", "StudyTime", "AccessionNumber", "StudyID", "ReferringPhysicianName"),
)
_OPTIONAL = (
    *("IssuerOfPatientID", "IssuerOfPatientIDQualifiersSequence", "OtherPatientIDsSequence", "PatientAge"),
    *("IssuerOfAccessionNumberSequence", "StudyDescription", "TimezoneOffsetFromUTC"),
    *("PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence"),
    "LongitudinalTemporalInformationModified",
)
_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
_DATES = {"PatientBirthDate": DA, "StudyDate": DA, "StudyTime": TM}
_UNICODE = "ISO_IR 192"


def result_header(ds: Dataset, pixels: str) -> Dataset:
    """What results keep of a film's header, fit to be written: same patient, study and accession.

    Args:
        ds: The film's data set; anything in it may be missing or damaged.
        pixels: The digest of the film's pixels, from which UIDs that it lacks are derived.
    """
    header = Dataset()
    for keyword in (*_REQUIRED, *_OPTIONAL):
        with suppress(Exception):  # pydicom raises anything at all on a damaged element
            element = ds[keyword]
            _check(keyword, element.value)
            header.add(element)
    for keyword in _REQUIRED:
        if keyword not in header:
            setattr(header, keyword, "")
    if header.PatientSex not in ("M", "F", "O", ""):
        header.PatientSex = ""
    for keyword in _UIDS:
        uid = text(ds, keyword)
        setattr(header, keyword, uid if is_uid(uid) else derive_uid(keyword, pixels))
    header.SOPClassUID = _film_class(ds)
    if not str(header).isascii():
        header.SpecificCharacterSet = _character_set(ds)
    return header


def _check(keyword: str, value: object) -> None:
    """Raise ValueError for a date or time that is none."""
    if keyword in _DATES and value:
        _DATES[keyword](str(value))


def _film_class(ds: Dataset) -> str:
    """The film's SOP class; Computed Radiography where the header has none that the library knows."""
    from highdicom._standard_utils import get_sop_class_iod_map

    stated = text(ds, "SOPClassUID") or text(ds.file_meta, "MediaStorageSOPClassUID")
    return stated if stated in get_sop_class_iod_map() else str(ComputedRadiographyImageStorage)


def _character_set(ds: Dataset) -> str | list[str]:
    """The film's character sets, or Unicode where it names one that the standard does not have."""
    try:
        names = ds.get("SpecificCharacterSet") or _UNICODE
        names = [names] if isinstance(names, str) else [str(name) for name in names]
    except Exception:  # damaged
        return _UNICODE
    if not all(name in python_encoding for name in names):
        return _UNICODE
    return names if len(names) > 1 else names[0]
