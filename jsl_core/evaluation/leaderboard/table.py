"""The leaderboard's tables in Markdown, made from cards, and put between two marks of a document."""

from collections.abc import Sequence
from html import escape
from itertools import groupby
from pathlib import Path

from jsl_core.errors import BadTable
from jsl_core.evaluation.leaderboard.card import Card, FigureOnCard, read_card

__all__ = ["fill_document", "read_cards", "write_tables"]

_BEGIN, _END = "<!-- cards: begin -->", "<!-- cards: end -->"
_TITLES = {"jsl": "Progression", "kl": "KL grade"}
_COLUMNS = {
    "jsl": {"AUC": "auc", "Average precision": "ap", "Brier": "brier", "Slope": "slope"},
    "kl": {"Quadratic kappa": "kappa", "Accuracy": "accuracy", "Balanced": "balanced_accuracy",
           "AUC, KL ≥ 2": "osteoarthritis"},
}  # fmt: skip
_SHORT = 12  # digits of a digest that a table shows


def read_cards(folder: Path) -> list[Card]:
    """Read and check all cards (`*.json`) of a folder.

    Raises:
        BadTable: If there are none, one is no card, or two are of one model on one test.
    """
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise BadTable(f"{folder}: holds no card; put there what jsl evaluate --submit wrote")
    cards: dict[tuple[str, str], Path] = {}
    read = []
    for path in paths:
        card = read_card(path)
        key = card.model.digest, card.test.labels
        if key in cards:
            raise BadTable(f"{path.name}: of the same model and test as {cards[key].name}; keep one")
        cards[key] = path
        read.append(card)
    return read


def write_tables(cards: Sequence[Card]) -> str:
    """Write a section of each test, with a table of each outcome, the best model first.

    Only cards whose people and labels are the same stand in one table.
    """

    def test_of(card: Card) -> tuple[bool, str, str, str, str]:
        test = card.test
        return test.phantom, test.cohort, test.split, test.people, test.labels

    sections = []
    for _, group in groupby(sorted(cards, key=test_of), test_of):
        sections += _section(list(group))
    return "\n".join(sections).strip() + "\n"


def _section(cards: list[Card]) -> list[str]:
    test = cards[0].test
    phantom = ", phantoms: phantom figures are no clinical ones" if test.phantom else ""
    lines = [
        f"### {test.cohort}, {test.split}{phantom}",
        "",
        f"{test.knees:,} knees of {test.participants:,} participants; people `{test.people[:_SHORT]}`, "
        f"labels `{test.labels[:_SHORT]}`.",
        "",
    ]
    for outcome in ("jsl", "kl"):
        measured = [card for card in cards if outcome in card.outcomes]
        if measured:
            lines += _table(measured, outcome)
    return lines


def _table(cards: list[Card], outcome: str) -> list[str]:
    columns = _COLUMNS[outcome]
    first = next(iter(columns.values()))

    def rank(card: Card) -> tuple[float, str]:
        figure = card.outcomes[outcome].figures.get(first)  # type: ignore[index]
        return (-figure.value if figure else 1.0), card.model.digest

    heads = ["Model", "Digest", "Knees", *columns, "Program", "Date"]
    what = f": {escape(cards[0].test.outcome)}" if outcome == "jsl" and cards[0].test.outcome else ""
    lines = [f"**{_TITLES[outcome]}**{what}", "", "| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for card in sorted(cards, key=rank):
        part = card.outcomes[outcome]  # type: ignore[index]
        count = f"{part.events} of {part.n}" if part.events is not None else str(part.n)
        if card.scored < card.test.knees:
            count += f" ({card.test.knees - card.scored} not scored)"
        name = card.model.name + ("" if card.model.training_known else " †")
        name += " ‡" if outcome == "jsl" and card.model.outcome != card.test.outcome else ""
        cells = [name, f"`{card.model.digest[:_SHORT]}`", count]
        cells += [_figure(part.figures.get(key)) for key in columns.values()]
        lines.append("| " + " | ".join([*cells, card.program, f"{card.made:%Y-%m-%d}"]) + " |")
    return [*lines, ""]


def _figure(figure: FigureOnCard | None) -> str:
    if figure is None:
        return "–"
    value = f"{figure.value:.3f}"
    return value if figure.low is None else f"{value} [{figure.low:.3f}–{figure.high:.3f}]"


def fill_document(text: str, tables: str, name: str) -> str:
    """Put the tables between the two marks of a document.

    Raises:
        BadTable: If it has not both marks, once each and in their order.
    """
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise BadTable(f"{name}: has no place for the tables; write the lines {_BEGIN} and {_END} there")
    return f"{before}{_BEGIN}\n\n{tables}\n{_END}{after}"
