"""Stage 2: full films to right and left knees, one bucket a task."""

from functools import partial

from jsl_core.config import SplitSettings
from jsl_core.scans.items import split_item
from jsl_core.scans.rows import accepted, read_rows, work_through, write_rows
from jsl_core.storage import Artifact, Memo
from jsl_core.system.parallel import parallel_map
from tasks.caching import Placement, stage, stage_key
from tasks.progress import Progress

__all__ = ["split"]


@stage("split", version=1, code=("jsl_core.imaging", "jsl_core.scans.items"))
def split(converted: Artifact, settings: SplitSettings, place: Placement) -> Artifact:
    """One row a knee: its ID, where it lies on the film, and the artifact `png`."""
    films = accepted(read_rows(place.open(), [converted]))
    rows = work_through(
        films,
        partial(parallel_map, partial(split_item, settings=settings, store=place.store), jobs=place.jobs),
        Memo(place.open(), stage_key(split, settings)),
        Progress("split", len(films)).step,
    )
    return write_rows(place.open(), rows, "split.json")
