"""The files in zip and tar archives, and in the archives within them.

Archives come from anywhere: names that lead out of a folder, lies about sizes, archives that hold themselves.
"""

import os
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import IO

__all__ = ["IN_ARCHIVE", "MAX_BYTES", "Member", "files_in", "is_archive", "printable"]

IN_ARCHIVE = "!/"
MAX_BYTES = 400 << 20  # of one file: more than the largest film allowed has in colour

_ZIP = (".zip",)
_TAR = (".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
_DEEPEST = 3  # archives within archives that are looked into: one may hold itself

Read = Callable[[], bytes]
Member = tuple[int, Read]  # size and content of a file


def is_archive(name: str) -> bool:
    """Whether a file's name is that of an archive."""
    return name.lower().endswith(_ZIP + _TAR)


def files_in(archive: Path | IO[bytes], name: str, depth: int = 1) -> dict[str, Member]:
    """Every file in an archive, by a name that cannot lead out of a folder.

    The archive stays open for as long as the members are in use. Raises anything at all if it is damaged.
    """
    files: dict[str, Member] = {}
    for given, member in _zipped(archive) if name.lower().endswith(_ZIP) else _tarred(archive):
        inner = _unused(_tidy(given), files)
        below = _below(inner, member, depth) if is_archive(inner) else {}
        files |= {inner + IN_ARCHIVE + deeper: content for deeper, content in below.items()}
        if not below:
            files[inner] = member
    return files


def _below(name: str, member: Member, depth: int) -> dict[str, Member]:
    """The files of an archive within an archive; none if it is damaged, too large or too deep."""
    size, read = member
    if depth >= _DEEPEST or size > MAX_BYTES:
        return {}
    try:
        files = _unpacked(read, name, depth + 1)
    except Exception:  # zipfile and tarfile raise anything at all on damaged archives
        return {}
    return {
        deeper: (size, partial(_deeper, read, name, depth + 1, deeper)) for deeper, (size, _) in files.items()
    }


@lru_cache(maxsize=_DEEPEST)  # not all at once: a thousand archives in one are a thousand open files
def _unpacked(read: Read, name: str, depth: int) -> dict[str, Member]:
    file = tempfile.TemporaryFile()  # noqa: SIM115
    file.write(read())
    return files_in(file, name, depth)


def _deeper(read: Read, name: str, depth: int, inner: str) -> bytes:
    return _unpacked(read, name, depth)[inner][1]()


def _zipped(archive: Path | IO[bytes]) -> Iterator[tuple[str, Member]]:
    zipped = zipfile.ZipFile(archive)
    for entry in zipped.infolist():
        if not entry.is_dir():
            yield entry.filename, (entry.file_size, partial(zipped.read, entry))


def _tarred(archive: Path | IO[bytes]) -> Iterator[tuple[str, Member]]:
    if isinstance(archive, Path):
        tar = tarfile.open(archive)  # noqa: SIM115
    else:
        archive.seek(0)
        tar = tarfile.open(fileobj=archive)  # noqa: SIM115
    lock = Lock()
    for member in tar:
        if member.isfile():
            yield member.name, (member.size, partial(_member, tar, member, lock))


def _member(tar: tarfile.TarFile, member: tarfile.TarInfo, lock: Lock) -> bytes:
    with lock:  # the members of a tar share one place in it, and scans are hashed by threads
        file = tar.extractfile(member)
        assert file is not None  # it is a file
        return file.read()


def _tidy(inner: str) -> str:
    """An inner name that cannot lead out of a folder."""
    parts = PurePosixPath(printable(inner).replace("\\", "/")).parts
    return "/".join(part for part in parts if part not in ("/", "..")) or "_"


def _unused(name: str, files: dict[str, Member]) -> str:
    """The name itself, or with a number if an archive has it twice."""
    number, other = 1, name
    while other in files:
        number += 1
        other = f"{name}~{number}"
    return other


def printable(name: str) -> str:
    """A name in valid Unicode without control characters, whatever bytes the disk has for it."""
    valid = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in valid)
