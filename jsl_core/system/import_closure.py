"""The code that a function's result depends on: read from the sources, nothing is imported for it.

Of the function's own file those top-level statements count that it reaches by name. Every module of the
project that they import counts as a whole, and so do that one's imports in turn: at its top, within a
function, or named by a string, as `python -m` is given modules. A package's `__init__` that only hands on
names is looked through. Data files beside a module count where it names them. What only type checkers
import does not count.

Modules are compared by their syntax trees, without docstrings and without the labels of settings: a comment,
a docstring, a help text or another line break changes nothing.
"""

import ast
import hashlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["ImportClosure", "import_closure"]

_LABELS = frozenset({"title", "description", "examples"})  # of pydantic's Field: for readers alone
_PROJECT = ("jsl_core", "tasks", "flows", "deployments")
_NO_DATA = frozenset({".py", ".pyi", ".pyc", ".typed", ".md"})
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_ACTS = (
    ast.Expr,
    ast.If,
    ast.For,
    ast.While,
    ast.With,
    ast.Try,
)  # statements that do something wherever they stand
_Import = tuple[str, str]  # a module, and the name that is taken from it, blank for the module itself


@dataclass(frozen=True)
class ImportClosure:
    """What a function reaches.

    Attributes:
        code: SHA-256 of each module and data file, by names such as `jsl_core.imaging.png`.
        libraries: The packages of others, by the names under which they are imported.
    """

    code: Mapping[str, str]
    libraries: frozenset[str]


def import_closure(function: Callable[..., Any], exempt: frozenset[str] = frozenset()) -> ImportClosure:
    """Find what a function reaches.

    Args:
        function: A Python function whose source file is there.
        exempt: Modules, or packages with all that is in them, that do not count.
    """
    function = inspect.unwrap(function)  # what a decorator such as no_grad stands in front of
    code = function.__code__
    return _closure(code.co_filename, function.__module__, code.co_name, code.co_firstlineno, exempt)


@lru_cache(maxsize=256)
def _closure(file: str, module: str, name: str, line: int, exempt: frozenset[str]) -> ImportClosure:
    source = _start(Path(file), module, name, line, Path(file).stat().st_mtime_ns)
    code = {module: source.digest} | _data_files(module, source.strings)
    libraries: set[str] = set()
    waiting = list(source.imports)
    while waiting:
        target, taken = waiting.pop()
        top = target.partition(".")[0]
        if top not in _PROJECT:
            libraries.add(top)
            continue
        for reached in _modules_behind(target, taken):
            counts = not any(f"{reached}.".startswith(f"{one}.") for one in exempt)
            if counts and reached not in code and (path := _file_of(reached)):
                source = _source(path, reached)
                code |= {reached: source.digest} | _data_files(reached, source.strings)
                waiting += source.imports
    return ImportClosure(code, frozenset(libraries - sys.stdlib_module_names))


@dataclass(frozen=True)
class _Source:
    digest: str
    imports: tuple[_Import, ...]
    strings: frozenset[str]  # that could name a file
    reexports: Mapping[str, _Import] | None  # by an `__init__` that does nothing else


@lru_cache(maxsize=256)
def _start(path: Path, module: str, name: str, line: int, mtime_ns: int) -> _Source:
    """The part of a file that one of its functions reaches."""
    return _read(_reached_from(ast.parse(path.read_bytes()), name, line), module.rpartition(".")[0])


def _source(path: Path, module: str) -> _Source:
    return _parsed(path, module, path.stat().st_mtime_ns)


@lru_cache(maxsize=1024)
def _parsed(path: Path, module: str, mtime_ns: int) -> _Source:
    is_package = path.name == "__init__.py"
    return _read(ast.parse(path.read_bytes()), module if is_package else module.rpartition(".")[0])


def _read(tree: ast.Module, package: str) -> _Source:
    nodes = list(_running(tree))
    bound = {name: target for node in nodes for name, target in _bound_by(node, package)}
    strings = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    named = [(text, "") for text in sorted(strings) if "." in text and _file_of(text)]
    words: list[str] = []
    _canonical(tree, words)
    return _Source(
        digest=hashlib.sha256("\0".join(words).encode()).hexdigest(),
        imports=(*(target for node in nodes for _, target in _bound_by(node, package)), *named),
        strings=frozenset(strings),
        reexports=bound if all(map(_is_reexport, tree.body)) else None,
    )


def _modules_behind(target: str, taken: str) -> Iterator[str]:
    """The modules that an import reaches, through packages that only hand on names."""
    if taken and _file_of(f"{target}.{taken}"):
        target, taken = f"{target}.{taken}", ""
    path = _file_of(target)
    if path is None:
        return
    reexports = _source(path, target).reexports if path.name == "__init__.py" else None
    if reexports is None:
        yield target
    elif not taken:
        for module, name in reexports.values():
            yield from _modules_behind(module, name)
    elif taken in reexports:
        yield from _modules_behind(*reexports[taken])


def _reached_from(tree: ast.Module, name: str, line: int) -> ast.Module:
    """The function that begins on a line, and the statements of its file that it reaches by name."""
    start = next(
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name == name
        and line == min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    )
    reached: list[ast.stmt] = [start, *(statement for statement in tree.body if isinstance(statement, _ACTS))]
    names = {name for statement in reached for name in _names_in(statement)}
    waiting = [statement for statement in tree.body if statement not in reached]
    while found := [statement for statement in waiting if names & _binds(statement)]:
        for statement in found:
            waiting.remove(statement)
            if isinstance(statement, ast.Import | ast.ImportFrom):
                aliases = [alias for alias in statement.names if _alias(alias) in names]
                rest = [alias for alias in statement.names if alias not in aliases]
                reached.append(_with_names(statement, aliases))
                if rest:
                    waiting.append(_with_names(statement, rest))
            else:
                reached.append(statement)
                names |= _names_in(statement)
    return ast.Module(sorted(reached, key=lambda statement: statement.lineno), [])


def _with_names(statement: ast.Import | ast.ImportFrom, aliases: list[ast.alias]) -> ast.stmt:
    copy: ast.Import | ast.ImportFrom
    if isinstance(statement, ast.Import):
        copy = ast.Import(aliases)
    else:
        copy = ast.ImportFrom(statement.module, aliases, statement.level)
    return ast.copy_location(copy, statement)


def _names_in(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _binds(statement: ast.stmt) -> set[str]:
    """The names that a top-level statement gives a meaning to."""
    if _is_for_type_checkers(statement):
        return set()
    names: set[str] = set()
    for node in [statement] if isinstance(statement, _SCOPES) else ast.walk(statement):
        if isinstance(node, _SCOPES):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {_alias(alias) for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def _alias(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _bound_by(node: ast.AST, package: str) -> Iterator[tuple[str, _Import]]:
    """Each name that an import gives a meaning to, with what it stands for."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield _alias(alias), (alias.name, "")
    elif isinstance(node, ast.ImportFrom):
        above = ".".join(package.split(".")[: len(package.split(".")) + 1 - node.level]) if node.level else ""
        target = ".".join(filter(None, [above, node.module]))
        for alias in node.names:
            yield _alias(alias), (target, alias.name)


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes that a running program meets: no docstrings, nothing that is for type checkers alone."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for child in ast.iter_child_nodes(node):
            if not (_is_docstring(child, node) or _is_for_type_checkers(child)):
                waiting.append(child)


def _canonical(node: ast.AST, words: list[str]) -> None:
    """Append words that are the same for the same meaning, whichever Python has parsed it."""
    words.append(type(node).__name__)
    is_setting = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Field"
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                is_label = is_setting and isinstance(child, ast.keyword) and child.arg in _LABELS
                if not (is_label or _is_docstring(child, node) or _is_for_type_checkers(child)):
                    words.append(field)
                    _canonical(child, words)
            elif child is not None and field != "kind":
                words.append(f"{field} {child!r}")
    words.append(".")


def _is_docstring(node: ast.AST, parent: ast.AST) -> bool:
    return (
        isinstance(parent, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_for_type_checkers(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
        and not node.orelse
    )


def _is_reexport(statement: ast.stmt) -> bool:
    """Whether a statement of an `__init__` only says what its names are, or what it is for."""
    if isinstance(statement, ast.Assign):
        return _names_in(statement) == {"__all__"}
    return isinstance(statement, ast.Import | ast.ImportFrom) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


@cache
def _file_of(module: str) -> Path | None:
    """The source file of a module of the project; None if it is another's, or no module at all."""
    top, *below = module.split(".")
    if top not in _PROJECT or not all(part.isidentifier() for part in below):
        return None
    spec = find_spec(top)  # that of a module further down would import what stands above it
    assert spec is not None
    assert spec.origin is not None
    place = Path(spec.origin).parent.joinpath(*below)
    return next((file for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file()), None)


def _data_files(module: str, names: frozenset[str]) -> dict[str, str]:
    """SHA-256 of the data files beside a module that it names, and of those that these name in their turn."""
    found: dict[str, str] = {}
    package = _file_of(module)
    if package is None:
        return found
    root = package.parents[len(module.split(".")) - (package.name != "__init__.py")]
    beside = _data_in(package.parent)
    waiting = [file for file in beside if file.name in names]
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
