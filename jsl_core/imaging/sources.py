"""Scans wherever they lie: in folders, in zip and tar archives, and in archives inside those folders."""

import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from jsl_core.errors import BadScan, JslError

__all__ = ["ScanFile", "open_scan", "walk"]

_IN_ARCHIVE = "!/"
_ZIP = (".zip",)
_TAR = (".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
_MAX_BYTES = 1 << 30


@dataclass(frozen=True)
class ScanFile:
    """A file by its name below the source, `archive.zip!/inner/name` within an archive; size in bytes."""

    name: str
    size: int
    _read: Callable[[], bytes] = field(repr=False, compare=False)

    def read(self, limit: int = _MAX_BYTES) -> bytes:
        """The file's bytes. Raises BadScan if there are more than `limit`, or if they cannot be read."""
        if self.size > limit:
            raise BadScan("too_large", f"the file has {self.size >> 20} MiB, more than {limit >> 20}")
        try:
            return self._read()
        except (OSError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, tarfile.TarError):
            raise BadScan("undecodable", "the file cannot be read from its disk or archive") from None


def walk(source: Path) -> Iterator[ScanFile]:
    """Every file below a folder, in an archive, or the one file; folders in the order of their names.

    Links that lead out of the source are not followed. Raises JslError if there is no source.
    """
    if not source.exists():
        raise JslError(f"scans {source}: no such file or folder; give the folder that holds the scans")
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.is_file() and path.resolve().is_relative_to(source.resolve()):
                yield from _file(path, path.relative_to(source).as_posix())
    else:
        yield from _file(source, source.name)


def open_scan(source: Path, name: str) -> bytes:
    """The bytes of the scan that `walk` called `name`. Raises BadScan if it cannot be read."""
    outer, _, inner = name.partition(_IN_ARCHIVE)
    path = source / outer if source.is_dir() else source
    if not path.resolve().is_relative_to((source if source.is_dir() else source.parent).resolve()):
        raise BadScan("unsafe_name", "the file's name leads out of the scans' folder")
    try:
        if not inner:
            return _plain(path, name).read()
        for scan in _members(path, outer):
            if scan.name == name:
                return scan.read()
    except OSError:
        pass
    raise BadScan("undecodable", "the file has gone or cannot be read")


def _file(path: Path, name: str) -> Iterator[ScanFile]:
    lower = path.name.lower()
    if lower.endswith(_ZIP + _TAR):
        try:
            yield from _members(path, name)
            return
        except (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError):
            pass  # damaged: the archive itself is listed, and rejected as no DICOM file
    yield _plain(path, name)


def _plain(path: Path, name: str) -> ScanFile:
    return ScanFile(name, path.stat().st_size, path.read_bytes)


def _members(path: Path, name: str) -> Iterator[ScanFile]:
    if path.name.lower().endswith(_ZIP):
        with zipfile.ZipFile(path) as archive:
            for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
                if not entry.is_dir():
                    inner = name + _IN_ARCHIVE + _tidy(entry.filename)
                    yield ScanFile(inner, entry.file_size, lambda entry=entry: archive.read(entry))
    else:
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isfile():
                    inner = name + _IN_ARCHIVE + _tidy(member.name)
                    yield ScanFile(inner, member.size, lambda member=member: _tar_bytes(archive, member))


def _tar_bytes(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    return file.read() if file else b""


def _tidy(inner: str) -> str:
    return "/".join(part for part in PurePosixPath(inner.replace("\\", "/")).parts if part not in ("/", ".."))
