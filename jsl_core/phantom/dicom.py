"""Encodes a film as a DICOM file: Computed Radiography image (PS3.3 A.2), in one of several syntaxes."""

import tempfile
from io import BytesIO
from pathlib import Path

import gdcm
import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread, dcmwrite, uid
from pydicom.dataset import Dataset, FileMetaDataset

from jsl_core.errors import JslError
from jsl_core.imaging.own_results import PHANTOM
from jsl_core.phantom.encoding import Encoding, window_tags

__all__ = ["encode_film", "make_film_dataset", "to_bytes"]

_GDCM_NAMES = {
    "RLELossless": "RLELossless",
    "JPEGLosslessSV1": "JPEGLosslessProcess14_1",
    "JPEGLSLossless": "JPEGLSLossless",
    "JPEG2000Lossless": "JPEG2000Lossless",
}


def encode_film(
    values: NDArray[np.uint16], participant: str, spacing: float, encoding: Encoding, month: int = 0
) -> bytes:
    """Encode a film as a DICOM file.

    Args:
        values: Stored values, uint16 H×W.
        participant: PatientID; all identifiers follow from it.
        spacing: Mm per pixel.
        encoding: How it is stored.
        month: Of the visit.
    """
    return to_bytes(make_film_dataset(values, participant, spacing, encoding, month), encoding.syntax)


def make_film_dataset(
    values: NDArray[np.uint16], participant: str, spacing: float, encoding: Encoding, month: int = 0
) -> Dataset:
    """Make the uncompressed data set of a film; arguments as for `encode_film`."""
    visit = [f"month {month}"] if month else []
    ds = Dataset()
    ds.SOPClassUID = uid.ComputedRadiographyImageStorage
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        setattr(ds, keyword, uid.generate_uid(entropy_srcs=["jsl phantom", participant, keyword, *visit]))
    ds.PatientID, ds.PatientName = participant, f"Phantom^{participant}"
    ds.PatientBirthDate, ds.PatientSex, ds.StudyDate, ds.StudyTime = (
        "",
        "O",
        f"{2005 + month // 12}{1 + month % 12:02d}01",
        "120000",
    )
    ds.StudyID, ds.SeriesNumber, ds.InstanceNumber, ds.AccessionNumber = "1", 1, 1, ""
    ds.ReferringPhysicianName, ds.Manufacturer, ds.Modality = "", PHANTOM, "CR"
    ds.BodyPartExamined, ds.ViewPosition = "KNEE", "PA"
    ds.SeriesDescription = "Bilateral PA Fixed Flexion Knee"
    ds.Laterality = ""
    if encoding.sided:
        ds.ImageLaterality = "B"
    ds.PatientOrientation = (["R", "F"] if encoding.flipped else ["L", "F"]) if encoding.oriented else ""
    if encoding.spacing != "missing":
        millimetres = 0.0 if encoding.spacing == "zero" else round(spacing, 6)
        keyword = "ImagerPixelSpacing" if encoding.spacing == "ImagerPixelSpacing" else "PixelSpacing"
        setattr(ds, keyword, [millimetres, millimetres])
    if window := window_tags(encoding):
        ds.WindowCenter, ds.WindowWidth = window
    ds.SamplesPerPixel, ds.PixelRepresentation = 1, 0
    ds.PhotometricInterpretation = "MONOCHROME1" if encoding.monochrome1 else "MONOCHROME2"
    ds.Rows, ds.Columns = values.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, encoding.bits, encoding.bits - 1
    ds.PixelData = values.astype("<u2").tobytes()
    ds["PixelData"].VR = "OW"
    return ds


def to_bytes(ds: Dataset, syntax: str) -> bytes:
    """Encode a data set as a DICOM file in a transfer syntax, by its name in `pydicom.uid`.

    Raises:
        JslError: Where GDCM cannot write the syntax.
    """
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = getattr(
        uid, syntax if syntax not in _GDCM_NAMES else "ExplicitVRLittleEndian"
    )
    buffer = BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    return _compress(buffer.getvalue(), syntax) if syntax in _GDCM_NAMES else buffer.getvalue()


def _compress(plain: bytes, syntax: str) -> bytes:
    """Compress a DICOM file; through a temporary folder, since GDCM reads and writes files only."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "plain"), Path(folder, "packed")
        source.write_bytes(plain)
        reader = gdcm.ImageReader()
        reader.SetFileName(str(source))
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, _GDCM_NAMES[syntax])))
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(target))
        done = reader.Read()
        if done:
            change.SetInput(reader.GetImage())
            done = change.Change()
        if done:
            writer.SetFile(reader.GetFile())
            writer.SetImage(change.GetOutput())
            done = writer.Write()
        if not done:
            raise JslError(f"phantom film: GDCM cannot write {syntax}; reinstall python-gdcm")
        # GDCM marks the file with its own version; pydicom's keeps the bytes the same across its releases.
        ds = dcmread(target)
        buffer = BytesIO()
        dcmwrite(buffer, ds, enforce_file_format=True)
        return buffer.getvalue()
