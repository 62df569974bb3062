"""All that a run hands to readers: the page, the reporting checklists, and a card of each model."""

from pathlib import Path

from jsl_core.evaluation.report.checklist import anchors_of, fill_checklists
from jsl_core.evaluation.report.content import ReportContent
from jsl_core.evaluation.report.model_card import write_card
from jsl_core.evaluation.report.page import page_environment, write_report
from jsl_core.evaluation.report.published import TITLES
from jsl_core.system.files import write_atomically

__all__ = ["write_papers"]

_CARDS = "cards"


def write_papers(content: ReportContent, folder: Path) -> None:
    """Write `report.html`, `checklist.html` and `cards/MODEL.md` into a folder.

    Args:
        content: What the page shows.
        folder: Where to; made where it is missing.

    Raises:
        StoreError: If a file cannot be written.
    """
    (folder / _CARDS).mkdir(parents=True, exist_ok=True)
    page = folder / "report.html"
    write_report(content, page)
    models = list(content.figures["models"])
    for model in models:
        _write(folder / _CARDS / f"{model}.md", write_card(content, model))
    anchors = anchors_of(page.read_text(encoding="utf-8")) | {"cards", "models"}
    checklist = (
        page_environment()
        .get_template("checklist.html")
        .render(
            name=content.name,
            guidelines=list(fill_checklists(anchors)),
            cards=[(TITLES.get(model, model), f"{_CARDS}/{model}.md") for model in models],
        )
    )
    _write(folder / "checklist.html", checklist)


def _write(path: Path, text: str) -> None:
    with write_atomically(path) as file:
        file.write(text.encode())
