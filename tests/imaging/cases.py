"""Films with one fault each, as clinics have them, and what must come of them; drawn from phantom films."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt
from films import as_bytes, dicom
from pydicom.dataset import Dataset

from jsl_core.config import PhantomSettings
from jsl_core.phantom import make_film

Pixels = npt.NDArray[np.uint16]
Box = tuple[float, float, float, float]

TOP = 4095  # largest value of the 12 bits in which the films are stored
MARGIN = 0.2  # of a joint's box that stays beside it where a film is cut to one knee


@dataclass(frozen=True)
class Case:
    """A file, and what must come of it.

    `joints` are the boxes of those knees that must come out, by side (1 right, 2 left), in the file's pixels;
    none where there must be a reason. `turned`: its bone is dark until it is turned. `noted`: its row must
    tell what was done against the header.
    """

    name: str
    data: bytes
    joints: dict[int, Box] = field(default_factory=dict)
    reason: str = ""
    side_from: str = "position"
    turned: bool = False
    noted: bool = False


@dataclass(frozen=True)
class Film:
    """A film of 12 bits, bone bright, and the boxes of its joints by side."""

    pixels: Pixels
    joints: dict[int, Box]

    def columns(self, first: float, last: float) -> "Film":
        """The part between two columns; joints that it cuts are none of its."""
        a, b = max(int(first), 0), min(int(last), self.pixels.shape[1])
        joints = {
            side: (x1 - a, y1, x2 - a, y2)
            for side, (x1, y1, x2, y2) in self.joints.items()
            if x1 >= a - 2 and x2 <= b + 2
        }
        return Film(self.pixels[:, a:b], joints)

    def one(self, side: int) -> "Film":
        """The half that shows one knee."""
        (x1, _, x2, _), (x3, _, x4, _) = self.joints[1], self.joints[2]
        margin, middle = MARGIN * (x2 - x1), (x2 + x3) / 2
        return self.columns(x1 - margin, middle) if side == 1 else self.columns(middle, x4 + margin)

    def quarters(self, count: int) -> "Film":
        """The film turned by so many quarters, its joints none."""
        return Film(np.ascontiguousarray(np.rot90(self.pixels, count)), {})

    @property
    def negative(self) -> "Film":
        """The film with dark bone."""
        return Film(TOP - self.pixels, self.joints)


@cache
def film(index: int) -> Film:
    """An upright phantom film of both knees, cut to them."""
    phantom = make_film(11, index, PhantomSettings(long_side=(900, 900)))
    both = Film(phantom.display.astype(np.uint16) * 16, phantom.boxes)
    margin = MARGIN * (both.joints[1][2] - both.joints[1][0])
    return both.columns(both.joints[1][0] - margin, both.joints[2][2] + margin)


def cases(index: int) -> Iterator[Case]:
    """All cases, of one phantom film."""
    both = film(index)
    yield from side_cases(both)
    yield from turned_cases(both)
    yield from negative_cases(both)
    yield from window_cases(both)


def side_cases(both: Film) -> Iterator[Case]:
    """Films whose number of knees, or whose sides, are told wrongly, or not at all."""
    right, left = both.one(1), both.one(2)
    stale = {"Laterality": "L", "SeriesDescription": "Bilateral PA Fixed Flexion Knee"}
    yield scan("stale", both, **stale)
    yield scan("both by silence", both)
    yield scan("both, one tagged", both, ImageLaterality="R", reason="unknown_side")
    yield scan("both, flipped by its tags", mirrored(both), PatientOrientation=["R", "F"], side_from="tag")
    yield scan("right, untagged", right, side_from="anatomy")
    yield scan("left, untagged", left, side_from="anatomy")
    yield scan("right, tagged", right, ImageLaterality="R", side_from="tag")
    yield scan("right, tagged left", right, ImageLaterality="L", reason="unknown_side")
    yield scan("left, tagged right", left, SeriesDescription="Knee right AP", reason="unknown_side")
    yield scan("left, tagged as both", left, ImageLaterality="B", reason="one_knee_expected_two")
    yield picture("right.png", right, side_from="anatomy")
    yield picture("left.jpg", left, side_from="anatomy")
    visits = np.concatenate([right.pixels, right.pixels], axis=1)
    yield scan("one knee at two visits", Film(visits, {}), reason="unknown_side")
    three = np.concatenate([both.pixels, left.pixels], axis=1)
    yield scan("a knee too many", Film(three, {}), reason="too_many_joints")
    x1, _, x2, _ = both.joints[2]
    beside = both.columns(0, x1 + 0.45 * (x2 - x1))  # the other knee's inner half is on the film
    yield scan("right and a part of the left", beside, ImageLaterality="R", side_from="tag")
    shins = cv2.resize(both.pixels[int(both.joints[1][3]) + 10 :], None, fx=1.5, fy=1.5)
    yield scan("no joint on it", Film(shins, {}), reason="no_joint")


def turned_cases(both: Film) -> Iterator[Case]:
    """Films on their heads and on their sides."""
    for quarters in (1, 2, 3):
        yield scan(f"both, turned {quarters}", both.quarters(quarters), reason="turned")
        yield scan(f"right, turned {quarters}", both.one(1).quarters(quarters), reason="turned")
    yield picture("left-turned.png", both.one(2).quarters(2), reason="turned")
    head = both.quarters(2)
    height, width = both.pixels.shape
    joints = {
        side: (width - x2, height - y2, width - x1, height - y1)
        for side, (x1, y1, x2, y2) in both.joints.items()
    }
    yield scan(
        "on its head by its tags", Film(head.pixels, joints), PatientOrientation=["R", "H"], side_from="tag"
    )
    yield scan("upright against its tags", both, PatientOrientation=["R", "H"], reason="turned")


def negative_cases(both: Film) -> Iterator[Case]:
    """Films with dark bone, whatever the header says, and films that only look as if."""
    identity = {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "IDENTITY"}
    inverse = {"PhotometricInterpretation": "MONOCHROME2", "PresentationLUTShape": "INVERSE"}
    yield scan("negative, identity", both.negative, turned=True, **identity)
    yield scan("positive, inverse", both, turned=True, **inverse)
    yield scan("negative", both.negative, turned=True)
    yield scan("negative by its header too", both.negative, PhotometricInterpretation="MONOCHROME1")
    yield picture("negative.png", both.negative, turned=True)
    yield picture("negative-left.png", both.one(2).negative, turned=True, side_from="anatomy")
    yield scan("framed in white", framed(both, TOP))
    yield scan("negative, framed in black", framed(both.negative, 0), turned=True)
    yield scan("negative, redacted in black", redacted(both.negative, 0), turned=True)
    yield scan("redacted in white", redacted(both, TOP))


def window_cases(both: Film) -> Iterator[Case]:
    """Films that their own table or window shows dark, or burnt out."""
    yield scan("13 of 16 bits", both, VOILUTSequence=table(16, 13))
    yield scan("12 of 15 bits", both, VOILUTSequence=table(15, 12))
    yield scan("a table of another range", both, VOILUTSequence=table(16, 16, 0.06), noted=True)
    yield scan("a window far too wide", both, WindowCenter=30000, WindowWidth=60000, noted=True)
    yield scan("a window below the film", both, WindowCenter=250, WindowWidth=400, noted=True)


def table(bits: int, used: int, share: float = 1.0) -> list[Dataset]:
    """A VOI LUT whose descriptor says `bits`, and whose entries fill a share of `used` (PS3.3 C.11.2)."""
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [TOP + 1, 0, bits])
    entries = np.linspace(0, share * (2**used - 1), TOP + 1).astype("<u2")
    if share < 1:  # one entry of the whole range, as of lead letters
        entries[-1] = 2**used - 1
    item.add_new("LUTData", "OW", entries.tobytes())
    return [item]


def mirrored(both: Film) -> Film:
    """The film as seen from behind."""
    width = both.pixels.shape[1]
    joints = {side: (width - x2, y1, width - x1, y2) for side, (x1, y1, x2, y2) in both.joints.items()}
    return Film(np.ascontiguousarray(both.pixels[:, ::-1]), joints)


def framed(both: Film, value: int) -> Film:
    """The film within a broad frame of one value."""
    height, width = both.pixels.shape
    canvas = np.full((height + 200, width + 300), value, np.uint16)
    canvas[100:-100, 150:-150] = both.pixels
    joints = {
        side: (x1 + 150, y1 + 100, x2 + 150, y2 + 100) for side, (x1, y1, x2, y2) in both.joints.items()
    }
    return Film(canvas, joints)


def redacted(both: Film, value: int) -> Film:
    """The film with blocks over two corners and beside a joint."""
    pixels = both.pixels.copy()
    height, width = pixels.shape
    pixels[: height // 6, : width // 3] = pixels[-height // 6 :, -width // 3 :] = value
    x1, y1, x2, y2 = (int(edge) for edge in both.joints[1])
    pixels[y1:y2, : x1 + (x2 - x1) // 10] = value
    return Film(pixels, both.joints)


def scan(name: str, shown: Film, *, reason: str = "", side_from: str = "position", turned: bool = False,
         noted: bool = False, **tags: object) -> Case:  # fmt: skip
    """A case as a DICOM file."""
    ds = dicom(np.ascontiguousarray(shown.pixels), bits=12, **{"ViewPosition": None} | tags)
    joints = {} if reason else shown.joints
    return Case(f"{name}.dcm", as_bytes(ds), joints, reason, side_from, turned, noted or turned)


def picture(
    name: str, shown: Film, *, reason: str = "", side_from: str = "position", turned: bool = False
) -> Case:
    """A case as a picture file of 8 bits."""
    encoder: Callable[..., tuple[bool, np.ndarray]] = cv2.imencode
    data = encoder(f".{name.partition('.')[2]}", (shown.pixels >> 4).astype(np.uint8))[1].tobytes()
    return Case(name, data, {} if reason else shown.joints, reason, side_from, turned, turned)
