"""Rows, not exceptions, for bad scans: every stage yields a table with one row per scan or knee.

A row is a JSON object. It names what it was made from and either its output artifacts or a `reason` (a short
code) and a `sentence`; a bad file becomes a row and never stops a run.
"""

import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pandas as pd

from jsl_core.errors import BadScan
from jsl_core.storage import Artifact, Memo, Store

__all__ = ["Row", "accepted", "read_rows", "rejected_table", "rejection", "work_through", "write_rows"]

Row = dict[str, Any]
Outcome = list[Row] | BadScan

# Reasons that say something about the machine rather than the scan are not remembered.
_PASSING = {"changed", "timeout", "worker_killed"}


def rejection(item: Row, error: BadScan) -> Row:
    """The row of an item that failed: what identifies it, the reason's code and its sentence."""
    known = {key: item[key] for key in ("file", "ID", "participant", "side") if key in item}
    return known | {"reason": error.code, "sentence": str(error)}


def work_through(
    items: Sequence[Row],
    work: Callable[[Sequence[Row]], Iterator[Outcome]],
    memo: Memo,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Row]:
    """The rows of all items, in their order; only those without a remembered result are worked on.

    `work` takes the items left to do and yields, in their order, the rows of each or why it failed.
    """
    known = memo.get_all(items)
    todo = [item for item, rows in zip(items, known, strict=True) if rows is None]
    progress(len(items) - len(todo))
    fresh = _remembering(todo, work(todo), memo, progress) if todo else iter(())
    return [row for rows in known for row in (next(fresh) if rows is None else rows)]


def _remembering(
    items: Sequence[Row], outcomes: Iterable[Outcome], memo: Memo, progress: Callable[[int], None]
) -> Iterator[list[Row]]:
    for item, outcome in zip(items, outcomes, strict=True):
        rows = [rejection(item, outcome)] if isinstance(outcome, BadScan) else outcome
        if not any(row.get("reason") in _PASSING for row in rows):
            memo.put(item, rows)
        progress(1)
        yield rows


def write_rows(store: Store, rows: list[Row], name: str) -> Artifact:
    """Store a stage's table."""
    return store.put(json.dumps(rows, sort_keys=True).encode(), name)


def read_rows(store: Store, tables: Iterable[Artifact]) -> list[Row]:
    """The rows of several tables of one stage, one after another."""
    return [row for table in tables for row in json.loads(store.get(table))]


def accepted(rows: Iterable[Row]) -> list[Row]:
    """The rows that have an output."""
    return [row for row in rows if not row.get("reason")]


def rejected_table(rows: Iterable[Row]) -> bytes:
    """`rejected.csv`: file, ID, reason, sentence of every row that has a reason."""
    columns = ["file", "ID", "reason", "sentence"]
    bad = pd.DataFrame([row for row in rows if row.get("reason")]).reindex(columns=columns)
    text = io.StringIO()
    bad.sort_values(["file", "ID"], kind="stable").to_csv(text, index=False, lineterminator="\n")
    return text.getvalue().encode()
