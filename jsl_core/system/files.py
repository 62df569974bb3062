"""The one way in which files are written: whole under their name, or not at all."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from jsl_core.errors import StoreError

__all__ = ["TEMPORARY", "replace_atomically", "write_atomically"]

TEMPORARY = ".tmp-"  # how the names of unfinished files and folders begin
_EVERYONE = 0o666  # less the umask, as the kernel takes it off


@contextmanager
def write_atomically(path: Path, mode: int = _EVERYONE, *, durable: bool = False) -> Iterator[IO[bytes]]:
    """Open a binary file that appears under its name only when the block ends without an error.

    Args:
        path: Where it appears; missing folders are made. What a link points to is written, the link stays.
        mode: Permissions before the umask: 0o600 for what its owner alone may read.
        durable: Whether it is on the disk when the block has ended, so that a power cut cannot leave an empty
            file. That takes some 7 ms, against 0.1 ms: for what cannot be made again.

    Yields:
        The open file, for reading and writing.

    Raises:
        StoreError: Where the file cannot be written, or is a folder or a device.
    """
    with replace_atomically(path, mode) as temporary, temporary.open("r+b") as file:
        yield file
        if durable:
            file.flush()
            os.fsync(file.fileno())
    if durable:
        _sync_folder(Path(os.path.realpath(path)).parent)


@contextmanager
def replace_atomically(path: Path, mode: int = _EVERYONE) -> Iterator[Path]:
    """As `write_atomically`, for libraries that write to a path: yields an empty file beside `path`."""
    path = Path(os.path.realpath(path))
    temporary = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}{path.suffix}")
    try:
        if path.exists() and not path.is_file():
            raise StoreError(f"{path}: is a folder or a device; name a file")
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Have a folder's names on the disk, where its file system lets one ask for that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _unwritable(path: Path, error: OSError) -> StoreError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        what = "the disk is full; free some space and run again (what is done is kept)"
        return StoreError(f"{path.parent}: {what}")
    what = f"cannot be written ({error.strerror}); choose another place or mend its permissions"
    return StoreError(f"{path}: {what}")
