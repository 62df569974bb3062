"""The files in zip and tar archives, and in the archives within them.

Archives come from anywhere: names that lead out of a folder, lies about sizes, archives that hold themselves.
What cannot be opened is a member all the same, which says why when it is read.
"""

import io
import os
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock
from typing import IO, NamedTuple, NoReturn

from jsl_core.errors import BadScan

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
        """The file's bytes; a damaged or encrypted member raises whatever zipfile and tarfile do.

        Raises:
            BadScan: If it is no file, or one that is not looked into.
        """
        with self.open() as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise BadScan("too_large", f"the file has more than {MAX_BYTES >> 20} MiB")
        return data


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
        descend: Which members to look into, by name; one that cannot be looked into is a member that says
            why when it is read.

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
        files |= _nested(member, descend, depth) if descend(member.name) else {member.name: member}
    return files


def _nested(archive: Member, descend: Callable[[str], bool], depth: int) -> dict[str, Member]:
    """The files of an archive within an archive, or itself, with the reason why it is not looked into."""
    if depth >= _DEEPEST:
        sentence = f"an archive within {depth} others, which is not looked into; unpack it"
        return {archive.name: archive._replace(open=partial(_open_scan, archive, "too_deep", sentence))}
    if archive.size > MAX_BYTES:
        sentence = f"an archive of more than {MAX_BYTES >> 20} MiB within another; unpack it"
        return {archive.name: archive._replace(open=partial(_refuse, "too_large", sentence))}
    try:
        members = _unpacked(archive, descend, depth + 1)
    except Exception:  # as above
        members = {}
    if not members:
        sentence = "an archive within another, damaged, locked or empty; copy it again"
        return {archive.name: archive._replace(open=partial(_open_scan, archive, "undecodable", sentence))}
    return {
        name: Member(name, member.size, partial(_open_nested, archive, descend, depth + 1, member.name))
        for member in members.values()
        for name in (f"{archive.name}{IN_ARCHIVE}{member.name}",)
    }


def _refuse(code: str, sentence: str) -> NoReturn:
    """What opening a member does that is not to be read."""
    raise BadScan(code, sentence)


def _open_scan(archive: Member, code: str, sentence: str) -> AbstractContextManager[IO[bytes]]:
    """Open what is named like an archive and may be a scan all the same."""
    data = archive.read()
    if data[128:132] != b"DICM":
        raise BadScan(code, sentence)
    return io.BytesIO(data)


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
        if stat.S_ISLNK(entry.external_attr >> 16):
            yield Member(entry.filename, 0, partial(_refuse, "not_a_file", "a link in a zip; pack its file"))
        elif not entry.is_dir():
            yield Member(entry.filename, entry.file_size, partial(archive.open, entry))


def _tar_members(archive: tarfile.TarFile) -> Iterator[Member]:
    lock = Lock()
    for entry in archive:
        if entry.isfile() or entry.islnk() or entry.issym():
            yield Member(entry.name, entry.size, partial(_open_in_tar, archive, entry, lock))
        elif not entry.isdir():
            sentence = "a pipe or device in an archive, and no file"
            yield Member(entry.name, 0, partial(_refuse, "not_a_file", sentence))


@contextmanager
def _open_in_tar(archive: tarfile.TarFile, entry: tarfile.TarInfo, lock: Lock) -> Iterator[IO[bytes]]:
    """Open a file, or what a link stands for: no more than another file of the same archive."""
    with lock:  # the members of a tar share one position in it, and scans are hashed by threads
        try:
            file = archive.extractfile(entry)
        except (KeyError, RecursionError):
            file = None
        if file is None:
            raise BadScan("not_a_file", "a link to nothing in its archive; pack what it points to")
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
