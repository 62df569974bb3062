"""PNG in and out: grey, 8 or 16 bits, with the spacing and no other metadata."""

import struct
import zlib

import cv2
import numpy as np
import numpy.typing as npt

from jsl_core.errors import BadScan

__all__ = ["Image", "decode_png", "encode_png"]

Image = npt.NDArray[np.uint8]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_AFTER_HEADER = 33  # signature and IHDR
_FAST = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]


def encode_png(image: npt.NDArray, spacing_mm: tuple[float, float] | None = None) -> bytes:
    """HxW uint8 or uint16 to a grey PNG; spacing (between rows, between columns) in its pHYs chunk."""
    ok, data = cv2.imencode(".png", np.ascontiguousarray(image), _FAST)
    if not ok:
        raise ValueError(f"no PNG of shape {image.shape} and type {image.dtype}")
    png = data.tobytes()
    if spacing_mm is None:
        return png
    return png[:_AFTER_HEADER] + _physical(spacing_mm) + png[_AFTER_HEADER:]


def _physical(spacing_mm: tuple[float, float]) -> bytes:
    """The pHYs chunk: pixels per metre along x and y (PNG specification, 11.3.5.3)."""
    row, column = spacing_mm
    body = b"pHYs" + struct.pack(">IIB", round(1000 / column), round(1000 / row), 1)
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


def decode_png(data: bytes) -> Image:
    """A PNG or JPEG to HxW uint8, or uint16 of a 16-bit PNG; colour becomes grey.

    Raises BadScan if it cannot be read.
    """
    image = (
        cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH)
        if data
        else None
    )
    if image is None:
        raise BadScan("undecodable", "the picture cannot be decoded")
    return np.asarray(image, image.dtype)
