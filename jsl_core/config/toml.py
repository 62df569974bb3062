"""Settings written as TOML, which the standard library only reads."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["to_toml"]


def to_toml(table: Mapping[str, Any]) -> str:
    """Write a table as TOML text.

    Args:
        table: Of strings, numbers, truth values, lists of these, and tables.
    """
    return "\n".join(_lines(table, ())) + "\n"


def _lines(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    # A string, a number or a list of them is the same in JSON and TOML.
    for name, value in table.items():
        if not isinstance(value, Mapping):
            yield f"{name} = {json.dumps(value, ensure_ascii=False)}"
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield f"\n[{'.'.join((*path, name))}]"
            yield from _lines(value, (*path, name))
