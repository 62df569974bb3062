"""What lies in a release: files in folders, zips and tars, and what a path tells of a film."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jsl_core.cohort.oai.findings import Finding
from jsl_core.cohort.oai.specs import visit_after
from jsl_core.errors import BadTable
from jsl_core.system.archives import IN_ARCHIVE, archive_members, is_archive, is_tar

__all__ = ["Entry", "FilmPath", "film_path_of", "list_entries"]

_ZIP = re.compile(r"\.zip$", re.IGNORECASE)
_TABLE = re.compile(r"\.(txt|csv|asc)$", re.IGNORECASE)
_SERIES = re.compile(r"^\d{8}(\.(tar|tgz|tar\.gz))?$", re.IGNORECASE)
_MR = re.compile(r"(^|/)\d{8}/1\d{7}(\.|/|$)")  # <date>/<barcode>: X-ray barcodes start with 0, MR with 1
_FILM_PATH = re.compile(
    r"(?:^|/)(?P<participant>\d{7})/(?P<date>(?:19|20)\d{6})/(?P<barcode>0\d{7})(?:[./]|$)"
)
_VISIT = re.compile(
    r"(?:^|/)(?:(?P<release>\d+)\.[A-Z]\.\d+|(?P<months>\d\d)m|OAI[ _]?(?P<package>\d\d?)[ _]?Month[^/]*"
    r"|(?P<baseline>OAI[ _]?Baseline[^/]*))(?=/)",
    re.IGNORECASE,
)
_SCREENING = re.compile(r"(?:^|/)OAI[ _]?Screening[^/]*/", re.IGNORECASE)

_NESTED = "films in an archive within an archive are not looked for; unpack the outer one"


@dataclass(frozen=True)
class Entry:
    """A file by its name below the release, `archive.zip!/inner/name` within an archive.

    `path` is the file on disk and `member` its name within it, "" for a plain file and for the archive of
    one series, which is not opened before its film is wanted.
    """

    name: str
    path: Path
    member: str = ""

    @property
    def in_tar(self) -> bool:
        """Whether it lies in a tar, or is one series' own."""
        return is_tar(self.path.name)

    @property
    def basename(self) -> str:
        """The name without its folders and archives."""
        return self.name.rpartition("/")[2]

    def read(self) -> bytes:
        """The bytes of a plain file, a table or a film.

        Raises:
            OSError: If the file or its archive is damaged or cannot be read.
        """
        if not self.member:
            return self.path.read_bytes()
        try:
            return archive_members(self.path, _may_hold_tables)[self.member].read()
        except Exception as error:  # zipfile and tarfile raise anything at all on damaged archives
            raise OSError(f"{self.name}: damaged") from error


@dataclass(frozen=True)
class FilmPath:
    """What `<ID>/<YYYYMMDD>/<barcode>` in a path tells, "" where it is silent.

    `visit` is the release's number, such as `06`. In a `screening` package, which also holds films of later
    visits, `00` is that of the package and says nothing of the film.
    """

    participant: str = ""
    date: str = ""
    barcode: str = ""
    visit: str = ""
    screening: bool = False


def film_path_of(name: str) -> FilmPath:
    """What an entry's name tells of a film.

    Visits by the image release (0.C.2 and 0.E.1 are 00, 6.E.1 is 06), by folders such as 48m, and by the
    NDA's packages such as OAI48MonthImages. Of places that differ the one of a later visit is believed.
    """
    path = name.replace(IN_ARCHIVE, "/")
    match = _FILM_PATH.search(path)
    visits = [_visit_of(place) for place in _VISIT.finditer(path)]
    visit, screening = max(visits, default=""), bool(_SCREENING.search(path))
    return FilmPath(**(match.groupdict() if match else {}), visit=visit, screening=screening)


def _visit_of(place: re.Match[str]) -> str:
    if place["release"]:
        return place["release"].zfill(2)
    return visit_after(int(place["months"] or place["package"] or 0))


def list_entries(release: Path) -> tuple[list[Entry], list[Finding]]:
    """List every file of a release but MR series, in the order of names, and the archives that are damaged.

    Raises:
        BadTable: If there is no release.
    """
    if not os.path.exists(release):
        raise BadTable(f"{release}: no such file or folder; give the folder or zip of the OAI release")
    findings: list[Finding] = []
    root = release if release.is_dir() else release.parent
    files = _walk(release) if release.is_dir() else iter([release])
    entries: list[Entry] = []
    for path in files:
        name = path.relative_to(root).as_posix()
        if not is_archive(name) or (is_tar(name) and _SERIES.match(path.name)):
            entries.append(Entry(name, path))
            continue
        try:
            entries += [Entry(name + IN_ARCHIVE + member, path, member) for member in _members(path)]
        except OSError:
            findings.append(Finding("damaged_archive", name, "the archive cannot be opened; copy it again"))
    entries = sorted((entry for entry in entries if _is_wanted(entry.name)), key=lambda entry: entry.name)
    nested = [entry for entry in entries if entry.member and is_archive(entry.name)]
    findings += [Finding("nested_archive", entry.name, _NESTED) for entry in nested]
    return entries, findings


def _walk(folder: Path) -> Iterator[Path]:
    """Files below a folder; MR series are not even listed, as they are most of a release's files."""
    for base, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not _MR.search(f"{base}/{name}/")]
        yield from (Path(base, name) for name in files)


def _members(path: Path) -> list[str]:
    """The files of an archive, and the tables of zips within it, which a download often holds."""
    names = archive_members(path, _may_hold_tables)
    tables = [name for name in names if IN_ARCHIVE in name and _TABLE.search(name)]
    nested = {name.partition(IN_ARCHIVE)[0] for name in names if IN_ARCHIVE in name}
    without_tables = nested - {table.partition(IN_ARCHIVE)[0] for table in tables}
    return [*(name for name in names if IN_ARCHIVE not in name), *tables, *sorted(without_tables)]


def _may_hold_tables(name: str) -> bool:
    return bool(_ZIP.search(name))


def _is_wanted(name: str) -> bool:
    hidden = name.rpartition("/")[2].startswith(".") or "__MACOSX/" in name
    return not hidden and not _MR.search(name.replace(IN_ARCHIVE, "/"))
