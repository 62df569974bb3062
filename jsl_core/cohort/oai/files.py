"""What lies in a release: files in folders, zips and tars, and what a path tells of a film."""

import os
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jsl_core.cohort.oai.findings import Finding
from jsl_core.errors import BadTable

__all__ = ["DAMAGED", "IN_ARCHIVE", "Entry", "Place", "list_entries", "place_of"]

# What reading a damaged file or archive raises.
DAMAGED = (
    OSError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
)

IN_ARCHIVE = "!/"
_TAR = re.compile(r"\.(tar|tgz|tar\.gz|tar\.bz2|tar\.xz)$", re.IGNORECASE)
_ZIP = re.compile(r"\.zip$", re.IGNORECASE)
_TABLE = re.compile(r"\.(txt|csv|asc)$", re.IGNORECASE)
_SERIES = re.compile(r"^\d{8}(\.(tar|tgz|tar\.gz))?$", re.IGNORECASE)
_MR = re.compile(r"(^|/)\d{8}/1\d{7}(\.|/|$)")  # <date>/<barcode>: X-ray barcodes start with 0, MR with 1
_PLACE = re.compile(r"(?:^|/)(?P<participant>\d{7})/(?P<date>(?:19|20)\d{6})/(?P<barcode>0\d{7})(?:[./]|$)")
_VISIT = re.compile(r"(?:^|/)(?:(?P<release>\d+)\.[A-Z]\.\d+|(?P<months>\d\d)m)(?=/)", re.IGNORECASE)

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
    def kind(self) -> Literal["file", "zip", "tar"]:
        """How the bytes are reached; the archive of one series is a tar."""
        if _ZIP.search(self.path.name) and self.member:
            return "zip"
        return "tar" if _TAR.search(self.path.name) else "file"

    @property
    def basename(self) -> str:
        return self.name.rpartition("/")[2]

    def read(self) -> bytes:
        """The bytes; raises OSError, or whatever a damaged archive raises."""
        if not self.member:
            return self.path.read_bytes()
        if self.kind == "zip":
            outer, _, inner = self.member.partition(IN_ARCHIVE)
            with zipfile.ZipFile(self.path) as archive:
                if not inner:
                    return archive.read(outer)
                with archive.open(outer) as file, zipfile.ZipFile(file) as nested:
                    return nested.read(inner)
        with tarfile.open(self.path) as tar:
            unpacked = tar.extractfile(self.member)
            return unpacked.read() if unpacked else b""


@dataclass(frozen=True)
class Place:
    """What `<ID>/<YYYYMMDD>/<barcode>` in a path tells; `baseline` is None where the path is silent."""

    participant: str = ""
    date: str = ""
    barcode: str = ""
    baseline: bool | None = None


def place_of(name: str) -> Place:
    """What an entry's name tells. Releases 0.C.2 and 0.E.1, and folders 00m, are baseline."""
    path = name.replace(IN_ARCHIVE, "/")
    found = _PLACE.search(path)
    visits = [int(v["release"] or v["months"]) for v in _VISIT.finditer(path)]
    baseline = all(visit == 0 for visit in visits) if visits else None
    return Place(**found.groupdict(), baseline=baseline) if found else Place(baseline=baseline)


def list_entries(release: Path) -> tuple[list[Entry], list[Finding]]:
    """Every file of a release in the order of names, without MR series; and the archives that are damaged.

    Raises BadTable where there is no release.
    """
    if not release.exists():
        raise BadTable(f"{release}: no such file or folder; give the folder or zip of the OAI release")
    findings: list[Finding] = []
    root = release if release.is_dir() else release.parent
    files = _walk(release) if release.is_dir() else iter([release])
    entries: list[Entry] = []
    for path in files:
        name = path.relative_to(root).as_posix()
        try:
            entries += _entries(path, name)
        except DAMAGED:
            findings.append(Finding("damaged_archive", name, "the archive cannot be opened; copy it again"))
    entries = sorted((entry for entry in entries if _wanted(entry.name)), key=lambda entry: entry.name)
    findings += [Finding("nested_archive", e.name, _NESTED) for e in entries if e.member and _nested(e)]
    return entries, findings


def _walk(folder: Path) -> Iterator[Path]:
    """Files below a folder; MR series are not even listed, as they are most of a release's files."""
    for base, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not _MR.search(f"{base}/{name}/")]
        yield from (Path(base, name) for name in files)


def _entries(path: Path, name: str) -> Iterator[Entry]:
    if _ZIP.search(name):
        with zipfile.ZipFile(path) as archive:
            members = list(_members(archive))
    elif _TAR.search(name) and not _SERIES.match(path.name):
        with tarfile.open(path) as tar:
            members = [member.name for member in tar if member.isfile()]
    else:
        yield Entry(name, path)
        return
    for member in members:
        yield Entry(name + IN_ARCHIVE + member.replace("\\", "/").removeprefix("./"), path, member)


def _members(archive: zipfile.ZipFile) -> Iterator[str]:
    """The files of a zip, and the tables of the zips within it, which a download's folder often holds."""
    for info in archive.infolist():
        if _ZIP.search(info.filename):
            with archive.open(info) as file, zipfile.ZipFile(file) as nested:
                tables = [member.filename for member in nested.infolist() if _TABLE.search(member.filename)]
            yield from (f"{info.filename}{IN_ARCHIVE}{table}" for table in tables)
            if tables:
                continue
        if not info.is_dir():
            yield info.filename


def _nested(entry: Entry) -> bool:
    return bool(_ZIP.search(entry.basename) or _TAR.search(entry.basename))


def _wanted(name: str) -> bool:
    hidden = name.rpartition("/")[2].startswith(".") or "__MACOSX/" in name
    return not hidden and not _MR.search(name.replace(IN_ARCHIVE, "/"))
