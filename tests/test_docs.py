"""What the documents tell a reader to type exists: commands, options, make's targets, files of Python."""

import re
import shlex
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from cyclopts import CycloptsError, MissingArgumentError

from flows.cli.help import HELP_ALL
from flows.cli.main import app
from flows.cli.options import expand_words

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
# What is no JSL command is one of these, so that nothing is passed over unseen.
OTHERS = {
    *("cd", "cp", "curl", "dcmdump", "dcmsend", "docker", "echoscu", "git", "helm", "kill", "kubectl"),
    *("openssl", "pip", "prefect", "pre-commit", "sleep"),
}
WORDS_OF_THE_SHELL = {"do", "done", "exec", "export", "srun", "then", "until"}
NO_COMMANDS = re.compile(r"──|^ID,", re.MULTILINE)  # a drawing, a table


def blocks(text: str) -> Iterator[str]:
    """The fenced blocks of a document that a shell would take."""
    for language, content in re.findall(r"^ *```(\w*)\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL):
        if language in ("", "sh") and not NO_COMMANDS.search(content):
            yield content


def lines(block: str) -> Iterator[str]:
    """Its logical lines: a word in quotes may go over several, and so does what ends with a backslash."""
    pending = ""
    for line in block.splitlines():
        pending += line.strip() + "\n"
        if pending.endswith("\\\n"):
            pending = pending[:-2] + " "
            continue
        try:
            shlex.split(pending, comments=True)
        except ValueError:
            continue
        yield pending
        pending = ""
    assert not pending, f"a quotation does not end: {pending}"


def commands(line: str) -> Iterator[list[str]]:
    """The single commands of a line, without assignments and redirections."""
    line = (
        line.replace("…", "").replace("$(", " ; ").replace(" [", " ").replace("] ", " ").replace("]\n", "\n")
    )
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if set(word) <= set("();|&<>"):
            if words and words[0] != "for" and set(word) <= set("();|&"):
                yield words
            words = [] if set(word) <= set("();|&") else [*words, word]
        elif words and words[-1] in ("<", ">", ">>"):
            words = words[:-1]
        elif words or not (re.match(r"\w+=", word) or word in WORDS_OF_THE_SHELL):
            words.append(word)


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
