"""Results on their way to a PACS: kept until it has them, never lost, never doubled.

A folder of DICOM files is the outbox. What a destination has taken is noted beside the files, after it has
said so: killed in between, a file is sent again under the UID that it has, of which a PACS keeps one.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from jsl_core.errors import JslError
from jsl_core.imaging.names import encode_name
from jsl_core.imaging.sources import STATE
from jsl_core.system.files import write_atomically
from jsl_core.system.locking import locked
from jsl_core.system.patience import Patience

__all__ = ["Away", "Delivery", "Outbox", "Refused", "Sender", "deliver"]


class Away(Exception):
    """The destination cannot be reached, or cannot take more at the moment; later it may."""


class Refused(Exception):
    """The destination will not take this object, or not from here; trying again does not help."""


class Sender(Protocol):
    """Sends objects to one destination."""

    @property
    def name(self) -> str:
        """The destination, for messages and for the notes of what it has."""
        ...

    def send(self, file: Path) -> None:
        """Send a DICOM file; returns when the destination has said that it has it.

        Raises:
            Away: It may be tried again.
            Refused: It need not.
        """
        ...

    def close(self) -> None:
        """End the connection, if there is one."""
        ...


@dataclass
class Delivery:
    """What became of an outbox: files sent, files waiting with the cause, files refused with the reason."""

    sent: int = 0
    waiting: int = 0
    cause: str = ""
    refused: dict[Path, str] = field(default_factory=dict)


class Outbox:
    """The files of a folder that a destination does not have yet."""

    def __init__(self, folder: Path, destination: str) -> None:
        """Open an outbox.

        Args:
            folder: Of DICOM files, at any depth.
            destination: Name of where they go.

        Raises:
            JslError: If there is no such folder.
        """
        if not folder.is_dir():
            raise JslError(
                f"{folder}: no such folder; give the folder of results that jsl score --dicom wrote"
            )
        self.folder = folder
        self._notes = folder / STATE / "sent" / encode_name(destination)

    def waiting(self) -> list[Path]:
        """The files that are still to be sent, in the order of their names."""
        files = (file for file in self.folder.rglob("*.dcm") if not self._is_hidden(file))
        return sorted(file for file in files if not self._note(file).exists())

    def add(self, path: str, data: bytes) -> None:
        """Add a file at a path below the folder; what is there, or was sent, is left as it is."""
        file = self.folder / path
        if not file.exists() and not self._note(file).exists():
            with write_atomically(file, durable=True) as target:
                target.write(data)

    def remove_sent(self) -> None:
        """Remove the files that the destination has; the notes of them stay."""
        for file in self.folder.rglob("*.dcm"):
            if not self._is_hidden(file) and self._note(file).exists():
                file.unlink(missing_ok=True)

    def note_sent(self, file: Path) -> None:
        """Note durably that the destination has a file."""
        with write_atomically(self._note(file), durable=True):
            pass

    @property
    def lock(self) -> Path:
        """The file whose lock one sender at a time holds."""
        return self._notes.with_name(f"{self._notes.name}.lock")

    def _note(self, file: Path) -> Path:
        return self._notes / encode_name(file.relative_to(self.folder).as_posix())

    def _is_hidden(self, file: Path) -> bool:
        return any(part.startswith(".") for part in file.relative_to(self.folder).parts)


def deliver(
    outbox: Outbox,
    sender: Sender,
    *,
    seconds: float | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Delivery:
    """Send what waits, trying again later and later while the destination is away.

    Args:
        outbox: What to send.
        sender: Where to.
        seconds: For how long a destination that is away is tried; as `patience` by default.
        progress: Called with the files done and the files that waited.
    """
    delivery = Delivery()
    with locked(outbox.lock):
        files = outbox.waiting()
        try:
            for done, file in enumerate(files):
                progress(done, len(files))
                try:
                    _send_patiently(file, sender, seconds)
                except Refused as refused:
                    delivery.refused[file] = str(refused)
                    continue
                except Away as away:
                    delivery.waiting, delivery.cause = len(files) - done, str(away)
                    break
                outbox.note_sent(file)
                delivery.sent += 1
            else:
                progress(len(files), len(files))
        finally:
            sender.close()
    return delivery


def _send_patiently(file: Path, sender: Sender, seconds: float | None) -> None:
    patience = Patience(sender.name, seconds)
    while True:
        try:
            sender.send(file)
        except Away as away:
            pause = patience.pause_after(str(away))
            if pause is None:
                raise
            time.sleep(pause)
        else:
            patience.succeed()
            return
