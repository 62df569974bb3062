"""Between crop and pack, where it is asked for: joints to joint space widths, one bucket a task."""

from functools import partial

from jsl_core.config import MeasureSettings
from jsl_core.scans.rows import accepted, map_with_memo, read_rows, write_rows
from jsl_core.storage import Artifact, Memo
from jsl_core.system.parallel import parallel_map
from jsl_core.width.item import measure_item
from tasks.caching import Placement, stage, stage_key
from tasks.progress import Progress

__all__ = ["measure"]


@stage("measure", version=1)
def measure(cropped: Artifact, settings: MeasureSettings, placement: Placement) -> Artifact:
    """One row a knee: its joint space widths, or why there are none."""
    joints = accepted(read_rows(placement.open(), [cropped]))
    rows = map_with_memo(
        joints,
        partial(parallel_map, partial(measure_item, store=placement.store), jobs=placement.jobs),
        Memo(placement.open(), stage_key(measure, settings, placement)),
        Progress("measure", len(joints)).step,
    )
    return write_rows(placement.open(), rows, "measured.json")
