"""What lies in a scan folder, by content."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pandas as pd

from jsl_core.errors import BadScan, BadTable, JslError
from jsl_core.imaging import ScanFile, read_scan, walk_scans
from jsl_core.scans.digests import FileDigests
from jsl_core.storage import Artifact
from jsl_core.system.archives import IN_ARCHIVE

__all__ = ["list_scans", "scan_artifact"]


def list_scans(source: Path, ledger: Path, films: Path | None = None) -> list[Artifact]:
    """List every file below a folder or in an archive by its digest, sorted by name.

    Args:
        source: The folder or archive.
        ledger: The file that remembers the digests of files that are not touched in between.
        films: A CSV whose column `file` names scans and whose `reason`, where there is one, says why one is
            not used; with it the source is not walked.

    Raises:
        JslError: If there are no scans.
        BadTable: If `films` cannot be read.
    """
    if not os.path.exists(source):
        raise JslError(f"scans {source}: no such folder; give the folder that holds the DICOM files")
    digests = FileDigests(ledger)
    with ThreadPoolExecutor() as pool:  # hashing releases the interpreter's lock
        if films:
            scans = list(pool.map(partial(_digest_named, source, digests), _accepted_files(films)))
        else:
            scans = list(pool.map(partial(_digest, source, digests), walk_scans(source)))
    digests.save()
    if not scans:
        raise JslError(f"scans {source}: there are none; give the folder that holds the DICOM files")
    return sorted(scans, key=lambda scan: scan.name)


def scan_artifact(scan: ScanFile, name: str = "") -> Artifact:
    """A scan by its content, under another name if one is given."""
    try:
        return Artifact.of_bytes(scan.read(), name or scan.name)
    except BadScan:  # the convert stage meets the same error, and makes a row of it
        return Artifact.of_bytes(b"", name or scan.name)


def _digest(source: Path, digests: FileDigests, scan: ScanFile) -> Artifact:
    return digests.artifact_of(_file_of(source, scan.name), scan.name, partial(scan_artifact, scan))


def _digest_named(source: Path, digests: FileDigests, name: str) -> Artifact:
    try:
        return digests.artifact_of(
            _file_of(source, name), name, lambda: Artifact.of_bytes(read_scan(source, name), name)
        )
    except BadScan as error:
        raise JslError(f"scans {source}: {name}: {error}") from None


def _file_of(source: Path, name: str) -> Path:
    """The file in which a scan lies: its own, or its archive."""
    return source / name.partition(IN_ARCHIVE)[0] if source.is_dir() else source


def _accepted_files(films: Path) -> list[str]:
    try:
        table = pd.read_csv(films, dtype=str, keep_default_na=False)
        reasons = table.get("reason", pd.Series("", index=table.index))
        return list(table.loc[reasons == "", "file"])
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise BadTable(f"films {films}: not a CSV table with a column file ({reason}); mend it") from None
