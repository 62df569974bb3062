"""The commands that the documents print in fenced blocks."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

__all__ = ["DOCUMENTS", "ROOT", "blocks", "commands", "lines"]

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
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
