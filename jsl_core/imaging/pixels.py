"""Pixel data of any transfer syntax to one grey plane, exactly as stored."""

import cv2
import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import UID

from jsl_core.errors import BadScan
from jsl_core.imaging.rare_jpeg import decode_rare_jpeg, is_rare_jpeg
from jsl_core.imaging.repair_encapsulation import repair_encapsulation

__all__ = ["decode_pixels"]

Codes = npt.NDArray[np.unsignedinteger]


def decode_pixels(ds: Dataset) -> Codes:
    """Decode pixel data to HxW uint8 or uint16, the bits of each stored value.

    Colour becomes grey (ITU-R BT.601 luma).

    Raises:
        BadScan: `truncated` or `undecodable`.
    """
    try:
        repair_encapsulation(ds)
        syntax = UID(ds.file_meta.TransferSyntaxUID)
        if is_rare_jpeg(ds, syntax):
            return decode_rare_jpeg(ds, syntax)
        decoder = get_decoder(syntax)
        # Bits outside BitsStored are dealt with by value, once each, not by pixel.
        pixels, facts = decoder.as_array(ds, index=0, view_only=True, correct_unused_bits=False)  # type: ignore[arg-type]
    except (BadScan, MemoryError):
        raise
    except Exception as error:  # the decoders raise anything at all on damaged data
        raise _decoding_error(UID(ds.file_meta.TransferSyntaxUID), error) from None
    if pixels.ndim == 3:
        return _to_grey(pixels)
    if facts["photometric_interpretation"] == "PALETTE COLOR":
        return _to_grey(apply_color_lut(pixels, ds))
    native = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))
    return native.view(np.uint8 if native.dtype.itemsize == 1 else np.uint16)


def _decoding_error(syntax: UID, error: Exception) -> BadScan:
    if "plugin" in str(error) and "depend" in str(error):
        return BadScan("undecodable", f"{syntax.name} needs extra decoders: pip install 'jsl-knee[codecs]'")
    if isinstance(error, NotImplementedError) or not syntax.is_transfer_syntax:
        return BadScan("undecodable", "nothing here reads its transfer syntax; decompress it first")
    if "less than" in str(error) or "insufficient" in str(error) or isinstance(error, EOFError):
        return BadScan("truncated", "the file ends before its pixels do; copy it again")
    return BadScan("undecodable", f"the pixels cannot be decoded from {syntax.name}")


def _to_grey(colour: npt.NDArray) -> Codes:
    return cv2.cvtColor(np.ascontiguousarray(colour), cv2.COLOR_RGB2GRAY)
