"""All buckets' rows to two tables: the joints, each knee once, and what was rejected."""

import json

from pydantic import BaseModel, ConfigDict

from jsl_core.cohort.columns import VISIT
from jsl_core.cohort.persons import normalise_knee
from jsl_core.review.correction import EXCLUDED
from jsl_core.scans.rows import Row, accepted, read_rows, rejected_table, write_rows
from jsl_core.storage import Artifact
from tasks.caching import Placement, stage

__all__ = ["Gathered", "gather"]

# Files that were never radiographs say nothing about the quality of those that were.
_NOT_SCANS = {"not_dicom", "directory", "presentation_state", "report", "document", "own_result"}


class Gathered(BaseModel):
    """The joints (`joints.json`), the rejects (`rejected.csv`), and how many scans there were and failed."""

    model_config = ConfigDict(frozen=True)

    joints: Artifact
    rejected: Artifact
    scans: int
    failed: int


@stage("gather", version=1)
def gather(
    converted: list[Artifact],
    split: list[Artifact],
    cropped: list[Artifact],
    placement: Placement,
    visits: Artifact | None = None,
) -> Gathered:
    """Join the buckets; of several films of one knee the first by name is kept, the others are rejected.

    `visits` tells the visit of each film (`list_visits`), and a knee is then kept once a visit.
    """
    store = placement.open()
    tables = [read_rows(store, stage_tables) for stage_tables in (converted, split, cropped)]
    copies = _copies(accepted(tables[0]))
    copied = {row["file"] for row in copies}
    found = [row for row in accepted(tables[2]) if row["file"] not in copied]
    if visits:
        visit_of = json.loads(store.get(visits))
        found = [row | {VISIT: visit_of.get(row["file"], "")} for row in found]
    joints, repeated = _first_of_each_knee(found)
    rows = [*(row for table in tables for row in table), *copies, *repeated]
    scans = [row for row in tables[0] if row.get("reason") not in _NOT_SCANS]
    failed = {
        row["file"] for row in rows if row.get("reason") and row["reason"] not in (*_NOT_SCANS, EXCLUDED)
    }
    return Gathered(
        joints=write_rows(store, joints, "joints.json"),
        rejected=store.put(rejected_table(rows), "rejected.csv"),
        scans=len(scans),
        failed=len(failed),
    )


def _copies(films: list[Row]) -> list[Row]:
    """A rejection for each film that has the pixels of another, by name earlier, film."""
    first: dict[str, str] = {}
    copies = []
    for film in sorted(films, key=lambda film: film["file"]):
        used = first.setdefault(film["pixels"], film["file"])
        if used != film["file"]:
            copies.append(_duplicate(film["file"], f"has the same pixels as {used}, which is used"))
    return copies


def _first_of_each_knee(joints: list[Row]) -> tuple[list[Row], list[Row]]:
    first_rows: dict[tuple[str, str], Row] = {}
    repeated = []
    for row in sorted(joints, key=lambda row: (row["ID"], row["file"])):
        visit = row.get(VISIT, "")
        first = first_rows.setdefault((normalise_knee(row["ID"]), visit), row)
        if first is not row:
            each = f"{row['ID']} at visit {visit}" if visit else row["ID"]
            sentence = f"{first['file']} already gave knee {each}; keep one film of each knee"
            repeated.append(_duplicate(row["file"], sentence) | {"ID": row["ID"]})
    return list(first_rows.values()), repeated


def _duplicate(file: str, sentence: str) -> Row:
    return {"file": file, "reason": "duplicate", "sentence": sentence}
