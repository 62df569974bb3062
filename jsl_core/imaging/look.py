"""What a look at a film's picture showed: the evidence beside which the header's words are claims.

Here stands what the evidence is; `jsl_core.detection.look` gathers it from a picture.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

__all__ = ["FilmLook", "Look", "SeenJoint", "joint_contrast"]

DENIED = 0.3  # probability of a side by the anatomy, below which no tag is believed that says so
_ENOUGH = 96  # rows and columns of a joint that tell its grey levels
WHOLE = 0.75  # width over height of a joint's box, below which the film's edge cuts it


class SeenJoint(BaseModel):
    """A knee joint that was found on a film: its box in the film's pixels as stored, x right, y down.

    `score` is the detector's, 0…1; `side` what the anatomy clearly says, 1 right and 2 left, of the picture
    as it is stored, None where it is in doubt; `right` the probability 0…1 of a right knee.
    """

    model_config = ConfigDict(frozen=True)

    x1: float
    y1: float
    x2: float
    y2: float
    score: float
    side: Literal[1, 2] | None = None
    right: float = 0.5

    @property
    def is_whole(self) -> bool:
        """Whether the film shows all of it."""
        return self.x2 - self.x1 >= WHOLE * (self.y2 - self.y1)

    def denies(self, side: Literal[1, 2], least: float = DENIED) -> bool:
        """Whether by the anatomy a side that something else says has less than the `least` probability."""
        return (self.right if side == 1 else 1 - self.right) < least


class FilmLook(BaseModel):
    """What the picture of a film shows.

    `joints` are one person's knees, left on the film first; `others` counts joints besides that cannot be the
    same person's. `bone` and `stands` are blank where the picture leaves it open.
    """

    model_config = ConfigDict(frozen=True)

    joints: tuple[SeenJoint, ...] = ()
    others: int = 0
    bone: Literal["bright", "dark", ""] = ""
    stands: Literal["upright", "on its head", "on its side", ""] = ""


Look = Callable[[npt.NDArray], FilmLook]
"""Looks at a picture, HxW uint8 or uint16."""


def joint_contrast(image: npt.NDArray, joints: tuple[SeenJoint, ...]) -> float:
    """How much of the grey scale the joints' pixels span, 0…1, without its darkest and brightest twentieth.

    What is fully black or white shows nothing: where that is a part of a joint, so much less is its span.

    Args:
        image: HxW uint8 or uint16.
        joints: In its pixels.
    """
    top = float(np.iinfo(image.dtype).max)
    spans = []
    for joint in joints:
        step = max(int(joint.y2 - joint.y1) // _ENOUGH, 1)
        part = image[int(joint.y1) : int(joint.y2) + 1 : step, int(joint.x1) : int(joint.x2) + 1 : step]
        low, high = np.percentile(part, (5, 95))
        lost = max(float((part == 0).mean()), float((part == top).mean()))
        spans.append((high - low) / top * (1 - lost))
    return min(spans, default=0.0)
