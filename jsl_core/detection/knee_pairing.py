"""One joint a leg: which of a film's detections can be the joints of one person's two knees."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

__all__ = ["Boxed", "joints_of_legs"]

ALIKE = 1.5  # the larger of two knees' boxes, at most, in sides of the smaller
APART = 0.5  # two knees' centres, at least, in sides of the larger box across the film
LEVEL = 0.5  # and at most along it, in sides or, on tilted films, in the distance across


class Boxed(Protocol):
    """A box in pixels, x right, y down."""

    @property
    def box(self) -> tuple[float, float, float, float]: ...


Found = TypeVar("Found", bound=Boxed)


def joints_of_legs(found: Sequence[Found]) -> list[Found]:
    """The best detection, and all others that can be the other knee's, in the order given (best first).

    The other knee lies beside it, at about its height, and is about as large; so do all that are kept.
    """
    kept: list[Found] = []
    for other in found:
        if all(_of_one_person(earlier, other) for earlier in kept):
            kept.append(other)
    return kept


def _of_one_person(first: Boxed, second: Boxed) -> bool:
    sides = [max(x2 - x1, y2 - y1) for x1, y1, x2, y2 in (first.box, second.box)]
    across, along = (
        abs(first.box[axis] + first.box[axis + 2] - second.box[axis] - second.box[axis + 2]) / 2
        for axis in (0, 1)
    )
    side = max(sides)
    return side <= ALIKE * min(sides) and across >= APART * side and along <= LEVEL * max(side, across)
