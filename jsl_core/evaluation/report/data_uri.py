"""Files and pictures that lie inside a page, as `data:` addresses."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["data_uri", "jpeg_uri"]


def data_uri(data: bytes, kind: str) -> str:
    """Bytes of a MIME type as a `data:` address."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def jpeg_uri(image: NDArray[np.uint8], longest: int) -> str:
    """An image as JPEG in a `data:` address, the `src` of an `img`.

    Args:
        image: uint8 H×W or H×W×3.
        longest: Pixels of the longer side, to which a larger image is reduced.
    """
    picture = Image.fromarray(image)
    picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=86, optimize=True)
    return data_uri(data.getvalue(), "image/jpeg")
