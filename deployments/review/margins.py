"""The margins of one knee on the page, measured when somebody looks."""

from functools import cache
from typing import Any

import numpy as np

from deployments.review.entry import Entry
from jsl_core.detection.resize import to_eight_bits
from jsl_core.errors import BadScan
from jsl_core.imaging import decode_png
from jsl_core.storage import Artifact, Store
from jsl_core.width.item import cut_middle
from jsl_core.width.joints import FIELD
from jsl_core.width.margins import Margins
from jsl_core.width.measurement import measure_joint
from jsl_core.width.reader import MarginReader

__all__ = ["measure_entry"]

_POINTS = 24  # of a line that is sent to the page


def measure_entry(entry: Entry, store: Store) -> dict[str, Any]:
    """Measure the joint space of a knee that has a joint.

    Returns:
        `lines`: points [x, y] in pixels of the joint's crop, by compartment and bone; `medial` and `lateral`,
        the least widths in mm, or in pixels where the spacing is not known, with `unit`. Or `sentence`: why
        there are none.
    """
    joint = entry.joint
    pixels = to_eight_bits(decode_png(store.get(Artifact.model_validate(joint["png"]))))
    middle, (left, top) = cut_middle(pixels, FIELD * joint["length"])
    try:
        found = measure_joint(_reader(), middle, joint["side"], joint["spacing_mm"])
    except BadScan as error:
        return {"sentence": str(error)}
    spacing = found.row["spacing_mm"]
    return {
        "lines": _lines(found.margins, left, top),
        "medial": round(found.widths.medial * (spacing or 1), 2),
        "lateral": round(found.widths.lateral * (spacing or 1), 2),
        "unit": "mm" if spacing else "px",
        "doubt": found.row["doubt"],
    }


def _lines(margins: Margins, left: int, top: int) -> dict[str, dict[str, list[list[float]]]]:
    lines = {}
    for name, part in (("medial", margins.medial), ("lateral", margins.lateral)):
        chosen = np.unique(np.linspace(0, len(part.x) - 1, _POINTS).round().astype(int))
        lines[name] = {
            bone: [
                [round(float(x + left + 0.5), 1), round(float(y + top + 0.5), 1)]
                for x, y in zip(part.x[chosen], heights[chosen], strict=True)
            ]
            for bone, heights in (("femoral", part.femoral), ("tibial", part.tibial))
        }
    return lines


@cache
def _reader() -> MarginReader:
    return MarginReader.load()
