"""One joint measured: its margins, its widths in pixels and mm, and what is doubtful about them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jsl_core.errors import BadScan
from jsl_core.width.doubts import TWO_RIMS, has_two_rims
from jsl_core.width.frame import LATERAL_PLACES, MEDIAL_PLACES, Widths, measure_widths
from jsl_core.width.margins import Margins
from jsl_core.width.metal import shows_metal
from jsl_core.width.reader import MarginReader

__all__ = ["NUMBERS", "Measurement", "measure_joint"]

_PLACES = [f"jsw_{round(1000 * place):04d}" for place in (*MEDIAL_PLACES, *LATERAL_PLACES)]
_MEASURES = ["mjsw_medial", "mjsw_lateral", *_PLACES]
NUMBERS = [f"{name}_{unit}" for name in _MEASURES for unit in ("mm", "px")]
_BREADTHS_MM = (45.0, 130.0)  # of adults' condyles some 60 to 100; films enlarge them by up to a quarter


@dataclass(frozen=True)
class Measurement:
    """What was found on one joint.

    Attributes:
        margins: In pixels of the joint.
        widths: Between them, in pixels.
        row: `spacing_mm` (None where it is not known or not believed) and `spacing_from`, the widths by the
            names of `NUMBERS`, those in mm where the spacing is known, `quality` 0…1, `doubt` and `note`.
    """

    margins: Margins
    widths: Widths
    row: dict[str, Any]


def measure_joint(
    reader: MarginReader,
    joint: NDArray[np.uint8],
    side: int,
    spacing_mm: float | None,
    spacing_from: str = "",
    *,
    margins: Margins | None = None,
) -> Measurement:
    """Measure the joint space of one joint.

    Args:
        reader: Which finds the margins.
        joint: uint8 H×W, about square, bone bright, 1.2 to 1.5 tibial plateaus wide.
        side: The side that it looks like: 1 for a right knee, 2 for a left one.
        spacing_mm: Mm per pixel that its film states, None where it states none.
        spacing_from: What states it.
        margins: As a reviewer drew them, in pixels of the joint; None to have them found.

    Raises:
        BadScan: `implant` where it shows metal, `unclear_margins` where the margins cannot be found.
    """
    if margins is None and shows_metal(joint):
        raise BadScan("implant", "the joint shows metal; a replaced joint has no joint space")
    as_drawn = margins is not None
    margins = margins or reader.read(joint, side)
    widths = measure_widths(margins)
    note = _disbelief(spacing_mm, spacing_from, float(np.hypot(*widths.frame.along)))
    if note:
        spacing_mm, spacing_from = None, "none"
    row = {"spacing_mm": spacing_mm, "spacing_from": spacing_from, "note": note}
    doubtful = not as_drawn and has_two_rims(joint, margins)
    row |= {"quality": margins.quality, "doubt": TWO_RIMS[0] if doubtful else ""}
    return Measurement(margins, widths, row | _width_cells(widths, spacing_mm))


def _disbelief(spacing_mm: float | None, spacing_from: str, breadth: float) -> str:
    """Why a spacing is not believed: it would make the femur a giant's or a bird's; blank where it is.

    Headers have spacings that nobody measured, above all 1 mm. `breadth`: between the peripheral tangents of
    both condyles, in pixels.
    """
    breadth_mm = breadth * (spacing_mm or 0.0)
    if spacing_mm is None or _BREADTHS_MM[0] <= breadth_mm <= _BREADTHS_MM[1]:
        return ""
    return f"its {spacing_from or 'spacing'} would make the femur {breadth_mm:.0f} mm wide; not used"


def _width_cells(widths: Widths, spacing_mm: float | None) -> dict[str, float]:
    """All widths in pixels, and in mm where the spacing is known."""
    values = [widths.medial, widths.lateral, *widths.at.values()]
    pixels = {f"{name}_px": value for name, value in zip(_MEASURES, values, strict=True)}
    if spacing_mm is None:
        return pixels
    return pixels | {f"{name}_mm": value * spacing_mm for name, value in zip(_MEASURES, values, strict=True)}
