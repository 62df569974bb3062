"""Records of a scan and of a knee: allow-listed facts only, never free text of a header."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict

from jsl_core.imaging.look import FilmLook

__all__ = ["HowSplit", "KneeRecord", "Laterality", "PolarityFrom", "ScanRecord", "SideFrom"]

Laterality = Literal["R", "L", "B", ""]
HowSplit = Literal["valley", "between", "half", "single"]
SideFrom = Literal["tag", "position", "anatomy", "name", "review", ""]
PolarityFrom = Literal["header", "picture", ""]

_KNEES = {"R": "right", "L": "left", "B": "bilateral"}
_FLIPPED, _UPSIDE_DOWN, _ORIENTED = "flipped", "upside-down", "oriented"


class ScanRecord(BaseModel):
    """One film.

    `view` is the projection, PA or AP, blank where the header is silent. `spacing_mm` is (between rows,
    between columns). `laterality` is B for both knees and blank where no tag says; `flipped` means that by
    the tags the patient's right is on the right of the picture, `upside_down` that the feet are up,
    `oriented` that tags say either or neither. `pixels` is the digest of the pixels as stored, the same
    under any file name. `look` is what the picture shows, None where nobody looked. `polarity_from` tells
    whose word it is that bone is bright: the picture's where a film was turned, blank where nothing says.
    `note` tells in fixed words what was done against the header. `phantom`: the film is simulated.
    """

    model_config = ConfigDict(frozen=True)

    file: str
    participant: str
    view: str = ""
    spacing_mm: tuple[float, float] | None
    spacing_source: str
    width: int
    height: int
    bits: int
    photometric: str
    transfer_syntax: str
    laterality: Laterality = ""
    flipped: bool = False
    upside_down: bool = False
    oriented: bool = False
    pixels: str = ""
    polarity_from: PolarityFrom = ""
    note: str = ""
    phantom: bool = False
    look: FilmLook | None = None

    @property
    def joints_seen(self) -> int | None:
        """How many knee joints were found on the film; None where nobody looked."""
        return None if self.look is None else len(self.look.joints) + self.look.others

    @property
    def words(self) -> str:
        """What the film shows, as a table says it: `PA bilateral`, `AP right flipped`."""
        orientation = [
            word for word, applies in ((_FLIPPED, self.flipped), (_UPSIDE_DOWN, self.upside_down)) if applies
        ]
        if self.oriented and not orientation:
            orientation = [_ORIENTED]
        return " ".join(part for part in (self.view, _KNEES.get(self.laterality, ""), *orientation) if part)

    @classmethod
    def from_words(cls, words: str, **fields: Any) -> Self:
        """Make the record of a film of which a table says `words`."""
        parts = words.split()
        laterality = next((letter for letter, knees in _KNEES.items() if knees in parts), "")
        view = parts[0] if parts and parts[0] in ("PA", "AP") else ""
        return cls(
            view=view,
            laterality=laterality,
            flipped=_FLIPPED in parts,
            upside_down=_UPSIDE_DOWN in parts,
            oriented=bool({_FLIPPED, _UPSIDE_DOWN, _ORIENTED} & set(parts)),
            **fields,
        )


class KneeRecord(BaseModel):
    """One knee of a film: side 1 is right, 2 left; the box is (x1, y1, x2, y2) in the film's pixels.

    `side_from` tells what the side was taken from: a tag, the place on a conventional film, the anatomy, or a
    reviewer.
    `polarity_from`, `joints_seen` and `note` are the film's. `spacing_mm` is one number, and None too where a
    film's pixels are not square; `spacing_from` is the film's `spacing_source`.
    """

    model_config = ConfigDict(frozen=True)

    file: str
    ID: str
    participant: str
    side: Literal[1, 2]
    x1: int
    y1: int
    x2: int
    y2: int
    how: HowSplit
    spacing_mm: float | None
    spacing_from: str = ""
    side_from: SideFrom = ""
    polarity_from: PolarityFrom = ""
    joints_seen: int | None = None
    note: str = ""
