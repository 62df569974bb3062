"""Rules of the house that no tool knows: no long files, and no riddles for names (CONTRIBUTING, "Words")."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("jsl_core", "tasks", "flows", "deployments")
SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
FILES = [*SOURCES, *(ROOT / "tests").rglob("*.py")]
DOCUMENTS = [path.relative_to(ROOT) for path in (ROOT / "docs").glob("*.md")]
LONGEST = 400  # lines
RIDDLES = {
    "dealing",
    "elsewhere",
    "hands",
    "leash",
    "newly",
    "revive",
    "told",
    "twin",
}
VAGUE = {"drawn", "due", "given", "kept", "said", "seen", "tend"}  # as a whole name: of what?


def test_files_are_short() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in SOURCES}
    assert not {str(path.relative_to(ROOT)): lines for path, lines in lengths.items() if lines > LONGEST}
    assert median(lengths.values()) < 150


@pytest.mark.parametrize("package", PACKAGES)
def test_a_name_says_what_it_holds(package: str) -> None:
    riddles = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in SOURCES
        if path.relative_to(ROOT).parts[0] == package
        for name, line in names(ast.parse(path.read_text()))
        if name.strip("_").lower() in VAGUE or RIDDLES & set(name.lower().split("_"))
    ]
    assert not riddles


def names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """What a module names: functions, classes, arguments, variables, attributes."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name, node.lineno
            case ast.arg():
                yield node.arg, node.lineno
            case ast.Name(ctx=ast.Store()):
                yield node.id, node.lineno
            case ast.Attribute(ctx=ast.Store()):
                yield node.attr, node.lineno
            case ast.alias(asname=str(name)):
                yield name, node.lineno


@pytest.mark.parametrize("document", sorted(["CONTRIBUTING.md", "README.md", *map(str, DOCUMENTS)]))
def test_a_file_that_a_document_names_is_there(document: str) -> None:
    text = (ROOT / document).read_text()
    named = set(re.findall(r"`([\w./]+\.py)`", text))
    assert not {path for path in named if not any(source.match(path) for source in FILES)}
