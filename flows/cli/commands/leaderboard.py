"""`jsl leaderboard`: cards checked, and the table of a document made from them."""

from pathlib import Path

from jsl_core.errors import BadTable

__all__ = ["leaderboard"]


def leaderboard(
    cards: Path = Path("docs/leaderboard"), *, doc: Path | None = None, check: bool = False
) -> None:
    """Check the cards of a folder, and print the tables made from them, or write them into a document.

    Args:
        cards: Folder of the cards that jsl evaluate --submit wrote.
        doc: Document to write the tables into, between its lines for them.
        check: With --doc: only say whether the document has these tables.
    """
    from jsl_core.evaluation.leaderboard.table import fill_document, read_cards, write_tables
    from jsl_core.system.files import write_atomically

    read = read_cards(cards)
    tables = write_tables(read)
    if doc is None:
        print(tables, end="")
        return
    try:
        text = doc.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise BadTable(f"{doc}: cannot be read; give a document in UTF-8") from None
    filled = fill_document(text, tables, doc.name)
    if check and filled != text:
        raise BadTable(f"{doc}: has other tables than {cards} gives; write them with jsl leaderboard --doc")
    if not check:
        with write_atomically(doc) as file:
            file.write(filled.encode())
    print(f"{len(read)} cards are in order; {doc} has their tables")
