"""What the documents tell a reader to type exists: commands, options, make's targets, files of Python."""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from cyclopts import CycloptsError, MissingArgumentError
from documents import DOCUMENTS, ROOT, blocks, commands, lines

from flows.cli.help import HELP_ALL
from flows.cli.main import app
from flows.cli.options import expand_words

# What is no JSL command is one of these, so that nothing is passed over unseen.
OTHERS = {
    *("cd", "cp", "curl", "dcmdump", "dcmsend", "docker", "echoscu", "git", "helm", "kill", "kubectl"),
    *("openssl", "pip", "prefect", "pre-commit", "sleep"),
}


def alternatives(line: str) -> Iterator[str]:
    """The commands that a sentence names by one, as in `jsl detector train|export`."""
    choice = re.search(r"[\w-]+(?:\|[\w-]+)+", line)
    if choice is None:
        yield line
        return
    for word in choice[0].split("|"):
        yield line.replace(choice[0], word)


def parse(words: list[str]) -> None:
    """Have the command line parse words as it would before it runs them; raises CycloptsError."""
    words = ["1" if word == "N" else word for word in words if word != HELP_ALL]
    app.parse_args(expand_words(words), exit_on_error=False, print_error=False)


def check(words: list[str]) -> None:
    match words:
        case [program, *rest] if program in ("jsl", ".venv/bin/jsl"):
            parse(rest)
        case ["make", *rest]:
            targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
            assert {word for word in rest if "=" not in word} <= set(targets)
        case ["python" | "python3", "-c", *_]:
            pass
        case ["python", *rest] if "-m" in rest:
            module = rest[rest.index("-m") + 1].replace(".", "/")
            assert (ROOT / module).with_suffix(".py").exists() or (ROOT / module / "__main__.py").exists()
        case ["python", file, *_]:
            assert (ROOT / file).exists()
        case [program, *_]:
            assert program in OTHERS, f"{program}: is it one of ours?"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_command_of_a_document_is_one_that_can_be_given(document: Path) -> None:
    wrong = []
    for block in blocks(document.read_text()):
        for line in lines(block):
            for words in commands(line):
                try:
                    check(words)
                except (CycloptsError, AssertionError) as error:
                    wrong.append(f"{' '.join(words)}: {error}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_command_named_in_a_sentence_has_the_options_it_is_named_with(document: Path) -> None:
    text = re.sub(r"^ *```.*?^ *```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    wrong = []
    for line in re.findall(r"`((?:\.venv/bin/)?jsl [a-z][^`]*)`", text):
        for words in chain.from_iterable(map(commands, alternatives(line.replace("\n", " ")))):
            try:
                check(words)
            except MissingArgumentError:
                pass
            except (CycloptsError, AssertionError) as error:
                wrong.append(f"{' '.join(words)}: {error}")
    assert not wrong, "\n".join(wrong)


def test_a_command_that_is_none_would_be_found() -> None:
    for line in ("jsl scores FILMS", "jsl score FILMS --overlays", "make coffee", "python nowhere.py"):
        with pytest.raises((CycloptsError, AssertionError)):
            check(next(commands(line)))


def test_every_document_has_a_place_in_the_site() -> None:
    nav = (ROOT / "mkdocs.yml").read_text()
    assert not [path.name for path in (ROOT / "docs").glob("*.md") if f" {path.name}\n" not in nav]
