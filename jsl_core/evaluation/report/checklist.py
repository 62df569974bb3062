"""The items of TRIPOD+AI and CLAIM 2024, each with where a run answers it; what it cannot answer is blank."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Guideline", "Item", "anchors_of", "fill_checklists"]

_FILE = Path(__file__).with_name("checklist.toml")


@dataclass(frozen=True)
class Item:
    """An item of a guideline.

    Attributes:
        number: As the guideline has it, such as 12c.
        asks: What it asks, in our words.
        answers: Where it is answered: name and address of each place.
        remark: What of it is not; "" for nothing, and where there is no answer at all.
    """

    number: str
    asks: str
    answers: tuple[tuple[str, str], ...]
    remark: str


@dataclass(frozen=True)
class Guideline:
    """A guideline's title and items, and how many of these have an answer."""

    title: str
    items: tuple[Item, ...]

    @property
    def answered(self) -> int:
        """How many items have an answer."""
        return sum(bool(item.answers) for item in self.items)


def fill_checklists(anchors: frozenset[str], page: str = "report.html") -> Iterator[Guideline]:
    """Fill the checklists for a page that has these sections.

    Args:
        anchors: Of `anchors_of`, and `cards` and `models` where there are any.
        page: Its name.
    """
    table = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    names, beside = table["places"], {"cards": "#cards", "models": f"{page}#made"}
    for guideline in table["guideline"]:
        items = []
        for number, asks, places, *remark in guideline["items"]:
            answers = tuple(
                (names[place], beside.get(place, f"{page}#{place}")) for place in places if place in anchors
            )
            items.append(Item(number, asks, answers, "".join(remark) if answers else ""))
        yield Guideline(guideline["title"], tuple(items))


def anchors_of(page: str) -> frozenset[str]:
    """The anchors of an HTML page."""
    return frozenset(re.findall(r'\bid="([^"]+)"', page))
