"""Pixel data of any transfer syntax to one grey plane, exactly as stored."""

import cv2
import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.pixels import get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import UID, JPEGExtended12Bit

from jsl_core.errors import BadScan
from jsl_core.imaging.codestream import stated_size

__all__ = ["decode_pixels"]

Codes = npt.NDArray[np.unsignedinteger]


def decode_pixels(ds: Dataset) -> Codes:
    """HxW uint8 or uint16: the bits of each stored value; colour becomes grey (ITU-R BT.601 luma).

    Raises BadScan `truncated` or `undecodable`.
    """
    syntax = UID(ds.file_meta.TransferSyntaxUID)
    shape = (int(ds.Rows), int(ds.Columns))
    if syntax.is_encapsulated:
        _check_codestream(ds, shape)
    try:
        decoder = get_decoder(syntax)
        pixels, facts = decoder.as_array(ds, index=0, view_only=True, correct_unused_bits=False)
    except NotImplementedError:
        raise BadScan(
            "undecodable", f"no decoder for {syntax.name}; decompress it first, e.g. by dcmdjpeg"
        ) from None
    except Exception as error:  # the decoders raise anything at all on damaged data
        raise _reason(syntax, error) from None
    if pixels.ndim == 3:
        return _grey(pixels)
    if facts["photometric_interpretation"] == "PALETTE COLOR":
        return _grey(apply_color_lut(pixels, ds))
    if pixels.dtype.itemsize > 2:
        raise BadScan("undecodable", "stored values of more than 16 bits are no radiograph's")
    native = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))
    return native.view(np.uint8 if native.dtype.itemsize == 1 else np.uint16)


def _check_codestream(ds: Dataset, shape: tuple[int, int]) -> None:
    """A small header over a huge picture would fill the memory: compare before decoding."""
    stated = stated_size(bytes(ds.PixelData[: 1 << 16]))
    if stated is not None and stated != shape:
        raise BadScan(
            "undecodable", f"the header says {shape[1]}x{shape[0]} px, the picture {stated[1]}x{stated[0]}"
        )


def _reason(syntax: UID, error: Exception) -> BadScan:
    if "less than" in str(error) or "insufficient" in str(error) or isinstance(error, EOFError):
        return BadScan("truncated", "the file ends before its pixels do; copy it again")
    if syntax == JPEGExtended12Bit:
        return BadScan("undecodable", "12-bit JPEG needs an extra decoder: pip install 'jsl[codecs]'")
    return BadScan("undecodable", f"the pixels cannot be decoded from {syntax.name}")


def _grey(colour: npt.NDArray) -> Codes:
    if colour.dtype.itemsize > 2 or colour.shape[-1] != 3:
        raise BadScan("undecodable", "colour pixels of an unknown kind")
    return cv2.cvtColor(np.ascontiguousarray(colour), cv2.COLOR_RGB2GRAY)
