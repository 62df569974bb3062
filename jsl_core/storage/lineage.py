"""How an artifact came about: the step that made it, what that was made from, and so on down to the scans."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jsl_core.errors import StoreError
from jsl_core.storage.artifact import Artifact
from jsl_core.storage.history import History, Step
from jsl_core.storage.interface import Store
from jsl_core.storage.memo import artifacts_in

__all__ = ["Lineage", "Node", "as_mermaid", "as_text"]

_SHOWN = 6  # inputs of one step; a bucket has hundreds of scans
_ENOUGH = 6  # digits of a digest


@dataclass(frozen=True)
class Node:
    """An artifact, the step that made it (None: it came from outside), and what that step took.

    `part_of` is the table or folder that names it, where the step made that; `more` counts inputs left out;
    `again` says that what it was made from stands elsewhere in the tree.
    """

    artifact: Artifact
    step: Step | None
    part_of: Artifact | None
    inputs: tuple["Node", ...]
    more: int = 0
    again: bool = False


class Lineage:
    """What the runs of a store tell of its artifacts."""

    def __init__(self, store: Store, run: str = "") -> None:
        """All runs, or the one that has this name or id."""
        self._store = store
        history = History(store)
        self._steps = history.steps([history.find(run)] if run else history.runs())
        self._made = history.results(self._steps)
        self._maker = {  # where all is kept, a step's table is the one it was given
            one.sha256: key
            for key, made in self._made.items()
            for one in made
            if one.sha256 not in {given.sha256 for given in self._steps[key].inputs}
        }

    def of(self, start: str) -> Node:
        """The tree of the artifact whose digest starts so. Raises StoreError if not exactly one does."""
        if len(start) < _ENOUGH:
            raise StoreError(f"{start!r} is too short for a digest; give at least {_ENOUGH} of its digits")
        found: dict[str, tuple[Artifact, Artifact | None, str | None]]
        found = {one.sha256: (one, None, None) for one in self._known() if one.sha256.startswith(start)}
        if not found:
            found = {one.sha256: (one, table, file) for one, table, file in self._within(start)}
        if len(found) != 1:
            what = "several artifacts begin" if found else "no run has made or used an artifact that begins"
            raise StoreError(f"store {self._store.url}: {what} with {start}; a run's tables have the digests")
        ((artifact, table, file),) = found.values()
        return self._node(artifact, table, file, set())

    def _known(self) -> Iterator[Artifact]:
        for made in self._made.values():
            yield from made
        for step in self._steps.values():
            yield from step.inputs

    def _within(self, start: str) -> Iterator[tuple[Artifact, Artifact, str | None]]:
        """The artifacts that tables and folders name, with the scan's file where a row says it."""
        tables = [one for made in self._made.values() for one in made if one.name.endswith(".json")]
        gone = set(self._store.missing(tables))
        for table in tables:
            data = b"" if table in gone else self._store.get(table)
            if start.encode() not in data:
                continue
            value = json.loads(data)
            for row in value if isinstance(value, list) else [value]:
                file = row.get("file") if isinstance(row, dict) else None
                yield from ((one, table, file) for one in artifacts_in(row) if one.sha256.startswith(start))

    def _node(self, artifact: Artifact, part_of: Artifact | None, file: str | None, seen: set[str]) -> Node:
        """The artifact with what is below it, unless that was `seen` before."""
        key = self._maker.get((part_of or artifact).sha256)
        if key is None or artifact.sha256 in seen:
            return Node(artifact, None, part_of, (), again=key is not None)
        seen.add(artifact.sha256)
        step = self._steps[key]
        inputs = step.inputs
        if file and any(one.name == file for one in inputs):  # of a bucket's scans the one it is from
            inputs = [one for one in inputs if one.name == file]
        below = tuple(self._node(one, None, file, seen) for one in inputs[:_SHOWN])
        return Node(artifact, step, part_of, below, more=len(inputs) - len(below))


def as_text(node: Node) -> str:
    """The tree as lines, inputs further in."""
    return "\n".join(_lines(node, ""))


def as_mermaid(node: Node) -> str:
    """The tree as a mermaid graph, from the scans to the artifact."""
    lines: dict[str, None] = {}

    def visit(one: Node) -> str:
        name = f"a{one.artifact.sha256[:12]}"
        lines[f'  {name}["{_label(one.artifact)}"]'] = None
        for below in one.inputs:
            lines[f"  {visit(below)} -->|{one.step.stage if one.step else ''}| {name}"] = None
        if one.more:
            lines[f'  {name}more["and {one.more} more"] --> {name}'] = None
        return name

    visit(node)
    return "\n".join(["graph LR", *lines])


def _lines(node: Node, indent: str) -> Iterator[str]:
    named = f", named in {_label(node.part_of)}" if node.part_of else ""
    yield indent + _label(node.artifact) + named + (" (see above)" if node.again else "")
    if node.step is None:
        return
    code = ", ".join(f"{name} {digest[:8]}" for name, digest in node.step.code.items())
    yield f"{indent}  by {node.step.stage} ({code})"
    for line in _settings(node.step.parameters):
        yield f"{indent}  with {line}"
    for below in node.inputs:
        yield from _lines(below, f"{indent}    ")
    if node.more:
        yield f"{indent}    and {node.more} more"


def _settings(parameters: dict[str, Any]) -> Iterator[str]:
    for name, value in parameters.items():
        if value not in (None, [], {}) and not artifacts_in(value):
            yield f"{name} {json.dumps(value, sort_keys=True)}"


def _label(artifact: Artifact) -> str:
    return f"{artifact.name} {artifact.sha256[:12]}"
