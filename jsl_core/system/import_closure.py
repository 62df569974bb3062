"""The code that a function's result depends on: read from the sources, nothing is imported for it.

Of the function's own file those top-level statements count that it reaches by name. Every module of the
project that they import counts as a whole, and so do that one's imports in turn: at its top, within a
function, or named by a string, as `python -m` is given modules. A package's `__init__` that only hands on
names is looked through; one that does anything else counts wherever a module below it does. Data files beside
a module count where it names them.
"""

import hashlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jsl_core.system.source_code import Import, SourceCode, read_function, read_module

__all__ = ["ImportClosure", "import_closure", "source_stamps"]

_PROJECT = ("jsl_core", "tasks", "flows", "deployments")
_NO_DATA = frozenset({".py", ".pyi", ".pyc", ".typed", ".md"})


@dataclass(frozen=True)
class ImportClosure:
    """What a function reaches.

    Attributes:
        code: SHA-256 of each module and data file, by names such as `jsl_core.imaging.png`; of the function's
            own module, as `tasks.crop:crop`, only of the part that it reaches.
        libraries: The packages of others, by the names under which they are imported.
        files: The source files among these.
    """

    code: Mapping[str, str]
    libraries: frozenset[str]
    files: frozenset[Path]


def import_closure(function: Callable[..., Any], exempt: frozenset[str] = frozenset()) -> ImportClosure:
    """Find what a function reaches.

    Args:
        function: A Python function whose source file is there.
        exempt: Modules, or packages with all that is in them, that do not count.

    Raises:
        LookupError: If the file does not have the function any more.
        OSError: If a file is not there.
    """
    function = inspect.unwrap(function)  # what a decorator such as no_grad stands in front of
    code = function.__code__
    return _closure(code.co_filename, function.__module__, code.co_name, code.co_firstlineno, exempt)


@lru_cache(maxsize=256)
def _closure(file: str, module: str, name: str, line: int, exempt: frozenset[str]) -> ImportClosure:
    source = read_function(Path(file), module, name, line)
    code = {f"{module}:{name}": source.digest} | _data_files(module, source.strings)
    libraries: set[str] = set()
    files = {Path(file)}
    above = [(package, "") for package in _acting_packages(module)]
    waiting = [*source.imports, *_modules_named_by(source), *above]
    looked_at: set[Import] = set()
    while waiting:
        target = waiting.pop()
        if target in looked_at:
            continue
        looked_at.add(target)
        if target[0].partition(".")[0] not in _PROJECT:
            libraries.add(target[0].partition(".")[0])
            continue
        for reached in _modules_behind(target, frozenset()):
            counts = not any(f"{reached}.".startswith(f"{one}.") for one in exempt)
            if counts and reached not in code and (path := _file_of(reached)):
                source = read_module(path, reached)
                files.add(path)
                code |= {reached: source.digest} | _data_files(reached, source.strings)
                waiting += [*source.imports, *_modules_named_by(source)]
    return ImportClosure(code, frozenset(libraries - sys.stdlib_module_names - {""}), frozenset(files))


def source_stamps() -> dict[Path, int]:
    """When each source file of the project was last written, in nanoseconds."""
    roots = {init.parent for top in _PROJECT if (init := _file_of(top))}
    return {file: file.stat().st_mtime_ns for root in roots for file in root.rglob("*.py")}


def _modules_named_by(source: SourceCode) -> Iterator[Import]:
    """The modules that strings name: `package.module`, `package.module:name`, or a package that `-m` runs."""
    for text in sorted(source.strings):
        module = text.partition(":")[0]
        if "." in module and module.partition(".")[0] in _PROJECT:
            for name in (module, f"{module}.__main__", module.rpartition(".")[0]):
                if "." in name and _file_of(name):
                    yield name, ""


def _modules_behind(target: Import, above: frozenset[Import]) -> Iterator[str]:
    """The modules that an import reaches, looking through packages that only hand on names."""
    module, taken = target
    if target in above:  # packages that import each other
        return
    if taken and _file_of(f"{module}.{taken}"):
        module, taken = f"{module}.{taken}", ""
    path = _file_of(module)
    if path is None:
        return
    yield from _acting_packages(module)
    reexports = read_module(path, module).reexports if path.name == "__init__.py" else None
    if reexports is None:
        yield module
    elif taken:
        if taken in reexports:
            yield from _modules_behind(reexports[taken], above | {target})
    else:
        for one in reexports.values():
            yield from _modules_behind(one, above | {target})


def _acting_packages(module: str) -> Iterator[str]:
    """The packages above a module whose `__init__` does more than hand on names: an import runs it."""
    parts = module.split(".")[:-1]
    for length in range(1, len(parts) + 1):
        package = ".".join(parts[:length])
        path = _file_of(package)
        if path and path.name == "__init__.py" and read_module(path, package).reexports is None:
            yield package


@cache
def _file_of(module: str) -> Path | None:
    """The source file of a module of the project; None if it is another's, or no module at all."""
    top, *below = module.split(".")
    if top not in _PROJECT or not all(part.isidentifier() for part in below):
        return None
    spec = find_spec(top)  # that of a module further down would import what stands above it
    if spec is None or spec.origin is None:
        return None
    place = Path(spec.origin).parent.joinpath(*below)
    return next((file for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file()), None)


def _data_files(module: str, names: frozenset[str]) -> dict[str, str]:
    """SHA-256 of the data files beside a module that it names, and of those that these name in their turn."""
    found: dict[str, str] = {}
    package = _file_of(module)
    if package is None:
        return found
    folder = package.parent
    root = package.parents[len(module.split(".")) - (package.name != "__init__.py")]
    beside = _data_in(folder)
    waiting = [file for file in beside if names & {file.name, file.relative_to(folder).as_posix()}]
    while waiting:
        file = waiting.pop()
        data = file.read_bytes()
        found[file.relative_to(root).as_posix()] = hashlib.sha256(data).hexdigest()
        named = [other for other in beside if other.name.encode() in data]
        waiting += [other for other in named if other.relative_to(root).as_posix() not in found]
    return found


@cache
def _data_in(folder: Path) -> tuple[Path, ...]:
    """The data files of a package, also in folders that are no packages."""
    found: list[Path] = []
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name != "__pycache__" and not (path / "__init__.py").exists():
            found += _data_in(path)
        elif path.is_file() and path.suffix not in _NO_DATA:
            found.append(path)
    return tuple(found)
