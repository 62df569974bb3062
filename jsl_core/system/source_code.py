"""What a Python source file does and names, whatever its comments, docstrings and line breaks.

Syntax trees are compared, without docstrings, without the labels of settings, and without what only type
checkers run: a comment, a docstring, a help text or another line break changes no digest.
"""

import ast
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

__all__ = ["Import", "SourceCode", "read_function", "read_module"]

Import = tuple[str, str]  # a module, and the name that is taken from it, blank for the module itself

_LABELS = frozenset({"title", "description", "examples"})  # of pydantic's Field: for readers alone
_ALL = "*"
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_ACTIONS = (ast.Expr, ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match)  # run without being asked for


@dataclass(frozen=True)
class SourceCode:
    """A source file, or a part of one, as far as results depend on it.

    Attributes:
        digest: SHA-256 of what it does.
        imports: All that it imports, wherever it does so.
        strings: Its constants, which may name a module or a data file.
        reexports: What each name stands for in an `__init__` that only hands on names; None in other files.
    """

    digest: str
    imports: tuple[Import, ...]
    strings: frozenset[str]
    reexports: Mapping[str, Import] | None


def read_module(path: Path, module: str) -> SourceCode:
    """Read a whole source file, again if it was written since.

    Raises:
        OSError: If it cannot be read.
        SyntaxError: If it is no Python.
    """
    return _read_module(path, module, path.stat().st_mtime_ns)


def read_function(path: Path, module: str, name: str, line: int) -> SourceCode:
    """Read the top-level statements of a file that a function reaches by name, its own among them.

    Args:
        path: The file.
        module: Its name.
        name: The function's name.
        line: The line on which it begins, at its first decorator.

    Raises:
        LookupError: If no such function begins there.
    """
    return _read_function(path, module, name, line, path.stat().st_mtime_ns)


@lru_cache(maxsize=1024)
def _read_module(path: Path, module: str, mtime_ns: int) -> SourceCode:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return _read(_parse(path), package)


@lru_cache(maxsize=256)
def _read_function(path: Path, module: str, name: str, line: int, mtime_ns: int) -> SourceCode:
    return _read(_reached_from(_parse(path), name, line), module.rpartition(".")[0])


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes(), filename=str(path))


def _read(tree: ast.Module, package: str) -> SourceCode:
    nodes = list(_running_nodes(tree))
    imports = [bound for node in nodes for bound in _imported_by(node, package)]
    words: list[str] = []
    _append_canonical(tree, words)
    return SourceCode(
        digest=hashlib.sha256("\0".join(words).encode()).hexdigest(),
        imports=tuple(target for _, target in imports),
        strings=frozenset(
            node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ),
        reexports=dict(imports) if all(map(_is_reexport, tree.body)) else None,
    )


def _reached_from(tree: ast.Module, name: str, line: int) -> ast.Module:
    """The statement in which a function begins on a line, and all that it reaches by name."""
    start = next((one for one in tree.body if _contains_function(one, name, line)), None)
    if start is None:
        raise LookupError(f"no function {name} begins on line {line}")
    actions = [one for one in tree.body if isinstance(one, _ACTIONS) and not _is_for_type_checkers(one)]
    reached: list[ast.stmt] = list(dict.fromkeys([start, *actions]))
    names = {name for statement in reached for name in _names_in(statement)} | {_ALL}
    waiting = [statement for statement in tree.body if statement not in reached]
    while found := [statement for statement in waiting if names & _bound_names(statement)]:
        for statement in found:
            waiting.remove(statement)
            if isinstance(statement, ast.Import | ast.ImportFrom):
                aliases = [alias for alias in statement.names if _alias(alias) in names]
                rest = [alias for alias in statement.names if alias not in aliases]
                reached.append(_with_aliases(statement, aliases))
                if rest:
                    waiting.append(_with_aliases(statement, rest))
            else:
                reached.append(statement)
                names |= _names_in(statement)
    return ast.Module(sorted(reached, key=lambda statement: statement.lineno), [])


def _contains_function(statement: ast.stmt, name: str, line: int) -> bool:
    """Whether a function begins on a line of a statement: its own, or one within a class or a function."""
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name == name
        and line == min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        for node in ast.walk(statement)
    )


def _with_aliases(statement: ast.Import | ast.ImportFrom, aliases: list[ast.alias]) -> ast.stmt:
    copy: ast.Import | ast.ImportFrom
    if isinstance(statement, ast.Import):
        copy = ast.Import(aliases)
    else:
        copy = ast.ImportFrom(statement.module, aliases, statement.level)
    return ast.copy_location(copy, statement)


def _names_in(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _bound_names(statement: ast.stmt) -> set[str]:
    """The names that a top-level statement gives a meaning to, or changes the meaning of."""
    if isinstance(statement, _DEFINITIONS):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {_alias(alias) for alias in statement.names}
    if isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Delete):
        several = isinstance(statement, ast.Assign | ast.Delete)
        targets = statement.targets if several else [statement.target]  # type: ignore[union-attr]
        return {name for target in targets for name in _names_in(target)}  # also of `TABLE["key"]`, `Class.x`
    return set()


def _alias(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _imported_by(node: ast.AST, package: str) -> Iterator[tuple[str, Import]]:
    """Each name that an import gives a meaning to, with what it stands for."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield _alias(alias), (alias.name, "")
    elif isinstance(node, ast.ImportFrom):
        parts = package.split(".")
        above = ".".join(parts[: len(parts) + 1 - node.level]) if node.level else ""
        target = ".".join(filter(None, [above, node.module]))
        for alias in node.names:
            yield _alias(alias), (target, "" if alias.name == _ALL else alias.name)


def _is_reexport(statement: ast.stmt) -> bool:
    """Whether a statement of an `__init__` only says what its names are, or what it is for."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant() | ast.List()):
            return name.startswith("__")
        case ast.ImportFrom():
            return all(alias.name != _ALL for alias in statement.names)
        case ast.Expr(value=ast.Constant()):
            return True
    return _is_for_type_checkers(statement)


def _running_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes that a running program meets: no docstrings, nothing that is for type checkers alone."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for child in ast.iter_child_nodes(node):
            if not (_is_docstring(child, node) or _is_for_type_checkers(child)):
                waiting.append(child)


def _append_canonical(node: ast.AST, words: list[str]) -> None:
    """Append words that are the same for the same meaning, whichever Python has parsed it."""
    words.append(type(node).__name__)
    is_setting = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Field"
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                is_label = is_setting and isinstance(child, ast.keyword) and child.arg in _LABELS
                if not (is_label or _is_docstring(child, node) or _is_for_type_checkers(child)):
                    words.append(field)
                    _append_canonical(child, words)
            elif field != "kind" and (child is not None or isinstance(value, list)):
                words.append(f"{field} {child!r}")  # a None in a list has a place: `{**a, "b": c}`
    words.append(".")


def _is_docstring(node: ast.AST, parent: ast.AST) -> bool:
    return (
        isinstance(parent, ast.Module | _Definition)
        and isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_for_type_checkers(node: ast.AST) -> bool:
    """Whether a node is `if TYPE_CHECKING:` without an `else`."""
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"), orelse=[]):
            return True
    return False
