"""Margins that a reviewer drew, as the measuring takes them."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from jsl_core.errors import BadScan
from jsl_core.width.margins import Compartment, Margins
from jsl_core.width.reader import MarginReader

__all__ = ["Drawing", "margins_as_drawn", "margins_of_drawing"]

Drawing = Mapping[str, Mapping[str, Sequence[Sequence[float]]]]
"""Points (x, y) of each bone (`femoral`, `tibial`) by compartment (`medial`, `lateral`); edges of pixels lie
at whole numbers."""

_FEWEST = 8  # columns in which both margins of a compartment must be drawn
_ENDS = (0.08, 0.92)  # of the x axis, between which least widths are looked for: as far as people draw


def margins_as_drawn(
    reader: MarginReader, joint: NDArray[np.uint8], side: int, drawing: Drawing, origin: tuple[float, float]
) -> Margins:
    """Make margins of lines that were drawn on a larger picture of a joint.

    Args:
        reader: Which finds the condyles' outermost points, which nobody draws.
        joint: uint8 H×W, as `measure_joint` takes it.
        side: The side that it looks like.
        drawing: The lines, in pixels of the larger picture.
        origin: Where (x, y) the joint begins there.

    Raises:
        BadScan: As `margins_of_drawing`, and where medial is drawn on the lateral side.
    """
    try:
        found = reader.read(joint, side)
    except BadScan:
        found = None
    margins = margins_of_drawing(drawing, origin, joint.shape[1], found)
    if (margins.medial.x.mean() > margins.lateral.x.mean()) != (side == 1):  # of a right knee at the right
        raise BadScan("unclear_margins", "a reviewer drew medial and lateral margins on each other's side")
    return margins


def margins_of_drawing(
    drawing: Drawing, origin: tuple[float, float], width: int, found: Margins | None
) -> Margins:
    """Make margins of drawn lines.

    Args:
        drawing: The lines, in pixels of a larger picture.
        origin: Where (x, y) the joint's picture begins in that one.
        width: Of the joint's picture.
        found: The margins as they are found without a reviewer, from which the condyles' outermost points are
            taken; None where none are found: the drawing's ends then tell.

    Raises:
        BadScan: `unclear_margins` where a compartment's lines do not lie over one another.
    """
    medial, lateral = (_compartment(drawing[part], origin, width) for part in ("medial", "lateral"))
    if found is not None:
        peripheral = found.peripheral
    else:
        ends = (medial.x[0], lateral.x[-1]) if medial.x[0] < lateral.x[0] else (medial.x[-1], lateral.x[0])
        beyond = (ends[1] - ends[0]) * _ENDS[0] / (_ENDS[1] - _ENDS[0])
        peripheral = (float(ends[0] - beyond), float(ends[1] + beyond))
    return Margins(medial, lateral, peripheral, 1.0, width)


def _compartment(
    lines: Mapping[str, Sequence[Sequence[float]]], origin: tuple[float, float], width: int
) -> Compartment:
    femoral, tibial = (
        np.array(sorted(map(tuple, lines[bone])), float) - origin - 0.5 for bone in ("femoral", "tibial")
    )
    first = max(0.0, np.ceil(max(femoral[0, 0], tibial[0, 0])))
    last = min(width - 1.0, np.floor(min(femoral[-1, 0], tibial[-1, 0])))
    if last - first < _FEWEST:
        raise BadScan("unclear_margins", "the margins that a reviewer drew do not lie over one another")
    x = np.arange(first, last + 1)
    upper, lower = (np.interp(x, line[:, 0], line[:, 1]) for line in (femoral, tibial))
    return Compartment(x, upper, np.maximum(upper, lower))
