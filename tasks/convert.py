"""Stage 1: DICOM scans to full-film PNGs, one bucket of scans a task."""

from functools import partial

from jsl_core.config import ConvertSettings
from jsl_core.scans.items import convert_item
from jsl_core.scans.rows import work_through, write_rows
from jsl_core.storage import Artifact, Memo
from jsl_core.system.parallel import parallel_map
from tasks.caching import Placement, stage, stage_key
from tasks.progress import Progress

__all__ = ["convert"]


@stage("convert", version=1, code=("jsl_core.imaging", "jsl_core.scans.items"))
def convert(scans: list[Artifact], settings: ConvertSettings, place: Placement) -> Artifact:
    """One row a scan: what the header says, and the artifact `png`."""
    rows = work_through(
        [{"file": scan.name, "sha256": scan.sha256} for scan in scans],
        partial(
            parallel_map,
            partial(convert_item, settings=settings, scans=place.scans, store=place.store),
            jobs=place.jobs,
            seconds_per_item=settings.seconds_per_scan,
        ),
        Memo(place.open(), stage_key(convert, settings)),
        Progress("convert", len(scans)).step,
    )
    return write_rows(place.open(), rows, "converted.json")
