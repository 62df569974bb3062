"""How an artifact came about: the step that made it, what that was made from, and so on down to the scans."""

import hashlib
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

_MAX_INPUTS = 6  # shown of one step; a bucket has hundreds of scans
_MIN_DIGITS = 6  # of a digest that is looked for


@dataclass(frozen=True)
class Node:
    """An artifact, the step that made it (None: it came from outside), and that step's inputs.

    `part_of` is the table or folder that names it, where the step made that; `omitted` counts further inputs;
    `repeated` says that its inputs are shown at an earlier node of the tree.
    """

    artifact: Artifact
    step: Step | None
    part_of: Artifact | None
    inputs: tuple["Node", ...]
    omitted: int = 0
    repeated: bool = False


class Lineage:
    """The steps that made a store's artifacts, as its runs recorded them."""

    def __init__(self, store: Store, run: str = "") -> None:
        """Read the history of all runs, or of the one that has this name or id."""
        self._store = store
        history = History(store)
        self._steps = history.steps([history.find(run)] if run else history.runs())
        self._results = history.results(self._steps)
        self._maker = {  # by digest, the key of the step; a step may return an input unchanged
            one.sha256: key
            for key, results in self._results.items()
            for one in results
            if one.sha256 not in {artifact.sha256 for artifact in self._steps[key].inputs}
        }

    def trace(self, prefix: str) -> Node:
        """Trace an artifact back to what it was made from.

        Args:
            prefix: The first digits of its digest, six at least.

        Returns:
            The root of the tree.

        Raises:
            StoreError: If not exactly one artifact's digest begins so.
        """
        if len(prefix) < _MIN_DIGITS:
            raise StoreError(
                f"{prefix!r} is too short for a digest; give at least {_MIN_DIGITS} of its digits"
            )
        matches: dict[str, tuple[Artifact, Artifact | None, str | None]]
        matches = {one.sha256: (one, None, None) for one in self._known() if one.sha256.startswith(prefix)}
        if not matches:
            matches = {one.sha256: (one, table, file) for one, table, file in self._find_in_tables(prefix)}
        if len(matches) != 1:
            problem = (
                "several artifacts begin" if matches else "no run has made or used an artifact that begins"
            )
            raise StoreError(
                f"store {self._store.url}: {problem} with {prefix}; a run's tables have the digests"
            )
        ((artifact, table, file),) = matches.values()
        return self._node(artifact, table, file, set())

    def _known(self) -> Iterator[Artifact]:
        for results in self._results.values():
            yield from results
        for step in self._steps.values():
            yield from step.inputs

    def _find_in_tables(self, prefix: str) -> Iterator[tuple[Artifact, Artifact, str | None]]:
        """The artifacts that tables and folders name, each with its table and the scan that its row names."""
        tables = [one for results in self._results.values() for one in results if one.name.endswith(".json")]
        missing = set(self._store.missing(tables))
        for table in tables:
            data = b"" if table in missing else self._store.get(table)
            if prefix.encode() not in data:
                continue
            try:
                value = json.loads(data)
                rows = value if isinstance(value, list) else [value]
                named = [(row, artifacts_in(row)) for row in rows]
            except (ValueError, RecursionError):  # no table, though it is called one
                continue
            for row, artifacts in named:
                file = row.get("file") if isinstance(row, dict) else None
                yield from ((one, table, file) for one in artifacts if one.sha256.startswith(prefix))

    def _node(
        self, artifact: Artifact, part_of: Artifact | None, file: str | None, expanded: set[str]
    ) -> Node:
        """The artifact's node, with what is below it unless its digest is among those `expanded` before."""
        key = self._maker.get((part_of or artifact).sha256)
        if key is None or artifact.sha256 in expanded:
            return Node(artifact, None, part_of, (), repeated=key is not None)
        expanded.add(artifact.sha256)
        step = self._steps[key]
        inputs = step.inputs
        if file and any(one.name == file for one in inputs):  # of a bucket's scans the one it is from
            inputs = [one for one in inputs if one.name == file]
        nodes = tuple(self._node(one, None, file, expanded) for one in inputs[:_MAX_INPUTS])
        return Node(artifact, step, part_of, nodes, omitted=len(inputs) - len(nodes))


def as_text(node: Node, with_code: bool = False) -> str:
    """Format the tree as lines, inputs indented.

    Args:
        node: Its root.
        with_code: List the digest of each module of each step, not one digest of all of them.
    """
    return "\n".join(_lines(node, "", with_code))


def as_mermaid(node: Node) -> str:
    """Format the tree as a mermaid graph, from the scans to the artifact."""
    boxes: dict[str, str] = {}
    arrows: dict[str, None] = {}

    def visit(current: Node) -> str:
        name = f"a{current.artifact.sha256[:12]}"
        boxes.setdefault(name, _label(current.artifact))  # two names of the same bytes are one box
        for source in current.inputs:
            arrows[f"  {visit(source)} -->|{current.step.stage if current.step else ''}| {name}"] = None
        if current.omitted:
            boxes[f"{name}more"] = f"and {current.omitted} more"
            arrows[f"  {name}more --> {name}"] = None
        return name

    visit(node)
    return "\n".join(["graph LR", *(f'  {name}["{label}"]' for name, label in boxes.items()), *arrows])


def _lines(node: Node, indent: str, with_code: bool) -> Iterator[str]:
    named = f", named in {_label(node.part_of)}" if node.part_of else ""
    yield indent + _label(node.artifact) + named + (" (see above)" if node.repeated else "")
    if node.step is None:
        return
    yield f"{indent}  by {node.step.stage} ({_describe_code(node.step, with_code)})"
    for line in _settings(node.step.parameters):
        yield f"{indent}  with {line}"
    for source in node.inputs:
        yield from _lines(source, f"{indent}    ", with_code)
    if node.omitted:
        yield f"{indent}    and {node.omitted} more"


def _describe_code(step: Step, with_code: bool) -> str:
    if with_code:
        return ", ".join(f"{name} {digest[:8]}" for name, digest in step.code.items())
    digest = hashlib.sha256(json.dumps(step.code, sort_keys=True).encode()).hexdigest()
    return f"code {digest[:8]}, {len(step.code)} modules"


def _settings(parameters: dict[str, Any]) -> Iterator[str]:
    for name, value in parameters.items():
        if value not in (None, [], {}) and not artifacts_in(value):
            yield f"{name} {json.dumps(value, sort_keys=True)}"


def _label(artifact: Artifact) -> str:
    return f"{artifact.name} {artifact.sha256[:12]}"
