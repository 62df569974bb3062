"""What lies in a scan folder, by content."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path

from jsl_core.cohort.cells import read_cells
from jsl_core.errors import BadScan, BadTable, JslError
from jsl_core.imaging import Pseudonyms, ScanFile, read_scan, walk_scans
from jsl_core.scans.digests import FileDigests
from jsl_core.storage import Artifact
from jsl_core.system.archives import IN_ARCHIVE
from jsl_core.system.spreadsheet import unescape_cell

__all__ = ["accepted_films", "list_scans", "names_behind", "scan_artifact"]


def list_scans(
    source: Path, ledger: Path, films: Path | None = None, pseudonyms: Pseudonyms | None = None
) -> list[Artifact]:
    """List every file below a folder or in an archive by its digest, sorted by name.

    Args:
        source: The folder or archive.
        ledger: The file that remembers the digests of files that are not touched in between.
        films: A CSV whose column `file` names scans and whose `reason`, where there is one, says why one is
            not used; with it the source is not walked.
        pseudonyms: What scans are called, also where their digests are remembered; None for their own names.

    Raises:
        JslError: If there are no scans.
        BadTable: If `films` cannot be read.
    """
    if not os.path.exists(source):
        raise JslError(f"scans {source}: no such folder; give the folder that holds the DICOM files")
    digests, alias = FileDigests(ledger), pseudonyms or str
    with ThreadPoolExecutor() as pool:  # hashing releases the interpreter's lock
        if films:
            scans = list(pool.map(partial(_digest_named, source, digests, alias), accepted_films(films)))
        else:
            scans = list(pool.map(partial(_digest, source, digests, alias), walk_scans(source)))
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


def names_behind(source: Path, pseudonyms: Pseudonyms, aliases: Iterable[str]) -> dict[str, str]:
    """The names of the scans in a folder or archive that go by these pseudonyms, as far as they exist."""
    wanted = set(aliases)
    if not wanted <= _names(source, pseudonyms).keys():  # more have come since it was walked
        _names.cache_clear()
    names = _names(source, pseudonyms)
    return {alias: names[alias] for alias in wanted if alias in names}


@lru_cache(maxsize=1)  # each bucket of a run asks for it
def _names(source: Path, pseudonyms: Pseudonyms) -> dict[str, str]:
    return {pseudonyms(scan.name): scan.name for scan in walk_scans(source)}


def _digest(source: Path, digests: FileDigests, alias: Callable[[str], str], scan: ScanFile) -> Artifact:
    name = alias(scan.name)
    return digests.artifact_of(_file_of(source, scan.name), name, partial(scan_artifact, scan, name))


def _digest_named(source: Path, digests: FileDigests, alias: Callable[[str], str], name: str) -> Artifact:
    try:
        return digests.artifact_of(
            _file_of(source, name),
            alias(name),
            lambda: Artifact.of_bytes(read_scan(source, name), alias(name)),
        )
    except BadScan as error:
        raise JslError(f"scans {source}: {alias(name)}: {error}") from None


def _file_of(source: Path, name: str) -> Path:
    """The file in which a scan lies: its own, or its archive."""
    return source / name.partition(IN_ARCHIVE)[0] if source.is_dir() else source


def accepted_films(films: Path) -> list[str]:
    """The scans that a table of films names, without those that its column `reason` leaves out.

    Raises:
        BadTable: If it cannot be read.
    """
    cells = read_cells(films, ("file",))
    files, reasons = cells.places_of("file"), cells.places_of("reason")
    if len(files) != 1 or len(reasons) > 1:
        raise BadTable(
            f"films {films}: not a table with one column file and at most one reason; give the list of films"
        )
    return [unescape_cell(row[files[0]]) for row in cells.rows if not (reasons and row[reasons[0]].strip())]
