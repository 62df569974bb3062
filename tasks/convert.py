"""Stage 1: DICOM scans to full-film PNGs, one bucket of scans a task."""

from functools import partial

from jsl_core.config import ConvertSettings
from jsl_core.scans.items import convert_item
from jsl_core.scans.rows import map_with_memo, write_rows
from jsl_core.storage import Artifact, Memo
from jsl_core.system.parallel import parallel_map
from tasks.caching import Placement, stage, stage_key
from tasks.progress import Progress

__all__ = ["convert"]


@stage("convert", version=1)
def convert(scans: list[Artifact], settings: ConvertSettings, placement: Placement) -> Artifact:
    """One row a scan: what the header says, and the artifact `png`."""
    rows = map_with_memo(
        [{"file": scan.name, "sha256": scan.sha256} for scan in scans],
        partial(
            parallel_map,
            partial(convert_item, settings=settings, scans=placement.scans, store=placement.store),
            jobs=placement.jobs,
            seconds_per_item=settings.seconds_per_scan,
        ),
        Memo(placement.open(), stage_key(convert, settings, placement)),
        Progress("convert", len(scans)).step,
    )
    return write_rows(placement.open(), rows, "converted.json")
