"""A report as tests read it: its text and its elements."""

from html.parser import HTMLParser
from pathlib import Path

from jsl_core.evaluation.report.content import ReportContent
from jsl_core.evaluation.report.page import write_report

__all__ = ["Page", "written"]


class Page(HTMLParser):
    """A page's text, its elements with their attributes, and what no closing tag was found for."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in ("meta", "img", "br", "rect"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def written(content: ReportContent, folder: Path) -> Page:
    """The page that a report's content makes, and nothing beside it."""
    write_report(content, folder / "report.html")
    assert [file.name for file in folder.iterdir()] == ["report.html"]
    return Page(folder / "report.html")
