"""Records of a scan and of a knee: allow-listed facts only, never free text of a header."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict

__all__ = ["HowSplit", "KneeRecord", "Laterality", "ScanRecord"]

Laterality = Literal["R", "L", "B", ""]
HowSplit = Literal["valley", "half", "single"]

_KNEES = {"R": "right", "L": "left", "B": "bilateral"}
_FLIPPED, _UPSIDE_DOWN = "flipped", "upside-down"


class ScanRecord(BaseModel):
    """One film.

    `view` is the projection, PA or AP, blank where the header is silent. `spacing_mm` is (between rows,
    between columns). `laterality` is B for both knees and blank where no tag says; `flipped` means that by
    the tags the patient's right is on the right of the picture, `upside_down` that the feet are up. `pixels`
    is the digest of the pixels as stored, the same under any file name.
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
    pixels: str = ""

    @property
    def words(self) -> str:
        """What the film shows, as a table says it: `PA bilateral`, `AP right flipped`."""
        orientation = (_FLIPPED if self.flipped else "", _UPSIDE_DOWN if self.upside_down else "")
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
            **fields,
        )


class KneeRecord(BaseModel):
    """One knee of a film: side 1 is right, 2 left; the box is (x1, y1, x2, y2) in the film's pixels.

    `spacing_mm` is one number, and None too where a film's pixels are not square.
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
