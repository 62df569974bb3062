"""De-identification by PS3.15, Annex E: what is not on the list is removed, so nothing unknown is kept.

The list is that of what a film's reading needs; of it the Basic Application Level Confidentiality Profile
keeps the values but for UIDs, names and dates, which are replaced or emptied here as it asks. It is stricter
than the profile elsewhere: descriptions, sequences and private elements go. Pixels stay as they are.
"""

from contextlib import suppress

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset

from jsl_core.imaging import Pseudonyms
from jsl_core.imaging.tags import participant_of, text
from jsl_core.pacs.uids import derive_uid

__all__ = ["deidentify", "names_behind"]

_KEEP = frozenset(
    (
        *("SOPClassUID", "Modality", "Manufacturer", "ImageType", "SeriesNumber", "InstanceNumber"),
        *("BodyPartExamined", "ViewPosition", "ViewCodeSequence", "CodeValue", "CodingSchemeDesignator"),
        *("CodeMeaning", "Laterality", "ImageLaterality", "FrameLaterality", "PatientOrientation"),
        *("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "SpatialResolution"),
        *("EstimatedRadiographicMagnificationFactor", "PixelSpacingCalibrationType", "BurnedInAnnotation"),
        *("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod"),
        *("SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "Rows", "Columns"),
        *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelAspectRatio"),
        *("PixelPaddingValue", "PixelPaddingRangeLimit", "SmallestImagePixelValue", "LargestImagePixelValue"),
        *("PixelIntensityRelationship", "PixelIntensityRelationshipSign", "PresentationLUTShape"),
        *("PresentationLUTSequence", "RescaleIntercept", "RescaleSlope", "RescaleType"),
        *("ModalityLUTSequence", "ModalityLUTType", "LUTDescriptor", "LUTData", "VOILUTSequence"),
        *("VOILUTFunction", "WindowCenter", "WindowWidth", "RedPaletteColorLookupTableDescriptor"),
        *("GreenPaletteColorLookupTableDescriptor", "BluePaletteColorLookupTableDescriptor"),
        *("RedPaletteColorLookupTableData", "GreenPaletteColorLookupTableData"),
        *("BluePaletteColorLookupTableData", "PixelData"),
        *("ExtendedOffsetTable", "ExtendedOffsetTableLengths"),
    )
)  # fmt: skip
_EMPTY = (  # Z in PS3.15 table E.1-1
    *("PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "AccessionNumber", "StudyID"),
    "ReferringPhysicianName",
)
_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
_METHOD = "JSL: only what reading needs"
_PROFILE = ("113100", "DCM", "Basic Application Confidentiality Profile")  # PS3.16 CID 7050


def deidentify(ds: Dataset, pseudonyms: Pseudonyms) -> Dataset:
    """Make a film's data set that names nobody; one that this has made stays as it is.

    Args:
        ds: The film's data set, with or without pixels.
        pseudonyms: What participants and objects are called.
    """
    if text(ds, "DeidentificationMethod") == _METHOD and text(ds, "PatientIdentityRemoved") == "YES":
        return ds
    result = Dataset()
    result.update(_select(ds))
    result.PatientID = result.PatientName = pseudonyms(_participant(ds))
    for keyword in _EMPTY:
        setattr(result, keyword, "")
    for keyword in _UIDS:
        setattr(result, keyword, _alias_uid(text(ds, keyword), pseudonyms))
    result.PatientIdentityRemoved = "YES"
    result.DeidentificationMethod = _METHOD
    profile = Dataset()
    profile.CodeValue, profile.CodingSchemeDesignator, profile.CodeMeaning = _PROFILE
    result.DeidentificationMethodCodeSequence = [profile]
    result.LongitudinalTemporalInformationModified = "REMOVED"
    result.file_meta = FileMetaDataset()
    result.file_meta.TransferSyntaxUID = ds.file_meta.TransferSyntaxUID
    result.set_original_encoding(*ds.original_encoding)
    return result


def names_behind(ds: Dataset, pseudonyms: Pseudonyms) -> dict[str, str]:
    """By pseudonym whom and which study `deidentify` hides, for a mapping that lies apart."""
    study = text(ds, "StudyInstanceUID")
    participant = _participant(ds)
    return {pseudonyms(participant): participant, _alias_uid(study, pseudonyms): study}


def _participant(ds: Dataset) -> str:
    """The participant as `jsl convert` names it; of a film that names none, one of its study's own."""
    return participant_of(ds, text(ds, "StudyInstanceUID") or text(ds, "SOPInstanceUID"))


def _alias_uid(uid: str, pseudonyms: Pseudonyms) -> str:
    return derive_uid("pseudonym", pseudonyms(uid))


def _select(ds: Dataset) -> Dataset:
    """What is on the list, in sequences, too."""
    result = Dataset()
    for tag in list(ds.keys()):
        with suppress(Exception):  # pydicom raises anything at all on a damaged element, which is dropped
            element = ds[tag]
            if element.keyword in _KEEP and element.VR == "SQ":
                setattr(result, element.keyword, [_select(item) for item in element.value])
            elif element.keyword in _KEEP:
                result.add(element)
    return result
