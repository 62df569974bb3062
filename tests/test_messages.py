"""Every message to a user is one line that says what is wrong, where, and what to do, without a full stop."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from jsl_core import errors

ROOT = Path(__file__).parents[1]
PACKAGES = ("jsl_core", "tasks", "flows", "deployments")
CLASSES = {*errors.__all__, "Overtaken"}
# A rejected scan or knee is a row of a table; its sentence is a fact, and mostly there is nothing to do.
FACTS = {"BadScan"}
# Expressions at the end of a message that carry another message, or the end of this one.
CARRIED = {
    "_explain(error)",
    "error",
    "describe_validation_error(error)",
    "describe_validation_error(error, 'sweep')",
    "problems[0].sentence",
    "lines[-1]",
    "run.state.message",
    "what",
}
# Prefect takes these for a cache miss, and nobody sees them.
UNSEEN = ("result {path} names", "result {path} has scans", "no result {path}")


@dataclass(frozen=True)
class Message:
    """A message as it stands in the source; what is filled in is in braces."""

    place: str
    error: str
    text: str
    carried: str  # the expression at its end, if any


def messages() -> Iterator[Message]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                error = _name(node.func) if isinstance(node, ast.Call) else ""
                if isinstance(node, ast.Call) and error in CLASSES and node.args:
                    text, carried = _text(node.args[-1])
                    if text:  # a variable's name only says that the text stands elsewhere
                        place = f"{path.relative_to(ROOT)}:{node.lineno}"
                        yield Message(place, error, text, carried)


def _name(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def _text(node: ast.expr) -> tuple[str, str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value, ""
    if isinstance(node, ast.JoinedStr):
        parts = [_text(part)[0] for part in node.values]
        last = node.values[-1]
        return "".join(parts), ast.unparse(last.value) if isinstance(last, ast.FormattedValue) else ""
    if isinstance(node, ast.FormattedValue):
        return f"{{{ast.unparse(node.value)}}}", ""
    if isinstance(node, ast.BinOp):
        (left, _), (right, carried) = _text(node.left), _text(node.right)
        return left + right, carried
    return "", ""


MESSAGES = list(messages())


def test_the_messages_are_found() -> None:
    assert len(MESSAGES) > 200
    assert {message.error for message in MESSAGES} >= CLASSES - {"JslError", "Overtaken"}


@pytest.mark.parametrize("error", sorted(CLASSES))
def test_a_message_is_one_line_without_a_full_stop(error: str) -> None:
    of_class = [message for message in MESSAGES if message.error == error]
    assert not [
        f"{message.place}: {message.text}"
        for message in of_class
        if "\n" in message.text or message.text.endswith((".", "!", " "))
    ]


@pytest.mark.parametrize("error", sorted(CLASSES - FACTS))
def test_a_message_that_stops_a_user_says_what_to_do(error: str) -> None:
    of_class = [message for message in MESSAGES if message.error == error]
    assert not [f"{message.place}: {message.text}" for message in of_class if not _says_what_to_do(message)]


def _says_what_to_do(message: Message) -> bool:
    """The remedy stands behind a semicolon; a message may also end in one that has its own."""
    unseen = any(part in message.text for part in UNSEEN)
    return "; " in message.text or message.carried in CARRIED or unseen
