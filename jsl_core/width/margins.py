"""The margins of a joint space: where the femur ends and where the tibia begins, in each compartment."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Compartment", "Margins", "mirror_margins"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Compartment:
    """One compartment's margins, in pixels of a picture; pixel centres are at whole numbers, y runs down.

    Attributes:
        x: N columns, ascending, one pixel apart.
        femoral: The femoral margin's y at each.
        tibial: The tibial margin's y at each, never above the femoral one.
    """

    x: Array
    femoral: Array
    tibial: Array


@dataclass(frozen=True)
class Margins:
    """The margins of one knee, in pixels of a picture.

    Attributes:
        medial: The compartment on the inner side.
        lateral: The other one.
        peripheral: x of the femoral condyles' outermost points, the medial one first.
        quality: 0…1, how clearly the margins show.
        width: The picture's width.
    """

    medial: Compartment
    lateral: Compartment
    peripheral: tuple[float, float]
    quality: float
    width: int

    def scaled(self, factor: float, width: int) -> "Margins":
        """The same margins in a picture of `width` pixels, `factor` times as large."""
        medial, lateral = (_scale(part, factor, width) for part in (self.medial, self.lateral))
        outer = to_scale(np.array(self.peripheral), factor)
        return Margins(medial, lateral, (float(outer[0]), float(outer[1])), self.quality, width)


def to_scale(place: Array, factor: float) -> Array:
    """Places along an axis, with pixel centres at whole numbers, in a picture `factor` times as large."""
    return (place + 0.5) * factor - 0.5


def _scale(part: Compartment, factor: float, width: int) -> Compartment:
    ends = to_scale(part.x[[0, -1]], factor)
    x = np.arange(max(0, np.ceil(ends[0])), min(width - 1, np.floor(ends[1])) + 1)
    at = (x + 0.5) / factor - 0.5
    femoral, tibial = (to_scale(np.interp(at, part.x, y), factor) for y in (part.femoral, part.tibial))
    return Compartment(x, femoral, tibial)


def mirror_margins(margins: Margins) -> Margins:
    """The margins in the mirror image of their picture."""

    def mirror(part: Compartment) -> Compartment:
        return Compartment(margins.width - 1 - part.x[::-1], part.femoral[::-1], part.tibial[::-1])

    medial, lateral = (margins.width - 1 - x for x in margins.peripheral)
    return Margins(
        mirror(margins.medial), mirror(margins.lateral), (medial, lateral), margins.quality, margins.width
    )
