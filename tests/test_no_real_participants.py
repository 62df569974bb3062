"""Participants of the OAI have seven digits and begin with 9; none may be named here."""

import re
from pathlib import Path

_REAL = re.compile(rb"(?<![\da-f])9\d{6}(?![\da-f])")  # in a digest such a number means nothing
_ROOT = Path(__file__).parents[1]
_TEXT = {".py", ".md", ".toml", ".txt", ".csv", ".json", ".yaml", ".yml", ".html", ".css", ".cfg"}


def test_no_test_names_a_real_participant() -> None:
    assert not [path for path in sorted((_ROOT / "tests").rglob("*")) if _holds_real_number(path)]


def test_no_source_document_or_example_names_a_real_participant() -> None:
    rooms = ("jsl_core", "tasks", "flows", "deployments", "docker", "docs")
    texts = [path for room in rooms for path in sorted((_ROOT / room).rglob("*")) if path.suffix in _TEXT]
    assert len(texts) > 100
    assert not [path for path in [*texts, _ROOT / "README.md"] if _holds_real_number(path)]


def test_a_real_participant_would_be_found() -> None:
    invented = b"9" + b"001234"
    assert _REAL.search(b"ID " + invented + b"_1")
    assert not _REAL.search(b"1" + invented)


def _holds_real_number(path: Path) -> bool:
    return path.is_file() and path.suffix != ".pyc" and bool(_REAL.search(path.read_bytes()))
