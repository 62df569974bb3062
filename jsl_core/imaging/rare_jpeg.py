"""JPEG processes that GDCM reads and pydicom does not let it: extended of 12 bits, and the progressive ones.

What GDCM makes of grey pictures of them is what DCMTK does, value by value (tests/imaging/test_codecs.py).
"""

import gdcm
import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.encaps import get_frame
from pydicom.uid import UID, JPEGExtended12Bit

from jsl_core.imaging.codestream import PROGRESSIVE

__all__ = ["decode_rare_jpeg", "is_rare_jpeg"]


def is_rare_jpeg(ds: Dataset, syntax: UID) -> bool:
    """Whether a dataset's pixels are a grey picture of one of these processes."""
    deep = syntax == JPEGExtended12Bit and ds.BitsStored > 8
    return (deep or syntax in PROGRESSIVE) and ds.SamplesPerPixel == 1


def decode_rare_jpeg(ds: Dataset, syntax: UID) -> npt.NDArray[np.unsignedinteger]:
    """Decode the pixels to HxW uint8 or uint16, as stored.

    Raises:
        ValueError: If GDCM cannot.
    """
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(get_frame(ds.PixelData, 0, number_of_frames=1))
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((ds.Columns, ds.Rows, 1))
    image.SetDataElement(element)
    grey = gdcm.PhotometricInterpretation.GetPIType("MONOCHROME2")
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(grey))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(str.__str__(syntax))))
    bits = 8 if ds.BitsStored <= 8 else 12  # all that these processes have (ISO 10918-1, table B.2)
    image.SetPixelFormat(gdcm.PixelFormat(1, ds.BitsAllocated, bits, bits - 1, ds.PixelRepresentation))
    buffer = image.GetBuffer()
    if buffer is None:
        raise ValueError("GDCM cannot decode the picture")
    # GDCM hands out a char* as text.
    plane = np.frombuffer(buffer.encode("utf-8", "surrogateescape"), f"u{ds.BitsAllocated // 8}")
    return plane.reshape(ds.Rows, ds.Columns)
