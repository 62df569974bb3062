"""Scans wherever they lie: in folders, in zip and tar archives, and in archives inside those folders."""

import os
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from threading import Lock

from jsl_core.errors import BadScan, JslError

__all__ = ["STATE", "ScanFile", "open_scan", "printable", "walk"]

STATE = ".jsl"  # the folder in which commands remember what they did
_IN_ARCHIVE = "!/"
_ZIP = (".zip",)
_TAR = (".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
_MAX_BYTES = 1 << 30
_UNREADABLE = (OSError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, tarfile.TarError)


@dataclass(frozen=True)
class ScanFile:
    """A file by its name below the source, `archive.zip!/inner/name` within an archive; size in bytes."""

    name: str
    size: int
    _bytes: Callable[[], bytes] = field(repr=False, compare=False)

    def read(self, limit: int = _MAX_BYTES) -> bytes:
        """The file's bytes. Raises BadScan if there are more than `limit`, or if they cannot be read."""
        if self.size > limit:
            raise BadScan("too_large", f"the file has {self.size >> 20} MiB, more than {limit >> 20}")
        try:
            return self._bytes()
        except _UNREADABLE:
            raise BadScan("undecodable", "the file cannot be read from its disk or archive") from None


def walk(source: Path) -> Iterator[ScanFile]:
    """Every file below a folder in the order of their names, in an archive in its own, or the one file.

    Raises JslError if there is no source.
    """
    if not source.exists():
        raise JslError(f"scans {source}: no such file or folder; give the folder that holds the scans")
    if not source.is_dir():
        yield from _scans(source, source.name)
        return
    for path in sorted(source.rglob("*")):
        below = path.relative_to(source)
        if path.is_file() and STATE not in below.parts:
            yield from _scans(path, printable(below.as_posix()))


def open_scan(source: Path, name: str) -> bytes:
    """The bytes of the scan that `walk` called `name`. Raises BadScan if it cannot be read."""
    outer, _, inner = name.partition(_IN_ARCHIVE)
    path = source / outer if source.is_dir() else source
    if path.is_file() and ".." not in PurePosixPath(outer).parts:
        scan = _index(path, path.stat().st_mtime_ns).get(inner) if inner else _plain(path, name)
    else:  # a name that was not printable
        scan = next((scan for scan in walk(source) if scan.name == name), None)
    if scan is None:
        raise BadScan("undecodable", "the file has gone since the scans were listed; run again")
    return scan.read()


def _scans(path: Path, name: str) -> Iterator[ScanFile]:
    if path.name.lower().endswith(_ZIP + _TAR):
        try:
            index = _index(path, path.stat().st_mtime_ns)
        except _UNREADABLE:  # a damaged archive is listed itself, and rejected as no DICOM file
            index = {}
        for inner, scan in index.items():
            yield ScanFile(name + _IN_ARCHIVE + inner, scan.size, scan.read)
        if index:
            return
    yield _plain(path, name)


def _plain(path: Path, name: str) -> ScanFile:
    return ScanFile(name, path.stat().st_size, path.read_bytes)


@lru_cache(maxsize=2)  # a worker reads one archive after another, and a compressed tar only forwards fast
def _index(path: Path, mtime_ns: int) -> dict[str, ScanFile]:
    """The files of an archive by their inner names; kept open for as long as it is in use."""
    files: dict[str, ScanFile] = {}
    if path.name.lower().endswith(_ZIP):
        zipped = zipfile.ZipFile(path)
        for entry in zipped.infolist():
            if not entry.is_dir():
                inner = _tidy(entry.filename)
                files[inner] = ScanFile(inner, entry.file_size, partial(zipped.read, entry))
    else:
        tar, lock = tarfile.open(path), Lock()  # noqa: SIM115
        for member in tar:
            if member.isfile():
                inner = _tidy(member.name)
                files[inner] = ScanFile(inner, member.size, partial(_member, tar, member, lock))
    return files


def _member(tar: tarfile.TarFile, member: tarfile.TarInfo, lock: Lock) -> bytes:
    with lock:  # the members of a tar share one place in it, and scans are hashed by threads
        file = tar.extractfile(member)
        assert file is not None  # it is a file
        return file.read()


def _tidy(inner: str) -> str:
    """An inner name that cannot lead out of a folder."""
    parts = PurePosixPath(printable(inner).replace("\\", "/")).parts
    return "/".join(part for part in parts if part not in ("/", ".."))


def printable(name: str) -> str:
    """A name in valid Unicode without control characters, whatever bytes the disk has for it."""
    valid = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in valid)
