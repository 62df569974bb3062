"""One entry of the contact sheet: a knee of a film, or a film of which no knee was made."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from jsl_core.cohort.persons import normalise_knee
from jsl_core.review.film_view import Box, FilmView
from jsl_core.scans.rows import Row
from jsl_core.storage import Artifact, digest_of

__all__ = ["Entry"]


@dataclass(frozen=True)
class Entry:
    """A knee, or a film without one.

    Attributes:
        film: Row of the convert stage; empty for a crop that a table names.
        side: 1 right, 2 left, 0 for a film.
        ID: The knee's; blank for a film.
        knee: Its row of the split stage; empty where there is none.
        joint: Its row of the crop stage; empty where there is none.
        packed: Its row in the dataset's images; None where it is not in there.
        facts: What the sheet shows of it, by column.
    """

    film: Row = field(default_factory=dict)
    side: int = 0
    ID: str = ""
    knee: Row = field(default_factory=dict)
    joint: Row = field(default_factory=dict)
    packed: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def key(self) -> str:
        """Names it in addresses: nobody's name stands there."""
        visit = self.facts.get("visit", "") if not self.film else ""
        return digest_of([self.film.get("file", ""), self.ID, self.side, visit])[:16]

    @property
    def row_name(self) -> str:
        """The name of the table's row that it belongs to, as `row_names` has it; blank for a film."""
        visit = self.facts.get("visit", "")
        return normalise_knee(self.ID) + (f"@{visit}" if visit else "") if self.ID else ""

    @property
    def file(self) -> str:
        """The film's name; blank for a crop that a table names."""
        return str(self.film.get("file", ""))

    @property
    def pixels(self) -> str:
        """How the digest of the film's pixels begins."""
        return str(self.film.get("pixels", ""))[:16]

    @property
    def picture(self) -> Artifact | None:
        """What its thumbnail is made of: the joint, or else the film; None where neither was stored."""
        row = self.joint if self.joint.get("png") else self.film
        return Artifact.model_validate(row["png"]) if row.get("png") else None

    @property
    def corrected_kinds(self) -> Collection[str]:
        """The kinds of corrections that the run laid over the knee."""
        return self.knee.get("corrected", ())

    def run_view(self) -> FilmView:
        """The film as the run displayed it when it split it."""
        turn = self.film.get("corrected", {}).get("turn", 0)
        return FilmView.of_row(self.film, turn, mirrored=bool(self.knee.get("mirrored")))

    def joint_place(self) -> Box | None:
        """The crop's box on the film as the run displayed it, in its pixels; None where there is no joint."""
        if not self.joint.get("png") or not self.knee:
            return None
        start = self.start_column()
        x1, y1, x2, y2 = (float(self.joint[name]) for name in ("x1", "y1", "x2", "y2"))
        return x1 + start, y1, x2 + start, y2

    def start_column(self) -> int:
        """The knee's first column on the film as the run displayed it."""
        view = self.run_view()
        return int(view.size[0] - self.knee["x2"] if view.flipped else self.knee["x1"])

    def run_box(self) -> Box | None:
        """The joint's box in pixels of the film as its file stores it; None where the run has found none."""
        place = self.joint_place()
        if place is not None:
            return self.run_view().find_box(place)
        return self._looked_box()

    def was_cut_at(self, box: Box) -> bool:
        """Whether the run cut the joint at a reviewer's box, in pixels of the film as its file stores it."""
        own = self.knee.get("box")
        if not own or not self.joint.get("png"):
            return False
        start = self.start_column()
        done = self.run_view().find_box((own[0] + start, own[1], own[2] + start, own[3]))
        return all(abs(a - b) < 1 for a, b in zip(done, box, strict=True))

    def _looked_box(self) -> Box | None:
        """Where a look at the film found this side's joint."""
        look = self.film.get("look") or {}
        joints = look.get("joints", [])
        if not joints or "width" not in self.film:
            return None
        turn = self.film.get("corrected", {}).get("turn", 0)
        view = self.run_view()
        plain = FilmView(view.width, view.height, turn)
        boxes = [plain.find_box((each["x1"], each["y1"], each["x2"], each["y2"])) for each in joints]
        ordered = sorted(boxes, key=lambda box: view.show_box(box)[0])
        if len(ordered) == 1:
            return ordered[0]
        return ordered[0] if self.side == 1 else ordered[-1] if self.side == 2 else None
