"""Where received films land: whole, on the disk before they are acknowledged, each once."""

import hashlib
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from jsl_core.errors import JslError
from jsl_core.landing import is_bucket_url
from jsl_core.system.files import TEMPORARY, write_atomically

__all__ = ["FolderInbox", "Inbox", "film_names", "open_inbox"]

_LOCKS = 64  # for so many objects at a time
_ABANDONED = 3600  # seconds after which nobody is still writing a film


class Inbox(Protocol):
    """A place where films land, from which `watch` takes them."""

    def has_room(self, size: int) -> bool:
        """Whether so many bytes may be kept, with a reserve for whatever else works there."""
        ...

    def keep(self, uid: str, data: bytes) -> bool:
        """Keep a film durably; false if the same film, by SOP instance UID and content, is there already.

        Raises:
            StoreError: If it cannot be kept.
        """
        ...


def open_inbox(landing: str, reserve: int) -> Inbox:
    """Open a folder, which is made, or `s3://bucket/prefix`.

    Args:
        landing: The place.
        reserve: Bytes of a folder's disk that are left free.

    Raises:
        JslError: If it cannot be one.
    """
    if is_bucket_url(landing):
        from jsl_core.pacs.bucket_inbox import BucketInbox  # a folder needs no boto3

        return BucketInbox(landing)
    return FolderInbox(Path(landing), reserve)


def film_names(uid: str, data: bytes) -> Iterator[str]:
    """What a film is called: by its UID, or where another content has that name, with its own digest."""
    yield f"{uid}.dcm"
    yield f"{uid}~{hashlib.sha256(data).hexdigest()[:16]}.dcm"


class FolderInbox:
    """A folder; films appear there under their names only when they are whole and on the disk."""

    def __init__(self, folder: Path, reserve: int) -> None:
        self._folder, self._reserve = folder.absolute(), reserve
        self._locks = [threading.Lock() for _ in range(_LOCKS)]
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JslError(f"{folder}: cannot be made ({error.strerror}); name a folder for films") from None
        if not os.access(self._folder, os.W_OK | os.X_OK):  # before a sender is told so
            raise JslError(f"{folder}: user {os.getuid()} may not write there; change its permissions")
        for leftover in self._folder.glob(f"{TEMPORARY}*"):  # of a listener that was killed
            with suppress(OSError):
                if time.time() - leftover.stat().st_mtime > _ABANDONED:
                    leftover.unlink()

    def has_room(self, size: int) -> bool:
        """Whether the disk has that much beyond the reserve."""
        return shutil.disk_usage(self._folder).free >= size + self._reserve

    def keep(self, uid: str, data: bytes) -> bool:
        """Keep a film; as `Inbox.keep`."""
        with self._locks[hash(uid) % _LOCKS]:  # of two contents of one UID neither takes the other's name
            for name in film_names(uid, data):
                path = self._folder / name
                if not path.exists():
                    with write_atomically(path, durable=True) as file:
                        file.write(data)
                    return True
                if path.stat().st_size == len(data) and path.read_bytes() == data:
                    return False
        return False
