"""The files in zip and tar archives, and in the archives within them.

Archives come from anywhere: names that lead out of a folder, lies about sizes, archives that hold themselves.
"""

import os
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock
from typing import IO, NamedTuple

__all__ = [
    "IN_ARCHIVE",
    "MAX_BYTES",
    "Member",
    "archive_members",
    "is_archive",
    "is_tar",
    "printable",
    "stream_members",
]

IN_ARCHIVE = "!/"  # between an archive's name and that of a file in it
MAX_BYTES = 400 << 20  # of one file: more than the largest film allowed has in colour

_ZIP = (".zip",)
_TAR = (".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
_DEEPEST = 3  # archives within archives that are looked into: one may hold itself

Archive = zipfile.ZipFile | tarfile.TarFile


class Member(NamedTuple):
    """A file in an archive: its name in a form that cannot lead out of a folder, its size in bytes."""

    name: str
    size: int
    open: Callable[[], AbstractContextManager[IO[bytes]]]

    def read(self) -> bytes:
        """The file's bytes; a damaged or encrypted member raises whatever zipfile and tarfile do."""
        with self.open() as file:
            return file.read()


def is_archive(name: str) -> bool:
    """Whether a file's name is that of an archive."""
    return name.lower().endswith(_ZIP + _TAR)


def is_tar(name: str) -> bool:
    """Whether a file's name is that of a tar, which is read from its beginning."""
    return name.lower().endswith(_TAR)


def stream_members(path: Path) -> Iterator[Member]:
    """Walk the files of one archive in their order, without looking into archives within it.

    A tar is read no further than the walk has come. Each member can be opened until the next is asked for.

    Raises:
        OSError: If the archive is damaged.
    """
    try:
        with _open(path, path.name) as archive:
            yield from _members(archive)
    except Exception as error:  # zipfile and tarfile raise anything at all on damaged archives
        raise OSError(f"{path}: damaged archive") from error


def archive_members(path: Path, descend: Callable[[str], bool] = is_archive) -> dict[str, Member]:
    """List the files of an archive by name, and as `inner.zip!/name` those of the archives within it.

    The last two archives stay open, so that one after another of their members is read without listing them
    again.

    Args:
        path: The archive.
        descend: Which members to look into, by name; one that is damaged or too large counts as a file.

    Raises:
        OSError: If the archive is damaged or cannot be read.
    """
    return _listed(path, path.stat().st_mtime_ns, descend)


@lru_cache(maxsize=2)  # a worker reads one archive after another, and a compressed tar only forwards fast
def _listed(path: Path, mtime_ns: int, descend: Callable[[str], bool]) -> dict[str, Member]:
    try:
        return _list(_open(path, path.name), descend)
    except Exception as error:  # zipfile and tarfile raise anything at all on damaged archives
        raise OSError(f"{path}: damaged archive") from error


def _list(archive: Archive, descend: Callable[[str], bool], depth: int = 1) -> dict[str, Member]:
    files: dict[str, Member] = {}
    for member in _members(archive):
        nested = _nested(member, descend, depth) if descend(member.name) else {}
        files |= nested or {member.name: member}
    return files


def _nested(archive: Member, descend: Callable[[str], bool], depth: int) -> dict[str, Member]:
    """The files of an archive within an archive; none if it is damaged, too large or too deep."""
    if depth >= _DEEPEST or archive.size > MAX_BYTES:
        return {}
    try:
        members = _unpacked(archive, descend, depth + 1)
    except Exception:  # as above
        return {}
    return {
        name: Member(name, member.size, partial(_open_nested, archive, descend, depth + 1, member.name))
        for member in members.values()
        for name in (f"{archive.name}{IN_ARCHIVE}{member.name}",)
    }


@lru_cache(maxsize=_DEEPEST)  # not all at once: a thousand archives in one are a thousand open files
def _unpacked(archive: Member, descend: Callable[[str], bool], depth: int) -> dict[str, Member]:
    file = tempfile.TemporaryFile()  # noqa: SIM115
    file.write(archive.read())
    file.seek(0)
    return _list(_open(file, archive.name), descend, depth)


def _open_nested(
    archive: Member, descend: Callable[[str], bool], depth: int, name: str
) -> AbstractContextManager[IO[bytes]]:
    return _unpacked(archive, descend, depth)[name].open()


def _open(file: Path | IO[bytes], name: str) -> Archive:
    if not is_tar(name):
        return zipfile.ZipFile(file)
    return tarfile.open(file) if isinstance(file, Path) else tarfile.open(fileobj=file)


def _members(archive: Archive) -> Iterator[Member]:
    names: set[str] = set()
    for raw_name, size, open_member in (
        _zip_members(archive) if isinstance(archive, zipfile.ZipFile) else _tar_members(archive)
    ):
        name = _unused(_safe(raw_name), names)
        names.add(name)
        yield Member(name, size, open_member)


def _zip_members(archive: zipfile.ZipFile) -> Iterator[Member]:
    for entry in archive.infolist():
        if not entry.is_dir():
            yield Member(entry.filename, entry.file_size, partial(archive.open, entry))


def _tar_members(archive: tarfile.TarFile) -> Iterator[Member]:
    lock = Lock()
    for entry in archive:
        if entry.isfile():
            yield Member(entry.name, entry.size, partial(_open_in_tar, archive, entry, lock))


@contextmanager
def _open_in_tar(archive: tarfile.TarFile, entry: tarfile.TarInfo, lock: Lock) -> Iterator[IO[bytes]]:
    with lock:  # the members of a tar share one position in it, and scans are hashed by threads
        file = archive.extractfile(entry)
        assert file is not None  # it is a file
        with file:
            yield file


def _safe(name: str) -> str:
    """A member's name, in a form that cannot lead out of a folder."""
    parts = printable(name).replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", ".", "..")) or "_"


def _unused(name: str, names: set[str]) -> str:
    """The name itself, or with a number if the archive has it twice."""
    number, other = 1, name
    while other in names:
        number += 1
        other = f"{name}~{number}"
    return other


def printable(name: str) -> str:
    """A name in valid Unicode without control characters, whatever bytes the disk has for it."""
    if name.isprintable():  # lone surrogates are not
        return name
    valid = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in valid)
