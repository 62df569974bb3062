"""Headers of careless writers, completed: what is left out, misspelt, or kept where no film keeps it."""

from itertools import chain

from pydicom import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from jsl_core.imaging.tags import is_grey, number, photometric_of, text

__all__ = ["repair_header", "repair_transfer_syntax"]

_OF_GROUPS = {
    *("PixelSpacing", "ImagerPixelSpacing", "RescaleSlope", "RescaleIntercept", "FrameLaterality"),
    *("WindowCenter", "WindowWidth", "VOILUTFunction"),
}


def repair_transfer_syntax(ds: Dataset) -> None:
    """State the transfer syntax that a file was read in, if it names none."""
    if not text(ds.file_meta, "TransferSyntaxUID"):
        implicit, little = ds.original_encoding
        explicit = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit


def repair_header(ds: Dataset) -> None:
    """Give elements that are missing or make no sense (PS3.3 C.7.6.3) their usual meaning."""
    _flatten_groups(ds)
    if not number(ds, "SamplesPerPixel", 0):
        ds.SamplesPerPixel = 1
    if number(ds, "PixelRepresentation") not in (0, 1):
        ds.PixelRepresentation = 0
    if not 1 <= number(ds, "BitsStored", 0) <= number(ds, "BitsAllocated", 0):
        ds.BitsStored = ds.BitsAllocated
    colour = ds.SamplesPerPixel == 3
    if colour and number(ds, "PlanarConfiguration") not in (0, 1):
        ds.PlanarConfiguration = 0
    if not photometric_of(ds) or (colour and is_grey(ds)):
        ds.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    ds.PhotometricInterpretation = photometric_of(ds)  # as the standard writes it


def _flatten_groups(ds: Dataset) -> None:
    """Copy to the top what an enhanced file of one picture says in functional groups (PS3.3 C.7.6.16)."""
    for groups in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for group in chain.from_iterable(ds.get(groups) or ()):
            for element in chain.from_iterable(group.value[:1] if group.VR == "SQ" else ()):
                if element.keyword in _OF_GROUPS:
                    ds[element.tag] = element
