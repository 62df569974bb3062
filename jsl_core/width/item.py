"""What the stage measure does to one joint: a row of the crop stage in, one of widths out.

Apart from the task that maps it over a bucket, so that a worker process need not load Prefect.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from jsl_core.detection.crop import crop_origin
from jsl_core.detection.resize import to_eight_bits
from jsl_core.imaging import decode_png
from jsl_core.scans.rows import Row
from jsl_core.storage import Artifact, open_store
from jsl_core.width.drawn import margins_as_drawn
from jsl_core.width.joints import FIELD
from jsl_core.width.measurement import measure_joint
from jsl_core.width.reader import MarginReader

__all__ = ["cut_middle", "measure_item"]

_FROM_JOINT = ("file", "ID", "participant", "side", "side_from")


def measure_item(joint: Row, store: str) -> list[Row]:
    """Measure the joint space of one joint.

    Args:
        joint: A row of the crop stage.
        store: The store's URL.

    Returns:
        The knee's row: whose it is, and `Measurement.row`.

    Raises:
        BadScan: As `measure_joint`.
    """
    pixels = to_eight_bits(decode_png(open_store(store).get(Artifact.model_validate(joint["png"]))))
    middle, corner = cut_middle(pixels, FIELD * joint["length"])
    drawing = joint.get("margins")  # a reviewer's, in pixels of the knee
    margins = None
    if drawing:
        box = (joint["x1"], joint["y1"], joint["x2"], joint["y2"])
        x, y = crop_origin(box, pixels.shape, padded=joint["padded"])
        origin = (x + corner[0], y + corner[1])
        margins = margins_as_drawn(_reader(), middle, joint["side"], drawing, origin)
    found = measure_joint(
        _reader(), middle, joint["side"], joint["spacing_mm"], joint["spacing_from"], margins=margins
    )
    return [{name: joint[name] for name in _FROM_JOINT} | found.row]


def cut_middle(pixels: NDArray[np.uint8], length: float) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Cut the middle of a crop, `length` pixels wide and high, or as much of it as there is.

    Returns:
        It, and its left upper corner (x, y) in the crop.
    """
    height, width = pixels.shape
    top, left = (max(round((whole - length) / 2), 0) for whole in (height, width))
    return np.ascontiguousarray(pixels[top : height - top, left : width - left]), (left, top)


@cache
def _reader() -> MarginReader:
    return MarginReader.load()
