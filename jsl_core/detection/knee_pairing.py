"""Which of a film's detections can be the joints of one person's two knees."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

__all__ = ["Boxed", "pair_knees"]

MAX_SIZE_RATIO = 1.5  # of two knees' boxes, by their longer sides
MIN_DISTANCE_ACROSS = 0.5  # of two knees' centres, in sides of the larger box
MAX_DISTANCE_ALONG = 0.5  # in sides or, on tilted films, in the distance across


class Boxed(Protocol):
    """Anything with a box in pixels, (x1, y1, x2, y2), x right, y down."""

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The box in pixels, (x1, y1, x2, y2)."""


BoxedT = TypeVar("BoxedT", bound=Boxed)


def pair_knees(detections: Sequence[BoxedT]) -> list[BoxedT]:
    """Keep the best detection and all others that can be the same person's other knee.

    The other knee lies beside it, at about its height, and is about as large; this holds between all that
    are kept.

    Args:
        detections: Best first; this order is kept.
    """
    knees: list[BoxedT] = []
    for detection in detections:
        if all(_can_be_one_person(knee, detection) for knee in knees):
            knees.append(detection)
    return knees


def _can_be_one_person(first: Boxed, second: Boxed) -> bool:
    sides = [max(x2 - x1, y2 - y1) for x1, y1, x2, y2 in (first.box, second.box)]
    across, along = (
        abs(first.box[axis] + first.box[axis + 2] - second.box[axis] - second.box[axis + 2]) / 2
        for axis in (0, 1)
    )
    side = max(sides)
    return (
        side <= MAX_SIZE_RATIO * min(sides)
        and across >= MIN_DISTANCE_ACROSS * side
        and along <= MAX_DISTANCE_ALONG * max(side, across)
    )
