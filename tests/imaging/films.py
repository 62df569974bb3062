"""Small films drawn by a formula, and DICOM files made of them by pydicom."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

Pixels = npt.NDArray[Any]


def legs(
    height: int = 300, width: int = 400, *, seed: int = 0, centers: tuple[float, ...] = (0.27, 0.73)
) -> Pixels:
    """HxW floats 0…1, bone bright: soft tissue, a shaft and a joint line per leg, on dark air, with grain."""
    rng = np.random.default_rng(seed)
    x, y = np.linspace(0, 1, width)[None], np.linspace(-1, 1, height)[:, None]
    film = np.zeros((height, width))
    for center in centers:
        soft = np.clip(1 - ((x - center) / (0.18 + 0.02 * y)) ** 2, 0, None)
        bone = np.clip(1 - ((x - center) / (0.07 + 0.04 * np.exp(-((y / 0.25) ** 2)))) ** 2, 0, None)
        film += 0.45 * np.sqrt(soft) + 0.4 * np.sqrt(bone) * (1 - 0.5 * np.exp(-((y / 0.02) ** 2)))
    film = 0.05 + 0.9 * film / film.max() + rng.normal(0, 0.008, film.shape)
    return np.clip(film, 0, 1)


def stored(film: Pixels, bits: int = 12, *, signed: bool = False) -> Pixels:
    """A film as stored values of that many bits, in the smallest container."""
    values = np.rint(film * ((1 << bits) - 1)).astype(np.int64) - ((1 << (bits - 1)) if signed else 0)
    return values.astype(f"{'i' if signed else 'u'}{1 if bits <= 8 else 2}")


def dicom(
    pixels: Pixels, *, bits: int | None = None, syntax: str = ExplicitVRLittleEndian, **tags: Any
) -> Dataset:
    """A DX dataset of HxW or HxWx3 pixels; further tags by keyword, None to leave one out."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.3680043.8.498.1"
    ds.PatientID, ds.Modality, ds.BodyPartExamined, ds.ViewPosition = "1000001", "DX", "KNEE", "PA"
    ds.PixelSpacing = [0.2, 0.2]
    ds.Rows, ds.Columns = pixels.shape[:2]
    ds.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
    ds.PhotometricInterpretation = "RGB" if pixels.ndim == 3 else "MONOCHROME2"
    if pixels.ndim == 3:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated = 8 * pixels.dtype.itemsize
    ds.BitsStored = bits or ds.BitsAllocated
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(pixels.dtype.kind == "i")
    ds.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    ds["PixelData"].VR = "OW" if ds.BitsAllocated > 8 else "OB"
    for keyword, value in tags.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    if syntax != ExplicitVRLittleEndian:
        recode(ds, syntax)
    return ds


def recode(ds: Dataset, syntax: str) -> None:
    """Change a dataset's transfer syntax in place."""
    from pydicom.uid import UID

    if UID(syntax).is_encapsulated:
        ds.compress(syntax, generate_instance_uid=False)
    else:
        ds.file_meta.TransferSyntaxUID = UID(syntax)


def as_bytes(ds: Dataset) -> bytes:
    """The dataset as the bytes of a DICOM file."""
    import io

    file = io.BytesIO()
    ds.save_as(file, enforce_file_format=True)
    return file.getvalue()


def save(ds: Dataset, path: Path) -> Path:
    """Write a dataset as a DICOM file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(as_bytes(ds))
    return path
