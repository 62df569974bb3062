"""From what somebody does on the page to an act of the journal, and back to what the page shows of acts."""

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from deployments.review.desk import Desk
from deployments.review.entry import Entry
from jsl_core.review.acts import OF_FILMS, Kind, Subject, parse_value
from jsl_core.review.film_view import FilmView
from jsl_core.review.journal import NamedAct
from jsl_core.storage import digest_of

__all__ = [
    "Change",
    "apply_change",
    "corrections_of",
    "is_negative",
    "is_pair",
    "shown_acts",
    "shown_side",
    "view_of",
]

_OF_SIDES: tuple[Kind, ...] = ("box", "margins", "exclude")


class Change(BaseModel):
    """What the page asks for: places are pixels of the film as it is displayed.

    Attributes:
        key: Of the entry.
        what: The kind of act.
        side: 1 or 2, where it is not the entry's own.
        value: Text; four numbers of a box; lines of margins; blank to take a correction back.
        upon: The name of the last act on the same that the page has seen.
        undoes: The name of the act that is taken back.
    """

    model_config = ConfigDict(extra="forbid")

    key: str = Field(max_length=32)
    what: Kind
    side: Literal[0, 1, 2] = 0
    value: str | tuple[float, float, float, float] | dict[str, dict[str, list[tuple[float, float]]]] = ""
    upon: str = Field("", max_length=100)
    undoes: str = Field("", max_length=100)


def apply_change(desk: Desk, change: Change, who: str) -> list[dict[str, Any]]:
    """Append an act to the journal; with the sides of a film what was drawn on them changes places, too.

    Args:
        desk: The run that is shown.
        change: What the page asks for.
        who: The reviewer.

    Returns:
        The acts as the page shows them.

    Raises:
        UnknownKnee: If the run does not have the knee.
        Conflict: If somebody else was first.
        ValueError: If the value is none of its kind.
    """
    entry = desk.entry(change.key)
    if bool(desk.reader) != (change.what == "reading"):
        raise ValueError("this page is for readings alone" if desk.reader else "this page takes no readings")
    subject = _subject_of(desk, entry, change)
    value = _stored_value(view_of(desk, entry), change)
    if value:
        parse_value(change.what, value)
    act = desk.journal.append(subject, value, desk.reader or who, change.upon, change.undoes)
    acts = [act]
    if change.what == "sides" and not change.undoes:
        acts += _exchange_sides(desk, entry, who)
    return [_shown_act(desk, each) for each in acts]


def shown_acts(desk: Desk) -> list[dict[str, Any]]:
    """All acts on entries of the run, oldest first; for a grader their own readings alone."""
    return [
        _shown_act(desk, act)
        for act in desk.journal.acts()
        if (act.subject.reader == desk.reader if desk.reader else act.subject.what != "reading")
    ]


def corrections_of(desk: Desk, entry: Entry) -> dict[tuple[Kind, int], Any]:
    """What holds for the entry's film after all acts, by kind and side (0 for the film)."""
    held: dict[tuple[Kind, int], Any] = {}
    for act in desk.journal.acts():
        subject = act.subject
        if not act.counts or not entry.file or subject.film != entry.file:
            continue
        if subject.pixels in ("", entry.pixels) and act.value:
            held[subject.what, subject.side] = parse_value(subject.what, act.value)
        elif subject.pixels in ("", entry.pixels):
            held.pop((subject.what, subject.side), None)
    return held


def view_of(desk: Desk, entry: Entry) -> FilmView:
    """How the entry's film is displayed with the corrections that hold."""
    if not entry.film.get("png"):
        return FilmView(1, 1)
    held = corrections_of(desk, entry)
    mirrored = is_pair(desk, entry) and ("sides", 0) in held
    return FilmView.of_row(entry.film, held.get(("turn", 0), 0), mirrored=mirrored)


def shown_side(desk: Desk, entry: Entry) -> int:
    """The side of what the run has found there, with the corrections that hold; 0 for a film.

    Of two knees the one at the left of the display is the right one. Where a quarter turn has put them above
    each other, and of a single knee, only somebody who swaps the sides changes them.
    """
    if not entry.side:
        return 0
    now_swapped, run_swapped = ("sides", 0) in corrections_of(desk, entry), "sides" in entry.corrected_kinds
    is_other = now_swapped != run_swapped
    if is_pair(desk, entry):
        view, run_view = view_of(desk, entry), entry.run_view()
        x, _ = view.show(*run_view.find(0, run_view.size[1] / 2))  # the middle of what was the left edge
        is_other = x > 0 if x in (0, view.size[0]) else is_other
    return 3 - entry.side if is_other else entry.side


def is_pair(desk: Desk, entry: Entry) -> bool:
    """Whether swapping the sides of the entry's film mirrors it: it shows both knees.

    Not of a film on which a run has found one, swapped its side, and taken the other from a reviewer's box.
    """
    of_film = desk.by_film[entry.file]
    named = any("sides" in each.corrected_kinds and not each.knee.get("mirrored") for each in of_film)
    return not named and len({each.side for each in of_film} - {0}) > 1


def is_negative(desk: Desk, entry: Entry) -> bool:
    """Whether the film is displayed as the negative of what the run has stored."""
    done = bool(entry.film.get("corrected", {}).get("polarity"))
    return done != (("polarity", 0) in corrections_of(desk, entry))


def _subject_of(desk: Desk, entry: Entry, change: Change) -> Subject:
    side = change.side or entry.side
    reader = desk.reader if change.what == "reading" else ""
    if not entry.file:  # a crop that a table names
        return Subject(knee=entry.row_name, what=change.what, reader=reader)
    if change.what in OF_FILMS or not side:
        return Subject(film=entry.file, pixels=entry.pixels, what=change.what)
    own = entry.ID if side == entry.side else ""
    knee = own or f"{entry.film.get('participant', '')}_{side}"
    return Subject(
        film=entry.file, pixels=entry.pixels, side=side, knee=knee, what=change.what, reader=reader
    )


def _exchange_sides(desk: Desk, entry: Entry, who: str) -> list[NamedAct]:
    """Give what was drawn on one side of a film to the other one: places stay, their names change."""
    last = {
        (act.subject.what, act.subject.side): act
        for act in desk.journal.acts()
        if act.counts and act.subject.film == entry.file and act.subject.pixels == entry.pixels
    }
    person, made, single = entry.film.get("participant", ""), [], not is_pair(desk, entry)
    for what in _OF_SIDES:
        values = {side: last[what, side].value if (what, side) in last else "" for side in (1, 2)}
        if what == "margins" and single:  # the knee is not mirrored: what was medial is lateral
            values = {side: value and _exchange_compartments(value) for side, value in values.items()}
        for side in (1, 2):
            old = last.get((what, side))
            if values[3 - side] != values[side]:
                subject = (
                    old.subject
                    if old
                    else Subject(
                        film=entry.file, pixels=entry.pixels, side=side, knee=f"{person}_{side}", what=what
                    )
                )
                made.append(desk.journal.append(subject, values[3 - side], who, old.name if old else ""))
    return made


def _exchange_compartments(margins: str) -> str:
    lines = json.loads(margins)
    return json.dumps({"medial": lines["lateral"], "lateral": lines["medial"]})


def _stored_value(view: FilmView, change: Change) -> str:
    """A value as the journal has it: places are pixels of the film as its file stores it."""
    value = change.value
    if isinstance(value, dict):
        lines = {
            part: {
                bone: [[round(n, 1) for n in view.find(*point)] for point in line]
                for bone, line in each.items()
            }
            for part, each in value.items()
        }
        return json.dumps(lines)
    if isinstance(value, tuple):
        x1, y1, x2, y2 = value
        width, height = view.size
        box = max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height))
        return " ".join(f"{number:.1f}" for number in view.find_box(box))
    return value.strip()


def _shown_act(desk: Desk, act: NamedAct) -> dict[str, Any]:
    subject = act.subject
    entries = desk.entries_of(subject)
    of_side = [entry for entry in entries if not subject.side or entry.side in (0, subject.side)]
    stale = bool(subject.pixels) and any(entry.pixels != subject.pixels for entry in entries)
    return {
        "name": act.name,
        "what": subject.what,
        "side": subject.side,
        "subject": digest_of(subject.model_dump(mode="json"))[:16],
        "keys": [entry.key for entry in of_side or entries],
        "value": ("drawn" if act.value else "") if subject.what == "margins" else act.value,
        "who": act.who,
        "when": act.when,
        "undoes": act.undoes,
        "counts": act.counts,
        "stale": stale,
    }
