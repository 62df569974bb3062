"""Prints each stage's key, and which edits of the copy of the project in the current folder would change it.

python print_keys.py, with the copy first on PYTHONPATH.
"""

import importlib
import json
import pkgutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect import Task

import tasks
from jsl_core.system import import_closure
from jsl_core.system.code_key import EXEMPT, CodeKey
from jsl_core.system.library_versions import library_versions

_ROOMS = ("jsl_core", "tasks", "flows", "deployments")


def stages() -> dict[str, Callable[..., Any]]:
    """The function of each stage task, by its module and name."""
    found: dict[str, Callable[..., Any]] = {}
    for module in pkgutil.iter_modules(tasks.__path__):
        for name, task in vars(importlib.import_module(f"tasks.{module.name}")).items():
            if isinstance(task, Task) and task.fn.__module__ == f"tasks.{module.name}":
                found[f"{module.name}.{name}"] = task.fn
    return found


def keys(functions: dict[str, Callable[..., Any]]) -> dict[str, CodeKey]:
    """The keys as the files are now."""
    import_closure._closure.cache_clear()
    closures = {
        name: import_closure.import_closure(function, frozenset(EXEMPT))
        for name, function in functions.items()
    }
    return {name: CodeKey(one.code, library_versions(one.libraries)) for name, one in closures.items()}


def main() -> None:
    """Print what each stage reaches, and whose keys an edit of each module and comments everywhere change."""
    functions = stages()
    before = keys(functions)
    files = [file for room in _ROOMS for file in sorted(Path(room).rglob("*.py"))]
    edits = {}
    for file in files:
        text = file.read_text()
        file.write_text(f"{text}\n_edited = 1\n")
        after = keys(functions)
        file.write_text(text)
        module = ".".join(file.with_suffix("").parts).removesuffix(".__init__")
        edits[module] = [name for name in functions if before[name].code != after[name].code]
    for file in files:
        file.write_text(f"{file.read_text()}\n# only a comment\n")
    after = keys(functions)
    report = {
        "code": {name: sorted(key.code) for name, key in before.items()},
        "libraries": {name: dict(key.libraries) for name, key in before.items()},
        "edits": edits,
        "comments": [name for name in functions if before[name].digest != after[name].digest],
    }
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main()
