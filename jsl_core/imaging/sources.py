"""Scans wherever they lie: in folders, in zip and tar archives, and in archives inside those folders.

Every entry of a folder is walked but folders themselves: what is no file says so when it is read.
"""

import bz2
import lzma
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Protocol

from jsl_core.errors import BadScan, JslError
from jsl_core.system.archives import IN_ARCHIVE, MAX_BYTES, Member, archive_members, is_archive, printable
from jsl_core.system.files import TEMPORARY

__all__ = [
    "START_BYTES",
    "STATE",
    "ScanFile",
    "read_scan",
    "read_start",
    "scans_in_file",
    "walk_paths",
    "walk_scans",
]

STATE = ".jsl"  # the folder in which commands remember what they did
START_BYTES = 132  # a DICOM file's preamble and its mark (PS3.10, 7.1)

_UNREAD = (".7z", ".rar", ".zst", ".iso", ".lzh", ".cab")  # archives of kinds that are not looked into


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /, max_length: int) -> bytes: ...


_UNPACKERS: dict[bytes, Callable[[], _Unpacker]] = {
    b"\x1f\x8b\x08": lambda: zlib.decompressobj(16 + zlib.MAX_WBITS),  # gzip (RFC 1952, 2.3.1)
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\0": lzma.LZMADecompressor,
}


@dataclass(frozen=True)
class ScanFile:
    """A file by its name below the source, `archive.zip!/inner/name` within an archive; size in bytes."""

    name: str
    size: int
    _bytes: Callable[[], bytes] = field(repr=False, compare=False)

    def read(self, limit: int = MAX_BYTES) -> bytes:
        """Read the file, unpacked where it alone is packed (`film.dcm.gz`).

        Raises:
            BadScan: If it has more than `limit` bytes, or cannot be read.
        """
        if self.size > limit:
            raise BadScan("too_large", f"the file has {self.size >> 20} MiB, more than {limit >> 20}")
        try:
            return _unpacked(self._bytes(), limit)
        except (BadScan, MemoryError):
            raise
        except RuntimeError:  # zipfile's for encryption; NotImplementedError for one it does not know
            raise BadScan(
                "undecodable", "the archive is locked or packed in an unknown way; unpack it"
            ) from None
        except OSError as error:
            reason = error.strerror or "damaged"
            raise BadScan("unreadable", f"the file cannot be read ({reason}); copy it again") from None
        except Exception:  # zipfile and tarfile raise anything at all on damaged archives
            raise BadScan("undecodable", "the file cannot be read from its disk or archive") from None


def walk_scans(source: Path) -> Iterator[ScanFile]:
    """Walk every file below a folder in the order of their names, in an archive in its own, or the one file.

    Raises:
        JslError: If there is no source, or if it cannot be opened.
    """
    if not os.path.exists(source):
        raise JslError(f"scans {source}: no such file or folder; give the folder that holds the scans")
    if not source.is_dir():
        yield from scans_in_file(source, printable(source.name))
        return
    for path, name in walk_paths(source):
        yield from scans_in_file(path, name)


def read_scan(source: Path, name: str) -> bytes:
    """Read the scan that `walk_scans` called `name`.

    Raises:
        BadScan: If it cannot be read.
    """
    found = _find(source, name)
    scan = None
    if found:
        path, inner = found
        scan = _scan_in_archive(path, inner) if inner else _plain(path, name)
    if scan is None:
        raise BadScan("changed", "the file has gone since the scans were listed; run again")
    return scan.read()


def read_start(source: Path, name: str) -> bytes | None:
    """Read the first bytes of a scan, up to `START_BYTES`, at a fraction of what `read_scan` costs.

    Returns:
        None of what lies in an archive, is packed or is no file: only `read_scan` tells what it is.
    """
    if IN_ARCHIVE in name or is_archive(name) or name.lower().endswith(_UNREAD) or not source.is_dir():
        return None
    try:
        file = os.open(source / name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe would wait
    except OSError:  # gone, closed to us, or a name that was not printable
        return None
    try:
        about = os.fstat(file)
        if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_BYTES:
            return None
        start = os.read(file, START_BYTES)
    except OSError:
        return None
    finally:
        os.close(file)
    return None if start.startswith(tuple(_UNPACKERS)) else start


def walk_paths(folder: Path) -> Iterator[tuple[Path, str]]:
    """Walk every entry below a folder but folders, with its name below it in printable letters.

    Links are followed. One that leads in a circle, and a folder that cannot be opened, is an entry itself.

    Raises:
        JslError: If the folder itself cannot be opened.
    """
    todo: list[tuple[Path, str, frozenset[str]]] = [(folder, "", frozenset())]
    while todo:
        path, name, above = todo.pop()
        entries = None
        if os.path.isdir(path):  # Path.is_dir raises where something must not be looked at
            real = os.path.realpath(path)
            try:
                entries = None if real in above else _entries(path)
            except OSError as error:
                if path == folder:
                    raise JslError(
                        f"scans {folder}: cannot be opened ({error.strerror}); mend its permissions"
                    ) from None
        if entries is None:
            yield path, name
        else:
            below = [(child, f"{name}/{own}" if name else own, above | {real}) for child, own in entries]
            todo += reversed(below)


def _entries(folder: Path) -> list[tuple[Path, str]]:
    """What a folder holds, in the order of its names, each under a printable name that no other has."""
    children = sorted(os.listdir(folder))
    # `a.zip!` beside `a.zip` would name its files as the archive names its own.
    twins = {f"{child}!" for child in children} & set(children)
    names = {child for child in children if child.isprintable() and child not in twins}
    entries = []
    for child in children:
        name, number = child, 1
        if child not in names:
            stem = name = printable(child).removesuffix("!") + "\\x21" * (child in twins)
            while name in names:
                number += 1
                name = f"{stem}~{number}"
            names.add(name)
        if child != STATE and not child.startswith(TEMPORARY):  # nothing half-written is read
            entries.append((folder / child, name))
    return entries


def _find(source: Path, name: str) -> tuple[Path, str] | None:
    """The file or archive in which a scan lies, and its name in the archive, blank where it lies in none."""
    outer, _, inner = name.partition(IN_ARCHIVE)
    if not source.is_dir():
        return source, inner
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts:
        return None
    if inner and os.path.isfile(source / outer):
        return source / outer, inner
    if os.path.lexists(source / name):
        return source / name, ""
    path = source  # a name that was not printable
    words = name.split("/")
    for at, word in enumerate(words, 1):
        try:
            children = {own: child for child, own in _entries(path)}
        except OSError:
            return None
        if word in children:
            path = children[word]
        elif word.endswith("!") and word[:-1] in children:
            return children[word[:-1]], "/".join(words[at:])
        else:
            return None
    return path, ""


def scans_in_file(path: Path, name: str) -> Iterator[ScanFile]:
    """Walk the one scan in a file that is called `name`, or those in an archive, in its own order."""
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
        return archive_members(path) if is_archive(path.name) and os.path.isfile(path) else {}
    except OSError:
        return {}


def _plain(path: Path, name: str) -> ScanFile:
    size = os.stat(path).st_size if os.path.isfile(path) else 0
    return ScanFile(name, size, partial(_read_plain, path))


def _read_plain(path: Path) -> bytes:
    """Read a file; what is none says so and is not opened, as a pipe would wait for ever."""
    try:
        kind = os.stat(path).st_mode
    except FileNotFoundError:
        gone = "a link to nothing; copy what it points to" if os.path.islink(path) else "the file has gone"
        raise BadScan("not_a_file", gone) from None
    except OSError as error:  # a link to itself, or beyond a folder that must not be opened
        raise BadScan("not_a_file", f"cannot be looked at ({error.strerror}); mend its permissions") from None
    if stat.S_ISDIR(kind):
        raise BadScan("not_a_file", _why_not_walked(path))
    if not stat.S_ISREG(kind):
        raise BadScan("not_a_file", "a pipe, socket or device, and no file")
    data = path.read_bytes()
    # What is named like an archive may be a scan; else scans may be missing, and that is worth a reason.
    if data[128:132] != b"DICM":
        if is_archive(path.name):
            raise BadScan("undecodable", "the archive is damaged or empty; copy it again")
        if path.name.lower().endswith(_UNREAD):
            raise BadScan("undecodable", "an archive of a kind that is not looked into; unpack it")
    return data


def _why_not_walked(folder: Path) -> str:
    try:
        os.listdir(folder)
    except OSError as error:
        return f"the folder cannot be opened ({error.strerror}); mend its permissions"
    return "a link to a folder above it, whose files are listed there"


def _unpacked(data: bytes, limit: int) -> bytes:
    """The bytes of a file, unpacked if it is one that was packed alone."""
    plain, rest = b"", data
    while start := next((start for start in _UNPACKERS if rest.startswith(start)), None):
        unpacker = _UNPACKERS[start]()
        try:
            plain += unpacker.decompress(rest, max_length=limit + 1 - len(plain))
        except (zlib.error, OSError, lzma.LZMAError):
            raise BadScan("undecodable", "the packed file is damaged; copy it again") from None
        if len(plain) > limit:
            raise BadScan("too_large", f"the file unpacks to more than {limit >> 20} MiB")
        if not unpacker.eof:
            raise BadScan("truncated", "the packed file ends too soon; copy it again")
        rest = unpacker.unused_data
    return plain or data
