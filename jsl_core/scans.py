"""What lies in a scan folder, by content, and how it is dealt into buckets."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jsl_core.errors import JslError
from jsl_core.imaging import ScanFile, walk
from jsl_core.storage import Artifact

__all__ = ["in_buckets", "list_scans"]

_PER_BUCKET = 96  # between 64 and 128 scans a task: the task's own cost vanishes, progress stays visible


def list_scans(source: Path) -> list[Artifact]:
    """Every file below a folder or in an archive by its digest, sorted by name.

    Raises JslError if there is nothing.
    """
    if not source.exists():
        raise JslError(f"scans {source}: no such folder; give the folder that holds the DICOM files")
    with ThreadPoolExecutor() as pool:  # hashing releases the interpreter's lock
        scans = list(pool.map(_digest, walk(source)))
    if not scans:
        raise JslError(f"scans {source}: the folder is empty; give the folder that holds the DICOM files")
    return sorted(scans, key=lambda scan: scan.name)


def _digest(scan: ScanFile) -> Artifact:
    return Artifact.of_bytes(scan.read(), scan.name)


def in_buckets(scans: Sequence[Artifact]) -> list[list[Artifact]]:
    """The scans dealt by their digest into a power of two of buckets, so that a new scan changes one."""
    count = 1
    while len(scans) > _PER_BUCKET * count:
        count *= 2
    buckets: list[list[Artifact]] = [[] for _ in range(count)]
    for scan in scans:
        buckets[int(scan.sha256[:8], 16) % count].append(scan)
    return [bucket for bucket in buckets if bucket]
