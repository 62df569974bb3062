"""Rows, not exceptions, for bad scans: every stage yields a table with one row per scan or knee.

A row is a JSON object. It names what it was made from and either its output artifacts or a `reason` (a short
code) and a `sentence`; a bad file becomes a row and never stops a run.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pandas as pd

from jsl_core.cohort.columns import VISIT
from jsl_core.cohort.persons import normalise_knee
from jsl_core.errors import BadScan
from jsl_core.storage import Artifact, Memo, Store
from jsl_core.system.spreadsheet import format_csv

__all__ = [
    "TRANSIENT",
    "Row",
    "accepted",
    "map_with_memo",
    "name_of_joint",
    "read_rows",
    "rejected_table",
    "rejection",
    "write_rows",
]

Row = dict[str, Any]
Outcome = list[Row] | BadScan

# Reasons that say something about the machine, not about the scan: the next run tries again.
TRANSIENT = frozenset({"changed", "out_of_memory", "timeout", "unreadable", "worker_killed"})
# Reasons that cost less to find again than to remember: thousands of stray files leave no record each.
_SEEN_AT_ONCE = frozenset({"not_dicom"})


def rejection(item: Row, error: BadScan) -> Row:
    """Make the row of an item that failed: what identifies it, the reason's code and its sentence."""
    identity = {key: item[key] for key in ("file", "ID", "participant", "side") if key in item}
    return identity | {"reason": error.code, "sentence": str(error)}


def name_of_joint(row: Row) -> str:
    """The name of the cohort table's row that a joint belongs to, as `row_names` has it."""
    knee = normalise_knee(row["ID"])
    return f"{knee}@{row[VISIT]}" if VISIT in row else knee


def map_with_memo(
    items: Sequence[Row],
    work: Callable[[Sequence[Row]], Iterator[Outcome]],
    memo: Memo,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Row]:
    """Map items to rows, working only on those whose rows are not remembered.

    Args:
        items: What to work on; each is its own key in the memo.
        work: Takes the items left to do and yields, in their order, the rows of each or why it failed.
        memo: Where the rows of each item are remembered.
        progress: Called with the number of items done since the last call.

    Returns:
        The rows of all items, in their order.
    """
    remembered = memo.get_all(items)
    missing = [item for item, rows in zip(items, remembered, strict=True) if rows is None]
    progress(len(items) - len(missing))
    new_rows = _remember(missing, work(missing), memo, progress) if missing else iter(())
    return [row for rows in remembered for row in (next(new_rows) if rows is None else rows)]


def _remember(
    items: Sequence[Row], outcomes: Iterable[Outcome], memo: Memo, progress: Callable[[int], None]
) -> Iterator[list[Row]]:
    for item, outcome in zip(items, outcomes, strict=True):
        rows = [rejection(item, outcome)] if isinstance(outcome, BadScan) else outcome
        if not any(row.get("reason") in TRANSIENT | _SEEN_AT_ONCE for row in rows):
            memo.put(item, rows)
        progress(1)
        yield rows


def write_rows(store: Store, rows: list[Row], name: str) -> Artifact:
    """Store a stage's table."""
    return store.put(json.dumps(rows, sort_keys=True).encode(), name)


def read_rows(store: Store, tables: Iterable[Artifact]) -> list[Row]:
    """Read the rows of several tables of one stage, one after another."""
    return [row for table in tables for row in json.loads(store.get(table))]


def accepted(rows: Iterable[Row]) -> list[Row]:
    """The rows that have an output."""
    return [row for row in rows if not row.get("reason")]


def rejected_table(rows: Iterable[Row]) -> bytes:
    """Write `rejected.csv`: file, ID, reason, sentence of every row that has a reason."""
    columns = ["file", "ID", "reason", "sentence"]
    rejected = pd.DataFrame([row for row in rows if row.get("reason")]).reindex(columns=columns)
    return format_csv(rejected.sort_values(["file", "ID"], kind="stable")).encode()
