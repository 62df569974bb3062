"""All buckets' rows to two tables: the joints, each knee once, and what was rejected."""

from pydantic import BaseModel, ConfigDict

from jsl_core.records import Row, accepted, read_rows, rejected_table, write_rows
from jsl_core.storage import Artifact
from tasks.caching import Placement, stage

__all__ = ["Gathered", "gather"]

# Files that were never radiographs say nothing about the quality of those that were.
_NOT_SCANS = {"not_dicom", "dicomdir"}


class Gathered(BaseModel):
    """The joints (`joints.json`), the rejects (`rejected.csv`), and how many scans there were and failed."""

    model_config = ConfigDict(frozen=True)

    joints: Artifact
    rejected: Artifact
    scans: int
    failed: int


@stage("gather", version=1, code=("jsl_core.records",))
def gather(
    converted: list[Artifact], split: list[Artifact], cropped: list[Artifact], place: Placement
) -> Gathered:
    """Join the buckets; of several films of one knee the first by name is kept, the others are rejected."""
    store = place.open()
    tables = [read_rows(store, stage_tables) for stage_tables in (converted, split, cropped)]
    joints, repeated = _once(accepted(tables[2]))
    rows = [*(row for table in tables for row in table), *repeated]
    scans = [row for row in tables[0] if row.get("reason") not in _NOT_SCANS]
    failed = {row["file"] for row in rows if row.get("reason") and row["reason"] not in _NOT_SCANS}
    return Gathered(
        joints=write_rows(store, joints, "joints.json"),
        rejected=store.put(rejected_table(rows), "rejected.csv"),
        scans=len(scans),
        failed=len(failed),
    )


def _once(joints: list[Row]) -> tuple[list[Row], list[Row]]:
    kept: dict[str, Row] = {}
    repeated = []
    for row in sorted(joints, key=lambda row: (row["ID"], row["file"])):
        if row["ID"] in kept:
            sentence = f"{kept[row['ID']]['file']} already gave knee {row['ID']}; keep one film of each knee"
            repeated.append(
                {"file": row["file"], "ID": row["ID"], "reason": "duplicate", "sentence": sentence}
            )
        else:
            kept[row["ID"]] = row
    return list(kept.values()), repeated
