"""Scans wherever they lie: in folders, in zip and tar archives, and in archives inside those folders."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from jsl_core.errors import BadScan, JslError
from jsl_core.system.archives import IN_ARCHIVE, MAX_BYTES, Member, archive_members, is_archive, printable

__all__ = ["STATE", "ScanFile", "read_scan", "walk_scans"]

STATE = ".jsl"  # the folder in which commands remember what they did


@dataclass(frozen=True)
class ScanFile:
    """A file by its name below the source, `archive.zip!/inner/name` within an archive; size in bytes."""

    name: str
    size: int
    _bytes: Callable[[], bytes] = field(repr=False, compare=False)

    def read(self, limit: int = MAX_BYTES) -> bytes:
        """Read the file.

        Raises:
            BadScan: If it has more than `limit` bytes, or cannot be read.
        """
        if self.size > limit:
            raise BadScan("too_large", f"the file has {self.size >> 20} MiB, more than {limit >> 20}")
        try:
            return self._bytes()
        except BadScan:
            raise
        except RuntimeError:  # zipfile's for encryption; NotImplementedError for one it does not know
            raise BadScan(
                "undecodable", "the archive is locked or packed in an unknown way; unpack it"
            ) from None
        except Exception:  # zipfile and tarfile raise anything at all on damaged archives
            raise BadScan("undecodable", "the file cannot be read from its disk or archive") from None


def walk_scans(source: Path) -> Iterator[ScanFile]:
    """Walk every file below a folder in the order of their names, in an archive in its own, or the one file.

    Raises:
        JslError: If there is no source.
    """
    if not os.path.exists(source):
        raise JslError(f"scans {source}: no such file or folder; give the folder that holds the scans")
    if not source.is_dir():
        yield from _scans(source, source.name)
        return
    for path in _paths(source, frozenset()):
        yield from _scans(path, printable(path.relative_to(source).as_posix()))


def read_scan(source: Path, name: str) -> bytes:
    """Read the scan that `walk_scans` called `name`.

    Raises:
        BadScan: If it cannot be read.
    """
    outer, _, inner = name.partition(IN_ARCHIVE)
    path = source / outer if source.is_dir() else source
    if path.is_file() and ".." not in PurePosixPath(outer).parts:
        scan = _scan_in_archive(path, inner) if inner else _plain(path, name)
    else:  # a name that was not printable
        scan = next((scan for scan in walk_scans(source) if scan.name == name), None)
    if scan is None:
        raise BadScan("undecodable", "the file has gone since the scans were listed; run again")
    return scan.read()


def _paths(folder: Path, above: frozenset[str]) -> Iterator[Path]:
    """Every file below a folder, links followed but not in circles; a folder that cannot be opened itself."""
    real = os.path.realpath(folder)
    try:
        entries = [] if real in above else sorted(folder.iterdir())
    except OSError:
        yield folder
        return
    for path in entries:
        if os.path.isdir(path):  # Path.is_dir raises where something must not be looked at
            yield from _paths(path, above | {real}) if path.name != STATE else ()
        elif os.path.isfile(path):
            yield path


def _scans(path: Path, name: str) -> Iterator[ScanFile]:
    members = _members(path)
    for member in members.values():
        yield ScanFile(name + IN_ARCHIVE + member.name, member.size, member.read)
    if not members:
        yield _plain(path, name)


def _scan_in_archive(path: Path, name: str) -> ScanFile | None:
    member = _members(path).get(name)
    return member and ScanFile(name, member.size, member.read)


def _members(path: Path) -> dict[str, Member]:
    """The files of an archive by their inner names; none if it is damaged, or none at all."""
    try:
        return archive_members(path) if is_archive(path.name) else {}
    except OSError:
        return {}


def _plain(path: Path, name: str) -> ScanFile:
    read = partial(_no_archive, path) if is_archive(path.name) else path.read_bytes
    return ScanFile(name, path.stat().st_size if path.exists() else 0, read)


def _no_archive(path: Path) -> bytes:
    """What is named like an archive may be a scan; else scans may be missing, and that is worth a reason."""
    data = path.read_bytes()
    if data[128:132] == b"DICM":
        return data
    raise BadScan("undecodable", "the archive is damaged or empty; copy it again")
