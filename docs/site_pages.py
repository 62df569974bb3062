"""Pages of the site that are no file of docs/: README and its like, model cards, the reference from the code.

A hook of MkDocs (mkdocs.yml). Links between files of the repository become links between pages.
"""

import ast
import os
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pydantic import BaseModel

import jsl_core.config as settings_classes
from flows.cli.main import app
from jsl_core.config import Lab
from jsl_core.config.retrain import LAB_TABLES

ROOT = Path(__file__).parents[1]
_SOURCES = ("jsl_core", "tasks", "flows", "deployments")

# Page by file of the repository, beside those of docs/.
_PAGES = {
    "README.md": "readme.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "jsl_core/detection/weights/CARD.md": "cards/detector.md",
    "jsl_core/learning/weights/CARD.md": "cards/jslnet.md",
    "jsl_core/scoring/shipped/CARD.md": "cards/grader.md",
}
_LINK = re.compile(r"(\]\()(?!\w+:|#)([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for source, page in _PAGES.items():
        text = relink((ROOT / source).read_text(), source, page)
        files.append(File.generated(config, page, content=text))
    for name, text in (("settings", settings()), ("commands", commands()), ("modules", modules())):
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turn the links of a page of docs/ to the pages of files that lie elsewhere."""
    path = page.file.src_uri
    return markdown if page.file.generated_by else relink(markdown, f"docs/{path}", path)


def relink(text: str, source: str, page: str) -> str:
    """The text of a file with its links as seen from its page.

    Args:
        text: Markdown.
        source: The file, from the repository's root.
        page: The page, from the site's.
    """

    def to_page(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), match[2]))
        uri = _PAGES.get(target, target.removeprefix("docs/"))
        return match[1] + os.path.relpath(uri, posixpath.dirname(page) or ".")

    return _LINK.sub(to_page, text)


def settings() -> str:
    """Every setting with its default and its help: those of a file by its tables, then those of commands."""
    run, *of_labs = get_type_hints(Lab).values()
    todo = [("", run), *zip(LAB_TABLES, of_labs, strict=True)]
    todo += [(None, getattr(settings_classes, name)) for name in settings_classes.__all__]
    tables: dict[type[BaseModel], list[str]] = {}
    while todo:
        table, model = todo.pop(0)
        if (
            not (isinstance(model, type) and issubclass(model, BaseModel))
            or model is settings_classes.Settings
        ):
            continue
        tables.setdefault(model, []).extend([] if table is None else [table])
        if table is not None:  # before what comes after the class
            todo[:0] = [(f"{table}.{name}".lstrip("."), each) for name, each in _nested(model).items()]
    parts = ["# Settings\n\nThe same names in a file (TOML), in a form and on the command line.\n"]
    return "\n".join([*parts, *(_describe(model, places) for model, places in tables.items())])


def _nested(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """The classes of a class's settings by their names; where they come from is for the program alone."""
    return {
        name: field.annotation
        for name, field in model.model_fields.items()
        if isinstance(field.annotation, type)
        and issubclass(field.annotation, BaseModel)
        and name != "sources"
    }


def _describe(model: type[BaseModel], tables: list[str]) -> str:
    rows = []
    nested = _nested(model)
    for name, field in model.model_fields.items():
        if name == "sources":
            continue
        if name in nested:
            kind = nested[name].__name__
            value, help_text = f"[{kind}](#{kind.lower()})", (nested[name].__doc__ or "").partition("\n")[0]
        else:
            value, help_text = f"`{field.get_default(call_default_factory=True)!r}`", field.description
        rows.append(f"| `{name}` | {_cell(value)} | {_cell(help_text or field.title or '')} |")
    head = f"## {model.__name__}\n\n{(model.__doc__ or '').strip()}\n"
    if tables:
        places = ", ".join(f"table `[{table}]`" if table else "at its top" for table in tables)
        head += f"\nIn a file: {places}.\n"
    return "\n".join((head, "| setting | default | help |", "|---|---|---|", *rows, ""))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def commands() -> str:
    """Every command with its options, from their docstrings."""
    _, first, text = app.generate_docs().partition("## jsl ")  # before it stands a table of contents
    return f"# Commands\n\nThe same as `jsl --help-all` says.\n\n{first}{text}"


def modules() -> str:
    """Every module and its public names, by the first lines of their docstrings."""
    parts = ["# Modules\n\nBy folder; what a name takes and returns stands in its docstring.\n"]
    for package in _SOURCES:
        for path in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(path.read_text())
            parts.append(f"## {path.relative_to(ROOT)}\n\n{_first_line(tree)}\n")
            parts += [*(f"- `{name}`: {line}" for name, line in _public(tree)), ""]
    return "\n".join(parts)


def _public(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name[0] != "_":
            yield node.name, _first_line(node)


def _first_line(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return (ast.get_docstring(node) or "").partition("\n")[0]
