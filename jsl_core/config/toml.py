"""Settings as TOML, which the standard library reads but does not write."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["to_toml"]


def to_toml(table: Mapping[str, Any]) -> str:
    """Text that `tomllib` reads as `table`: of strings, numbers, truth values, lists of them, and tables."""
    return "\n".join(_lines(table, ())) + "\n"


def _lines(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    # What JSON writes of a string, a number or a list of them, TOML reads.
    for name, value in table.items():
        if not isinstance(value, Mapping):
            yield f"{name} = {json.dumps(value, ensure_ascii=False)}"
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield f"\n[{'.'.join((*path, name))}]"
            yield from _lines(value, (*path, name))
