"""Which joints a file shows: both knees of a film, the one of a picture, or a crop that is all joint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from jsl_core.cohort.persons import parse_knee
from jsl_core.config import ConvertSettings, CropSettings
from jsl_core.detection.crop import crop_at
from jsl_core.detection.detector import Detection, JointDetector
from jsl_core.detection.folder import is_plain_picture, read_plain_picture
from jsl_core.detection.look import look_at_film
from jsl_core.detection.picture_knees import PictureKnee, knee_of_picture, knees_of_film
from jsl_core.detection.pose import PoseReader
from jsl_core.detection.resize import to_eight_bits
from jsl_core.detection.side import SideReader
from jsl_core.errors import BadScan
from jsl_core.imaging import ScanRecord
from jsl_core.imaging.look import SeenJoint
from jsl_core.imaging.names import stem
from jsl_core.imaging.polarity import negative_of
from jsl_core.imaging.split import find_knees, to_conventional
from jsl_core.imaging.stages import read_film
from jsl_core.width.drawn import Drawing

__all__ = ["FIELD", "FilmJoint", "joints_of_file", "tighten"]

_SQUARE = 0.8  # shorter over longer side from which on a picture may be a joint's crop
_FILLS = 0.62  # of a picture's width and height that the box of a joint has where the picture is its crop
_SMALLEST = 128  # pixels of a crop's longer side
_TINY = 256  # pixels: in a square picture no larger, a whole leg's joint would be too small to be measured
_SMALL = 640  # pixels: a square picture no larger in which no joint is found is taken for a crop, too
_MIRROR_IMAGE = 0.01  # probability of the named side, below which a picture is a mirror image
FIELD = 0.86  # of a joint box: 1.25 plateaus of 1.45
_DARK = -1.0  # log-odds below which a crop is taken for a negative
_UPRIGHT = -3.0  # log-odds below which a crop stands on its head: -0.2 at worst on 6,604 crops
_WHOLE = 0.5  # score from which on two joints of a picture are two knees
_UNKNOWN = "nothing tells which knee it is; name the file <name>_R or <name>_L"
_MIRRORED = "by its anatomy a mirrored picture; measured as it looks"

Grey = NDArray[np.unsignedinteger]


@dataclass(frozen=True)
class FilmJoint:
    """A joint, or why there is none.

    Attributes:
        ID: What the knee is called.
        side: 1 right, 2 left, None where nothing tells.
        side_from: What tells: `tag`, `name`, `table`, `position` or `anatomy`; blank.
        pixels: uint8 H×W, bone bright, as displayed conventionally; None with a reason.
        looks: The side that the picture shows: the other one where it is mirrored.
        spacing_mm: Mm per pixel, None where it is not known.
        spacing_from: What tells it: a tag's keyword, or `picture`; `none`.
        reason: Why there is no joint.
        note: What was done against the name.
        drawing: Margins that a reviewer drew, in pixels of the knee's picture; None where nobody did.
        origin: Where (x, y) `pixels` begin there.
    """

    ID: str
    side: int | None
    side_from: str
    pixels: NDArray[np.uint8] | None
    looks: int | None = None
    spacing_mm: float | None = None
    spacing_from: str = "none"
    reason: BadScan | None = None
    note: str = ""
    drawing: Drawing | None = None
    origin: tuple[int, int] = (0, 0)


def joints_of_file(data: bytes, file: str, sides: Mapping[str, int]) -> list[FilmJoint]:
    """Find the joints that a file shows.

    Args:
        data: The file's bytes: DICOM, or a picture (PNG, JPEG, WebP, BMP, TIFF).
        file: Its name, which may tell the knee: `1000099_1`, `1000099R`, `1000099 left`.
        sides: Sides that a table gives, by the names of files without folder and suffix.

    Raises:
        BadScan: Where the file cannot be read, or its joints cannot be identified.
    """
    if not is_plain_picture(data):
        scan, image = read_film(data, file, {}, ConvertSettings(any_view=True), look_at_film)
        scan = scan.model_copy(update={"participant": scan.participant or stem(file)})
        film = to_conventional(image, scan)
        knees = [
            PictureKnee(
                f"{scan.participant}_{knee.side}",
                knee.side,
                knee.side_from,
                None if knee.joint is None else Detection(*_box(knee.joint), knee.joint.score),
            )
            for knee in find_knees(film, scan)
        ]
        return _cut_joints(film, scan, knees)
    image, scan = read_plain_picture(data, file)
    found = _detector().detect([image])[0]
    if _is_crop(image.shape, found):
        return [_bare_joint(image, scan, sides)]
    if sum(joint.score >= _WHOLE for joint in found) > 1:
        scan, image, knees = knees_of_film(image, scan, found)
    else:
        scan, image, knees = knee_of_picture(image, scan, found, CropSettings())
    return _cut_joints(to_conventional(image, scan), scan, knees)


def _box(joint: SeenJoint) -> tuple[float, float, float, float]:
    return joint.x1, joint.y1, joint.x2, joint.y2


def _cut_joints(film: Grey, scan: ScanRecord, knees: Sequence[PictureKnee]) -> list[FilmJoint]:
    """Cut the joints of knees that were found on a film as displayed conventionally."""
    spacing = _square_spacing(scan)
    joints = []
    for knee in knees:
        pixels = reason = None
        try:
            if knee.detection is None:
                raise BadScan("no_joint", "no knee joint was found on this leg")
            if knee.side is None:
                raise BadScan("unknown_side", _UNKNOWN)
            pixels = to_eight_bits(crop_at(film, tighten(knee.detection), None, CropSettings()).pixels)
        except BadScan as error:
            reason = error
        joints.append(
            FilmJoint(
                knee.ID, knee.side, knee.side_from, pixels, knee.side, spacing,
                scan.spacing_source if spacing else "none", reason,
            )
        )  # fmt: skip
    return joints


def tighten(joint: Detection) -> Detection:
    """A joint's box as tight as the crops from which the margins' usual shape was learned."""
    x, y = (joint.x1 + joint.x2) / 2, (joint.y1 + joint.y2) / 2
    across, down = (joint.x2 - joint.x1) * FIELD / 2, (joint.y2 - joint.y1) * FIELD / 2
    return Detection(x - across, y - down, x + across, y + down, joint.score)


def _bare_joint(image: Grey, scan: ScanRecord, sides: Mapping[str, int]) -> FilmJoint:
    """The joint of a picture that is its crop, bone bright; its side by table, name or anatomy."""
    height, width = image.shape
    whole = (0.0, 0.0, float(width), float(height))
    if max(height, width) < _SMALLEST:
        raise BadScan("too_small", f"{width}×{height} pixels; {_SMALLEST} are needed to tell margins")
    pose = _pose().read(image, [whole])[0]
    if pose.upright < _UPRIGHT:
        raise BadScan("turned", "the picture stands on its head; turn it")
    dark = pose.bright < _DARK
    pixels = to_eight_bits(negative_of(image) if dark else image)
    name = stem(scan.file)
    known = parse_knee(name)
    reading = _side().read([pixels])[0]
    side: int | None = reading.side
    side_from = "anatomy" if side else ""
    if name in sides:
        side, side_from = sides[name], "table"
    elif known:
        side, side_from = known[1], "name"
    looks = side
    if side and (reading.right if side == 1 else 1 - reading.right) < _MIRROR_IMAGE:
        looks = 3 - side
    knee = f"{known[0]}_{known[1]}" if known else name if side is None else f"{name}_{side}"
    spacing = _square_spacing(scan)
    reason = None
    if looks is None:
        reason = BadScan("unknown_side", _UNKNOWN)
    note = _MIRRORED if looks != side else ""
    source = scan.spacing_source if spacing else "none"
    return FilmJoint(knee, side, side_from, pixels, looks, spacing, source, reason, note)


def _is_crop(shape: tuple[int, ...], found: Sequence[Detection]) -> bool:
    """Whether a picture is all joint: about square, and its one joint's box nearly as large as itself."""
    height, width = shape
    if min(height, width) < _SQUARE * max(height, width):
        return False
    if max(height, width) <= _TINY and sum(joint.score >= _WHOLE for joint in found) < 2:
        return True
    if not found:
        return max(height, width) <= _SMALL
    best = found[0]
    return (best.x2 - best.x1) >= _FILLS * width and (best.y2 - best.y1) >= _FILLS * height


def _square_spacing(scan: ScanRecord) -> float | None:
    """Mm per pixel; None where the pixels are not square."""
    if scan.spacing_mm is None or not np.isclose(*scan.spacing_mm, rtol=0.02):
        return None
    return scan.spacing_mm[1]


@cache
def _detector() -> JointDetector:
    return JointDetector.load(CropSettings())


@cache
def _pose() -> PoseReader:
    return PoseReader.load()


@cache
def _side() -> SideReader:
    return SideReader.load()
