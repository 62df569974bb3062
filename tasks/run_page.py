"""What a run of prepare shows on its page: counts, reasons and joints, no names, as a database keeps it."""

from collections import Counter

import cv2
import numpy as np
from prefect.artifacts import create_image_artifact, create_table_artifact

from jsl_core.evaluation.report.data_uri import data_uri
from jsl_core.imaging import decode_png, encode_png
from jsl_core.scans.rows import read_rows
from jsl_core.storage import Artifact
from tasks.caching import Placement
from tasks.gather import Gathered

__all__ = ["show_preparation"]

_SIDE, _ACROSS, _DOWN = 96, 8, 2  # pixels and joints: the picture lies in Prefect's database


def show_preparation(stages: dict[str, list[Artifact]], gathered: Gathered, placement: Placement) -> None:
    """Show how many rows each stage gave, why others fell out, and a few joints.

    `stages` has the tables of each stage by its name.
    """
    store = placement.open()
    counts, reasons = [], Counter[tuple[str, str]]()
    for stage, tables in stages.items():
        rows = read_rows(store, tables)
        rejected = [row["reason"] for row in rows if row.get("reason")]
        reasons.update((stage, reason) for reason in rejected)
        counts.append({"stage": stage, "accepted": len(rows) - len(rejected), "rejected": len(rejected)})
    create_table_artifact(counts, key="stages", description="What each stage accepted")
    why = [{"stage": stage, "reason": reason, "rows": n} for (stage, reason), n in reasons.most_common()]
    if why:
        create_table_artifact(why, key="rejected", description="Why scans and knees fell out")
    joints = sorted(read_rows(store, [gathered.joints]), key=lambda row: str(row["png"]["sha256"]))
    small = [
        cv2.resize(decode_png(store.get(Artifact.model_validate(row["png"]))), (_SIDE, _SIDE))
        for row in joints[: _ACROSS * _DOWN]
    ]
    if small:
        create_image_artifact(_sheet(small), key="joints", description="Some of the joints")


def _sheet(small: list[np.ndarray]) -> str:
    """The joints in rows, as a data URI."""
    across = min(_ACROSS, len(small))
    small = [*small, *[np.zeros_like(small[0])] * (-len(small) % across)]
    lines = [np.hstack(small[start : start + across]) for start in range(0, len(small), across)]
    return data_uri(encode_png(np.vstack(lines)), "image/png")
