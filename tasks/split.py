"""Stage 2: full films to right and left knees, one bucket a task."""

from functools import partial

from jsl_core.config import SplitSettings
from jsl_core.review.correction import Correction, of_film
from jsl_core.scans.items import split_item
from jsl_core.scans.rows import accepted, map_with_memo, read_rows, write_rows
from jsl_core.storage import Artifact, Memo
from jsl_core.system.parallel import parallel_map
from tasks.caching import Placement, stage, stage_key
from tasks.progress import Progress

__all__ = ["split"]


@stage("split", version=1)
def split(
    converted: Artifact,
    settings: SplitSettings,
    placement: Placement,
    corrections: dict[str, Correction] | None = None,
) -> Artifact:
    """One row a knee: its ID, where it lies on the film, and the artifact `png`.

    `corrections` are those of this bucket's films whose knees a reviewer sees otherwise, by name.
    """
    films = [
        film | of_film(corrections, film["file"])
        for film in accepted(read_rows(placement.open(), [converted]))
    ]
    rows = map_with_memo(
        films,
        partial(
            parallel_map, partial(split_item, settings=settings, store=placement.store), jobs=placement.jobs
        ),
        Memo(placement.open(), stage_key(split, settings, placement)),
        Progress("split", len(films)).step,
    )
    return write_rows(placement.open(), rows, "split.json")
