"""One act of a reviewer: who changed what, when, and what was before.

Places are pixels of the film as its file stores it, x right and y down, whatever way a run or page shows it.
"""

import json
import re
from collections.abc import Callable
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

__all__ = ["KINDS", "LONGEST_NAME", "OF_FILMS", "UNGRADABLE", "Act", "Kind", "Subject", "parse_value"]

Kind = Literal["box", "sides", "turn", "polarity", "exclude", "grade", "margins", "note", "reading"]
KINDS: tuple[Kind, ...] = get_args(Kind)
OF_FILMS = frozenset({"sides", "turn", "polarity"})  # what is true of a film and not of one of its knees
UNGRADABLE = "ungradable"
LONGEST_NAME = 80  # characters of a person's

_NARROWEST = 0.6  # width over height of a box, below which cropping takes the joint for cut off
_SMALLEST = 16  # pixels of a box's side
_LONGEST = 2000  # characters of a note or reason
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_COMPARTMENTS, _BONES = ("medial", "lateral"), ("femoral", "tibial")


class Subject(BaseModel):
    """What an act is about: a film (side 0), or one of its knees.

    Attributes:
        film: The file's name as the run has it; blank for a crop that a table names.
        pixels: How the digest of the film's pixels as stored begins: another film has another.
        side: 1 right, 2 left, 0 the whole film.
        knee: The knee's ID; blank for a whole film.
        what: The kind of act.
        reader: Whose reading it is: readers do not change each other's. Blank for all other kinds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    film: str = Field("", max_length=1000)
    pixels: str = Field("", pattern=r"^([0-9a-f]{16})?$")
    side: Literal[0, 1, 2] = 0
    knee: str = Field("", max_length=200)
    what: Kind
    reader: str = Field("", max_length=LONGEST_NAME)

    @model_validator(mode="after")
    def _is_of_something(self) -> "Subject":
        if not (self.film or self.knee):
            raise ValueError("names neither a film nor a knee")
        if self.what in OF_FILMS and self.side:
            raise ValueError(f"{self.what} is of a whole film; leave side and knee blank")
        if self.what in ("box", "margins") and not (self.film and self.side):
            raise ValueError(f"{self.what} needs a film and a side, 1 or 2")
        if self.what == "exclude" and self.film and self.knee and not self.side:
            raise ValueError("exclude names a knee of a film; give its side, or no knee for the whole film")
        if self.what in ("grade", "reading") and not self.knee:
            raise ValueError(f"{self.what} needs a knee")
        if (self.what == "reading") != bool(self.reader):
            raise ValueError("a reading has a reader, and nothing else has")
        return self


class Act(BaseModel):
    """What somebody changed. `value` is blank where a correction was taken back.

    Attributes:
        subject: What it is about, and of which kind.
        value: What holds from now on: see `parse_value`.
        before: What held before.
        who: The reviewer, as they call themselves.
        when: ISO 8601, UTC, with milliseconds.
        after: The name of the act on the same subject that this one was made upon; blank for the first.
        undoes: The name of the act that this one takes back; blank for none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    subject: Subject
    value: str = Field("", max_length=200_000)
    before: str = ""
    who: str = Field(min_length=1, max_length=LONGEST_NAME)
    when: str
    after: str = ""
    undoes: str = ""

    @field_validator("who")
    @classmethod
    def _is_one_line(cls, who: str) -> str:
        if not who.strip() or not who.isprintable():
            raise ValueError("who is blank or no single line")
        return who.strip()

    @model_validator(mode="after")
    def _has_a_value_of_its_kind(self) -> "Act":
        if self.value:
            parse_value(self.subject.what, self.value)
        return self


def parse_value(what: Kind, text: str) -> Any:
    """Read what an act says.

    Args:
        what: Its kind.
        text: `box`: x1 y1 x2 y2. `sides`: swapped. `turn`: 90, 180 or 270 degrees clockwise. `polarity`:
            turned. `grade`: 0 to 4. `reading`: 0 to 4, or ungradable. `margins`: JSON, points [x, y] of
            each bone (femoral, tibial) from left to right, by compartment (medial, lateral). `exclude`: the
            reason. `note`: any text.

    Returns:
        A tuple of four numbers, True, an int, a dict, or the text.

    Raises:
        ValueError: Where it is none; the message says what would be.
    """
    return _PARSERS[what](text.strip())


def _parse_box(text: str) -> tuple[float, float, float, float]:
    try:
        x1, y1, x2, y2 = (float(word) for word in text.replace(",", " ").split())
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no box; give x1 y1 x2 y2 in pixels") from None
    if not (0 <= x1 < x2 < 1e5 and 0 <= y1 < y2 < 1e5):
        raise ValueError(f"{text[:40]!r} is no box; x1 y1 is its upper left corner, x2 y2 the lower right")
    if min(x2 - x1, y2 - y1) < _SMALLEST or not _NARROWEST <= (x2 - x1) / (y2 - y1) <= 1 / _NARROWEST:
        raise ValueError(f"{text[:40]!r} is no joint's box: too small, or too far from a square")
    return x1, y1, x2, y2


def _parse_margins(text: str) -> dict[str, dict[str, list[tuple[float, float]]]]:
    try:
        margins = {
            part: {bone: [(float(x), float(y)) for x, y in json.loads(text)[part][bone]] for bone in _BONES}
            for part in _COMPARTMENTS
        }
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError(
            "no margins; give points of the femoral and tibial margin, medial and lateral"
        ) from None
    for line in (margins[part][bone] for part in _COMPARTMENTS for bone in _BONES):
        if not 2 <= len(line) <= 500 or not all(0 <= number < 1e5 for point in line for number in point):
            raise ValueError("a margin has from 2 to 500 points, within the film")
    return margins


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"{text[:40]!r} is not one of {', '.join(words)}")
        return text

    return parse


def _parse_text(text: str) -> str:
    if not text or len(text) > _LONGEST:
        raise ValueError(f"a note or reason has from 1 to {_LONGEST} characters")
    if _STEERING.search(text):
        raise ValueError("a note or reason has no characters that steer a terminal or the order of letters")
    return text


_GRADES = _one_of("0", "1", "2", "3", "4")
_PARSERS: dict[Kind, Callable[[str], Any]] = {
    "box": _parse_box,
    "sides": lambda text: bool(_one_of("swapped")(text)),
    "turn": lambda text: int(_one_of("90", "180", "270")(text)),
    "polarity": lambda text: bool(_one_of("turned")(text)),
    "exclude": _parse_text,
    "grade": lambda text: int(_GRADES(text)),
    "margins": _parse_margins,
    "note": _parse_text,
    "reading": _one_of("0", "1", "2", "3", "4", UNGRADABLE),
}
