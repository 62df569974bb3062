"""Stage 1: DICOM scans to full-film PNGs, one bucket of scans a task."""

from functools import partial
from pathlib import Path

from jsl_core.config import ConvertSettings
from jsl_core.errors import BadScan
from jsl_core.imaging import convert_scan, open_scan
from jsl_core.parallel import parallel_map
from jsl_core.records import Row, work_through, write_rows
from jsl_core.storage import Artifact, Memo
from tasks.caching import Placement, stage, stage_key
from tasks.progress import Progress

__all__ = ["convert"]


@stage("convert", version=1, code=("jsl_core.imaging",))
def convert(scans: list[Artifact], settings: ConvertSettings, place: Placement) -> Artifact:
    """One row a scan: what the header says, and the artifact `png`."""
    rows = work_through(
        [{"file": scan.name, "sha256": scan.sha256} for scan in scans],
        partial(
            parallel_map,
            partial(_convert, settings=settings, place=place),
            jobs=place.jobs,
            seconds_per_item=settings.seconds_per_scan,
        ),
        Memo(place.open(), stage_key(convert, settings)),
        Progress("convert", len(scans)).step,
    )
    return write_rows(place.open(), rows, "converted.json")


def _convert(scan: Row, settings: ConvertSettings, place: Placement) -> list[Row]:
    data = open_scan(Path(place.scans), scan["file"])
    if Artifact.of_bytes(data, scan["file"]).sha256 != scan["sha256"]:
        raise BadScan("changed", "the file changed while the run was reading it; run again")
    record, png = convert_scan(data, scan["file"], settings)
    return [record.model_dump(mode="json") | {"png": place.open().put(png, "film.png").model_dump()}]
