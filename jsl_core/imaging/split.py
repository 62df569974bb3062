"""One film to its right and its left knee: header, shape and picture must agree, or there is a reason."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from jsl_core.config import SplitSettings
from jsl_core.errors import BadScan
from jsl_core.imaging.leg_valley import find_leg_valley
from jsl_core.imaging.look import FilmLook, SeenJoint
from jsl_core.imaging.records import HowSplit, KneeRecord, ScanRecord, SideFrom

__all__ = [
    "FilmKnee",
    "Side",
    "find_knees",
    "record_knee",
    "side_of_single",
    "split_image",
    "to_conventional",
]

Side = Literal[1, 2]
_RIGHT: Side = 1
_LEFT: Side = 2
_WORDS: dict[Side, str] = {_RIGHT: "right", _LEFT: "left"}

_WIDE = 0.95  # width over height from which on a film may show two legs
_PLAIN = 0.35  # depth of a valley that leaves no doubt
_SAME_KNEE = 0.05  # probability below which one of two knees is not of its side: no phantom knee had less
_SOFT = 0.12  # of a joint's box at either side is flesh: the plateau is 0.69 of it


@dataclass(frozen=True)
class FilmKnee:
    """One knee of a film that is displayed conventionally.

    `columns` are the first column and the one after the last; `joint` is in the pixels of that display, None
    where none was found on this leg.
    """

    side: Side
    side_from: SideFrom
    columns: tuple[int, int]
    how: HowSplit
    joint: SeenJoint | None = None


def split_image(
    image: npt.NDArray, scan: ScanRecord, settings: SplitSettings
) -> list[tuple[KneeRecord, npt.NDArray]]:
    """Split a film into its knees, as on a conventional film: the patient's right on the left.

    Args:
        image: HxW uint8 or uint16, as stored, bone bright.
        scan: What the header says of it, and what was seen on it.
        settings: Where to split; `half` believes nothing and halves every film, as the seed did.

    Returns:
        The knees, right one first, each HxW of the film's height.

    Raises:
        BadScan: As `find_knees`.
    """
    conventional = to_conventional(image, scan)
    width = conventional.shape[1]
    if settings.at == "half":
        knees = _cut(width, width // 2, "half", "position")
    else:
        knees = find_knees(conventional, scan)
    return [(record_knee(scan, knee, image.shape), conventional[:, slice(*knee.columns)]) for knee in knees]


def to_conventional(image: npt.NDArray, scan: ScanRecord) -> npt.NDArray:
    """Display a film, HxW as stored, conventionally: flipped and turned over as its tags ask."""
    return np.ascontiguousarray(image[:: -1 if scan.upside_down else 1, :: -1 if scan.flipped else 1])


def find_knees(film: npt.NDArray, scan: ScanRecord) -> list[FilmKnee]:
    """Decide which knees a film shows, and where, by its header, its shape and what was seen on it.

    Args:
        film: HxW uint8 or uint16, displayed conventionally, bone bright.
        scan: What the header says of it, and what was seen on it.

    Returns:
        One knee or both, right one first.

    Raises:
        BadScan: `no_joint` or `too_many_joints`; `turned` where the film stands on its head or lies on its
            side; `one_knee_expected_two`; `unknown_side` where nothing tells the side of a single knee, or
            where header, anatomy and the order of the knees contradict each other.
    """
    look = scan.look or FilmLook()
    _check_stand(look, scan)
    joints = _display_joints(look, scan, film.shape)
    if not joints:
        raise BadScan("no_joint", "no knee joint was found on the film; if it shows one, cut it by hand")
    if look.others or len(joints) > 2:
        raise BadScan("too_many_joints", "more knee joints than one person has; give each film a file")
    if len(joints) == 2:
        return _pair(film, scan, joints[0], joints[1])
    column = _second_leg(film, joints[0])
    if column is not None:
        return _one_of_two(film, scan, joints[0], column)
    return [_single_knee(film, scan, joints[0])]


def side_of_single(scan: ScanRecord, size: tuple[int, ...]) -> tuple[Side | None, SideFrom, SeenJoint]:
    """Decide the side of the knee on a picture of one knee, where a side that nothing tells does no harm.

    Args:
        scan: What its name or header says, and the one joint that was seen on it.
        size: Its height and width.

    Returns:
        The side, None where nothing tells; what tells; and the joint as displayed conventionally.

    Raises:
        BadScan: `turned`, `one_knee_expected_two`, or `unknown_side` where the sources contradict each other.
    """
    look = scan.look or FilmLook()
    _check_stand(look, scan)
    (joint,) = _display_joints(look, scan, size)
    if not scan.laterality and joint.side is None:
        return None, "", joint
    return *_side_of(scan, joint), joint


def _check_stand(look: FilmLook, scan: ScanRecord) -> None:
    if look.stands == "on its side":
        raise BadScan("turned", "the film lies on its side; turn it upright")
    if look.stands == "on its head" and not scan.upside_down:
        raise BadScan("turned", "the film stands on its head; turn it upright, or set PatientOrientation")
    if look.stands == "upright" and scan.upside_down:
        raise BadScan("turned", "by PatientOrientation the feet are up, and the film stands upright; mend it")


def _display_joints(look: FilmLook, scan: ScanRecord, size: tuple[int, ...]) -> list[SeenJoint]:
    """The joints as the film is displayed, left one first."""
    height, width = size
    # A film on its head was read after a half turn; what is mirrored looks like the other side.
    readable = look.stands == "on its head" or not scan.upside_down
    mirrored = scan.flipped != scan.upside_down
    joints = []
    for joint in look.joints:
        x1, x2 = (width - joint.x2, width - joint.x1) if scan.flipped else (joint.x1, joint.x2)
        y1, y2 = (height - joint.y2, height - joint.y1) if scan.upside_down else (joint.y1, joint.y2)
        place: dict[str, object] = {"x1": x1, "x2": x2, "y1": y1, "y2": y2}
        if not readable:
            place |= {"side": None, "right": 0.5}
        elif mirrored:
            place |= {
                "side": joint.side and (_LEFT if joint.side == _RIGHT else _RIGHT),
                "right": 1 - joint.right,
            }
        joints.append(joint.model_copy(update=place))
    return sorted(joints, key=lambda joint: joint.x1)


def _pair(film: npt.NDArray, scan: ScanRecord, left: SeenJoint, right: SeenJoint) -> list[FilmKnee]:
    """Both knees; or the one that the header names, where the film's edge cuts the other one's joint."""
    column, how = _column_between(film, left, right)
    if scan.laterality in ("R", "L"):
        whole = [joint for joint in (left, right) if joint.is_whole]
        if len(whole) != 1:
            raise BadScan("unknown_side", "the header names one knee and the film shows two; mend Laterality")
        columns = (0, column) if whole[0] is left else (column, film.shape[1])
        return [replace(_single_knee(film, scan, whole[0]), columns=columns)]
    for joint, side in ((left, _RIGHT), (right, _LEFT)):
        if joint.denies(side, _SAME_KNEE):
            knees = "two right knees" if side == _LEFT else "two left knees"
            raise BadScan("unknown_side", f"by their anatomy {knees} lie side by side; give each film a file")
    return _cut(film.shape[1], column, how, "tag" if scan.oriented else "position", left, right)


def _column_between(film: npt.NDArray, left: SeenJoint, right: SeenJoint) -> tuple[int, HowSplit]:
    """Where to cut between two joints: along the valley, or half-way where there is none between them."""
    low = left.x2 - _SOFT * (left.x2 - left.x1)
    high = right.x1 + _SOFT * (right.x2 - right.x1)
    valley = find_leg_valley(film)
    if valley.column is None or not low <= valley.column <= high:
        valley = find_leg_valley(film, (low, high))
    if valley.column is None or not low <= valley.column <= high:
        return round((left.x2 + right.x1) / 2), "between"
    return round(valley.column), "valley"


def _second_leg(film: npt.NDArray, joint: SeenJoint) -> int | None:
    """The column between two legs, on only one of which a joint was found; None where there is one leg."""
    height, width = film.shape
    valley = find_leg_valley(film) if width >= _WIDE * height else None
    if valley is None or valley.column is None or valley.depth < _PLAIN:
        return None
    soft = _SOFT * (joint.x2 - joint.x1)
    clear = not joint.x1 + soft < valley.column < joint.x2 - soft
    return round(valley.column) if clear else None


def _one_of_two(film: npt.NDArray, scan: ScanRecord, joint: SeenJoint, column: int) -> list[FilmKnee]:
    """Both legs of a film on one of which no joint was found; cropping gives that one its reason."""
    if scan.laterality in ("R", "L"):
        raise BadScan("unknown_side", "the header names one knee, the film has two legs; mend Laterality")
    is_left = joint.x1 + joint.x2 < 2 * column
    expected = _RIGHT if is_left else _LEFT
    if joint.denies(expected) or (joint.side is None and scan.laterality != "B"):
        raise BadScan("unknown_side", "one joint on two legs, and its anatomy does not tell which it is")
    joints = (joint, None) if is_left else (None, joint)
    return _cut(film.shape[1], column, "valley", "tag" if scan.oriented else "position", *joints)


def _single_knee(film: npt.NDArray, scan: ScanRecord, joint: SeenJoint) -> FilmKnee:
    side, side_from = _side_of(scan, joint)
    return FilmKnee(side, side_from, (0, film.shape[1]), "single", joint)


def _side_of(scan: ScanRecord, joint: SeenJoint) -> tuple[Side, SideFrom]:
    """The side of a single knee: as the header says unless the anatomy contradicts, or as that says."""
    if scan.laterality == "B":
        raise BadScan("one_knee_expected_two", "the header says both knees and the film shows one")
    if scan.laterality:
        tagged = _RIGHT if scan.laterality == "R" else _LEFT
        if joint.denies(tagged):
            other = _WORDS[_LEFT if tagged == _RIGHT else _RIGHT]
            raise BadScan(
                "unknown_side",
                f"named {_WORDS[tagged]}, and {other} by its anatomy: the name is wrong or the film is "
                "mirrored; mend ImageLaterality or PatientOrientation",
            )
        return tagged, "tag"
    if joint.side is None:
        raise BadScan(
            "unknown_side", "one knee, and neither header nor anatomy says which; set ImageLaterality"
        )
    return joint.side, "anatomy"


def _cut(
    width: int,
    column: int,
    how: HowSplit,
    side_from: SideFrom,
    left: SeenJoint | None = None,
    right: SeenJoint | None = None,
) -> list[FilmKnee]:
    """The knees on either side of a column: the patient's right on the left."""
    return [
        FilmKnee(_RIGHT, side_from, (0, column), how, left),
        FilmKnee(_LEFT, side_from, (column, width), how, right),
    ]


def record_knee(scan: ScanRecord, knee: FilmKnee, size: tuple[int, ...]) -> KneeRecord:
    """Make the record of a knee of a film of a height and width."""
    height, width = size
    first, last = knee.columns
    x1, x2 = (width - last, width - first) if scan.flipped else (first, last)
    return KneeRecord(
        file=scan.file,
        ID=f"{scan.participant}_{knee.side}",
        participant=scan.participant,
        side=knee.side,
        side_from=knee.side_from,
        polarity_from=scan.polarity_from,
        joints_seen=scan.joints_seen,
        note=scan.note,
        x1=x1,
        y1=0,
        x2=x2,
        y2=height,
        how=knee.how,
        spacing_mm=_square(scan.spacing_mm),
        spacing_from=scan.spacing_source,
    )


def _square(spacing_mm: tuple[float, float] | None) -> float | None:
    if spacing_mm is None or not np.isclose(*spacing_mm, rtol=0.02):
        return None
    return spacing_mm[1]
