"""Messages about wrong settings, in one line."""

import re
from collections.abc import Sequence
from difflib import get_close_matches

from pydantic import ValidationError

__all__ = ["describe_validation_error"]

_LOGIN = re.compile(r"(?<=://)\S*@")  # what stands in a URL before its host may be a password


def describe_validation_error(error: ValidationError, table: str = "", known: Sequence[str] = ()) -> str:
    """Describe the first error that pydantic found: which setting, what is wrong, and the value.

    Args:
        error: Its first error is described.
        table: The name of the table that was validated; empty for the settings of a run.
        known: The dotted names of the settings there are: the nearest is named beside an unknown one.
    """
    first = error.errors(include_url=False)[0]
    path = [part for part in map(str, first["loc"]) if "[" not in part]  # without the names of validators
    if first["type"] == "extra_forbidden":
        name = ".".join(path)
        near = get_close_matches(name.lower().replace("-", "_"), known, 1, 0.8)
        hint = f", but {near[0]}" if near else ""
        return _one_line(f"there is no setting {name}{hint}" + (f" in [{table}]" if table else ""))
    name = ".".join([table, *path] if table else path)
    problem = first["msg"].removeprefix("Value error, ")
    value = "" if isinstance(first["input"], dict) else f"; got {_LOGIN.sub('…@', repr(first['input']))}"
    return _one_line(f"{name}: {problem}{value}" if name else f"{problem}{value}")


def _one_line(text: str) -> str:
    """The text without the line breaks that a quoted name may hold."""
    return " ".join(text.split())
