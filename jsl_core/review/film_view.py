"""Where a place of a film as its file stores it lies once the film is turned and displayed, and back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

__all__ = ["Box", "FilmView", "Point", "rotate_picture"]

Box = tuple[float, float, float, float]
Point = tuple[float, float]


@dataclass(frozen=True)
class FilmView:
    """How a film is displayed: first turned by quarters, then mirrored or turned over as its tags ask.

    Attributes:
        width: Of the film as stored, in pixels.
        height: Likewise.
        turn: Degrees clockwise: 0, 90, 180 or 270.
        flipped: Then mirrored left to right.
        upside_down: Then mirrored top to bottom.
    """

    width: int
    height: int
    turn: int = 0
    flipped: bool = False
    upside_down: bool = False

    @classmethod
    def of_row(cls, film: Mapping[str, Any], turn: int, *, mirrored: bool = False) -> Self:
        """The conventional display of a film of a run.

        Args:
            film: A row of the convert stage; its width and height are those after the turn that the run made.
            turn: Degrees by which a reviewer has it turned, which also ends what its tags ask for.
            mirrored: Whether a reviewer has swapped the sides of its two knees.
        """
        done = film.get("corrected", {})
        width, height = film["width"], film["height"]
        if done.get("turn", 0) % 180:
            width, height = height, width
        if turn:
            return cls(width, height, turn, mirrored, False)
        flipped, upside_down = done.get("tags") or (film["flipped"], film["upside_down"])
        return cls(width, height, 0, flipped != mirrored, upside_down)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as displayed."""
        return (self.height, self.width) if self.turn % 180 else (self.width, self.height)

    def show(self, x: float, y: float) -> Point:
        """Where a point of the stored film is displayed; edges of pixels are at whole numbers."""
        for quarter in range(self.turn // 90):
            x, y = self._height_after(quarter) - y, x
        width, height = self.size
        return (width - x if self.flipped else x), (height - y if self.upside_down else y)

    def find(self, x: float, y: float) -> Point:
        """The point of the stored film that is displayed at a place."""
        width, height = self.size
        x, y = (width - x if self.flipped else x), (height - y if self.upside_down else y)
        for quarter in reversed(range(self.turn // 90)):
            x, y = y, self._height_after(quarter) - x
        return x, y

    def show_box(self, box: Box) -> Box:
        """Where a box (x1, y1, x2, y2) of the stored film is displayed."""
        return _span(self.show(*box[:2]), self.show(*box[2:]))

    def find_box(self, box: Box) -> Box:
        """The box of the stored film that is displayed at a place."""
        return _span(self.find(*box[:2]), self.find(*box[2:]))

    def draw(self, stored: npt.NDArray) -> npt.NDArray:
        """The picture, H×W, as displayed."""
        turned = rotate_picture(stored, self.turn)
        return np.ascontiguousarray(turned[:: -1 if self.upside_down else 1, :: -1 if self.flipped else 1])

    def _height_after(self, quarters: int) -> int:
        """The height of the film after so many quarter turns."""
        return self.width if quarters % 2 else self.height


def rotate_picture(image: npt.NDArray, turn: int) -> npt.NDArray:
    """Turn a picture, H×W, by 0, 90, 180 or 270 degrees clockwise."""
    return np.ascontiguousarray(np.rot90(image, -turn // 90))


def _span(first: Point, second: Point) -> Box:
    (x1, x2), (y1, y2) = sorted((first[0], second[0])), sorted((first[1], second[1]))
    return x1, y1, x2, y2
