"""`corrections.csv`: all acts of a journal for people and spreadsheets, which may also write one by hand."""

import csv
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from jsl_core.cohort.cells import Cells, read_cells
from jsl_core.cohort.persons import parse_knee
from jsl_core.errors import BadTable
from jsl_core.review.acts import KINDS, Act, Subject
from jsl_core.system.spreadsheet import format_csv, unescape_cell

__all__ = ["COLUMNS", "TABLE", "format_acts", "parse_acts", "read_acts"]

TABLE = "corrections.csv"  # its key in a store
COLUMNS = (
    "when",
    "who",
    "film",
    "pixels",
    "side",
    "knee",
    "what",
    "value",
    "before",
    "undoes",
    "act",
    "counts",
)
_NEEDED = ("what", "value")
_BY_HAND = "by hand"


def format_acts(acts: Iterable[Act]) -> bytes:
    """Write acts as CSV in their order; `counts` is no for one of a journal that came second to another's."""
    rows = [
        {
            **act.subject.model_dump(exclude={"reader"}),
            "side": act.subject.side or "",
            **{name: getattr(act, name) for name in ("when", "who", "value", "before", "undoes")},
            "act": getattr(act, "name", ""),
            "counts": "yes" if getattr(act, "counts", True) else "no",
        }
        for act in acts
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype(str)
    return format_csv(table, quoting=csv.QUOTE_ALL).encode()  # a film's name may hold a carriage return


def read_acts(path: Path) -> list[Act]:
    """Read the acts of a `corrections.csv`, as a store has it or as somebody has edited or written it.

    Needed are the columns `what` and `value`, and `film` and `side`, or `knee`. Of several rows on one
    subject the last one counts.

    Raises:
        BadTable: If it is no such table; the message names the row, counted as a spreadsheet counts.
    """
    cells = read_cells(path, _NEEDED)
    places = {name: _place(cells, name) for name in COLUMNS}
    missing = [name for name in _NEEDED if places[name] is None]
    if missing or (places["film"] is None and places["knee"] is None):
        raise BadTable(
            f"{cells.name}: no column {(missing or ['film'])[0]}; give film, side, knee, what and value"
        )
    acts = []
    for row, number in zip(cells.rows, cells.numbers, strict=True):
        texts = {name: unescape_cell(row[place]) for name, place in places.items() if place is not None}
        if texts.get("counts", "").strip().lower() != "no":
            acts.append(_act_of(texts, f"{cells.name}: row {number}"))
    return acts


def parse_acts(data: bytes) -> list[Act]:
    """Read the acts that `format_acts` wrote; as `read_acts`."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, TABLE)
        file.write_bytes(data)
        return read_acts(file)


def _place(cells: Cells, name: str) -> int | None:
    found = cells.places_of(name)
    if len(found) > 1:
        raise BadTable(f"{cells.name}: {cells.describe(found)} have one name; leave one of them")
    return found[0] if found else None


def _act_of(texts: dict[str, str], where: str) -> Act:
    side = texts.get("side", "").strip().removesuffix(".0") or "0"
    film, knee = texts.get("film", ""), texts.get("knee", "").strip()
    if not texts.get("act"):  # written by hand; a journal has names as the files have them
        film = film.strip()
    what, who = texts["what"].strip(), texts.get("who", "").strip() or _BY_HAND
    if side not in ("0", "1", "2"):
        raise BadTable(f"{where}: side is {side[:20]!r}; give 1 for right, 2 for left, or leave it blank")
    if what not in KINDS:
        raise BadTable(f"{where}: what is {what[:20]!r}; give one of {', '.join(KINDS)}")
    parsed = parse_knee(knee)
    if side != "0" and parsed and parsed[1] != int(side):
        raise BadTable(
            f"{where}: side is {side}, and knee {knee[:40]!r} is the other one; correct one of them"
        )
    try:
        subject = Subject(
            film=film,
            pixels=texts.get("pixels", "").strip(),
            knee=knee,
            side=int(side),
            what=what,
            reader=who if what == "reading" else "",
        )
        return Act(
            subject=subject,
            value=texts["value"].strip(),
            who=who,
            when=texts.get("when", "").strip(),
        )
    except ValidationError as error:
        problem = error.errors()[0]
        what_is_wrong = str(problem["msg"]).removeprefix("Value error, ")
        field = ".".join(str(part) for part in problem["loc"])
        text = f"{field}: {what_is_wrong}" if field else what_is_wrong
        raise BadTable(f"{where}: {text}; correct or remove that row") from None
