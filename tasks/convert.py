"""Stage 1: DICOM scans to full-film PNGs, one bucket of scans a task."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from jsl_core.config import ConvertSettings
from jsl_core.review.correction import Correction, of_film
from jsl_core.scans.items import convert_item
from jsl_core.scans.listing import names_behind
from jsl_core.scans.rows import Outcome, Row, map_with_memo, write_rows
from jsl_core.storage import Artifact, Memo
from jsl_core.system.parallel import parallel_map
from tasks.caching import Placement, stage, stage_key
from tasks.progress import Progress

__all__ = ["convert"]


@stage("convert", version=1)
def convert(
    scans: list[Artifact],
    settings: ConvertSettings,
    placement: Placement,
    corrections: dict[str, Correction] | None = None,
) -> Artifact:
    """One row a scan: what the header says, what a look at the film shows, and the artifact `png`.

    `corrections` are those of films of this bucket that a reviewer has turned, by name.
    """
    # PyTorch takes seconds to import: a run says before that that it has begun.
    from jsl_core.detection.look import look_at_film

    pseudonyms = placement.pseudonyms()

    def work(items: Sequence[Row]) -> Iterator[Outcome]:
        if pseudonyms:
            names = names_behind(Path(placement.scans), pseudonyms, [item["file"] for item in items])
            items = [item | {"path": names.get(item["file"], item["file"])} for item in items]
        convert_one = partial(
            convert_item,
            settings=settings,
            scans=placement.scans,
            store=placement.store,
            look=look_at_film,
            pseudonyms=pseudonyms,
        )
        yield from parallel_map(convert_one, items, placement.jobs, settings.seconds_per_scan)

    rows = map_with_memo(
        [{"file": scan.name, "sha256": scan.sha256} | of_film(corrections, scan.name) for scan in scans],
        work,
        Memo(placement.open(), stage_key(convert, settings, placement)),
        Progress("convert", len(scans)).step,
    )
    return write_rows(placement.open(), rows, "converted.json")
