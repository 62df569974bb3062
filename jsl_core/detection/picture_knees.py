"""Which knees a picture shows that is to be cropped: a film of one or two, or a picture of one knee."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jsl_core.config import CropSettings
from jsl_core.detection.crop import choose_joint
from jsl_core.detection.detector import Detection
from jsl_core.detection.look import CERTAIN, describe_joints
from jsl_core.errors import BadScan
from jsl_core.imaging import ScanRecord, SeenJoint
from jsl_core.imaging.split import Side, find_knees, side_of_single, to_conventional
from jsl_core.imaging.stages import turn_negative

__all__ = ["PictureKnee", "knee_of_picture", "knees_of_film"]

_NAMED_KNEE = re.compile(r"(?P<participant>.+)_(?P<side>[12])$")

Grey = NDArray[np.unsignedinteger]


@dataclass(frozen=True)
class PictureKnee:
    """A knee to crop.

    Attributes:
        ID: What it is called.
        side: 1 right, 2 left, None where nothing tells.
        side_from: What tells: `tag`, `name`, `position` or `anatomy`.
        detection: Its joint in the pixels of the conventional display, None where none was found.
    """

    ID: str
    side: Side | None
    side_from: str
    detection: Detection | None


def knees_of_film(
    image: Grey, scan: ScanRecord, detections: Sequence[Detection]
) -> tuple[ScanRecord, Grey, list[PictureKnee]]:
    """Decide which knees an unsplit film shows, as `jsl split` does.

    Args:
        image: uint8 or uint16 H×W as stored.
        scan: The film's record.
        detections: Its joints in its pixels, best first.

    Returns:
        The record, the film with bone bright, and its knees, right one first.

    Raises:
        BadScan: As `find_knees`.
    """
    scan, image = turn_negative(scan, image, describe_joints(image, detections))
    knees = find_knees(to_conventional(image, scan), scan)
    return (
        scan,
        image,
        [
            PictureKnee(f"{scan.participant}_{knee.side}", knee.side, knee.side_from, _detection(knee.joint))
            for knee in knees
        ],
    )


def knee_of_picture(
    image: Grey, scan: ScanRecord, detections: Sequence[Detection], settings: CropSettings
) -> tuple[ScanRecord, Grey, list[PictureKnee]]:
    """Decide which knee a picture of one knee shows: by its name, by tags, or else by its anatomy.

    Args:
        image: uint8 or uint16 H×W as stored.
        scan: The picture's record; a participant `…_1` or `…_2` names the knee.
        detections: Its joints in its pixels, best first.
        settings: The score that they had to reach.

    Returns:
        The record, the picture with bone bright, and the knee, whose side is None where nothing tells.

    Raises:
        BadScan: `no_joint`; `two_knees`; `turned`; `unknown_side` where name or tag contradict the anatomy.
    """
    best, _ = choose_joint(image, detections, settings)
    whole = [joint for joint in describe_joints(image, detections).joints if joint.is_whole]
    if len(whole) > 1 and min(joint.score for joint in whole) >= CERTAIN:
        raise BadScan("two_knees", "the picture shows two knees; split it first, or see --full-film")
    scan, image = turn_negative(scan, image, describe_joints(image, [best]))
    name = _NAMED_KNEE.match(scan.participant)
    if name:
        scan = scan.model_copy(update={"laterality": "R" if name["side"] == "1" else "L"})
    side, side_from, joint = side_of_single(scan, image.shape)
    if name:
        return scan, image, [PictureKnee(scan.participant, side, "name", _detection(joint))]
    knee = scan.participant if side is None else f"{scan.participant}_{side}"
    return scan, image, [PictureKnee(knee, side, side_from, _detection(joint))]


def _detection(joint: SeenJoint | None) -> Detection | None:
    return None if joint is None else Detection(joint.x1, joint.y1, joint.x2, joint.y2, joint.score)
