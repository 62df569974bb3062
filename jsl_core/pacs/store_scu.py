"""Results to a PACS by C-STORE."""

import re
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pydicom
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE

from jsl_core.errors import BadSettings
from jsl_core.pacs.listener import TlsFiles
from jsl_core.pacs.outbox import Away, Refused

__all__ = ["Destination", "StoreSender"]

_DESTINATION = re.compile(r"([^@\\]{1,16})@(\[[0-9a-fA-F:]+\]|[^@:\[\]]+):(\d{1,5})")
_SECONDS = 30.0  # for a connection, and for an answer
_TRANSIENT = 2  # PS3.8 table 9-21: the result of a rejection that may pass
_REASONS = {1: "no reason given", 3: "it does not know our AE title", 7: "it has another AE title"}


@dataclass(frozen=True)
class Destination:
    """An AE and where it listens."""

    ae: str
    host: str
    port: int

    @classmethod
    def parse(cls, words: str) -> Self:
        """Parse `AE@HOST:PORT`.

        Raises:
            BadSettings: If it is none.
        """
        match = _DESTINATION.fullmatch(words.strip())
        if match is None or not 0 < int(match[3]) < 1 << 16:
            raise BadSettings(f"{words}: no destination of results; write AE@HOST:PORT, or the URL of a STOW")
        return cls(match[1].strip(), match[2].strip("[]"), int(match[3]))

    def __str__(self) -> str:
        return f"{self.ae}@{self.host}:{self.port}"


class StoreSender:
    """Sends objects in associations that last as long as there are any to send."""

    def __init__(self, destination: Destination, ae: str = "JSL", tls: TlsFiles | None = None) -> None:
        """Describe a sender; it connects when it has something to send.

        Args:
            destination: The PACS.
            ae: Our own AE title.
            tls: Files for TLS; None for none.
        """
        self.name = str(destination)
        self._destination, self._ae, self._tls = destination, ae, tls
        self._association: Any = None
        self._contexts: set[tuple[str, str]] = set()

    def send(self, file: Path) -> None:
        """Send a file; as `Sender.send`."""
        ds = pydicom.dcmread(file)
        context = str(ds.SOPClassUID), str(ds.file_meta.TransferSyntaxUID)
        association = self._connect(context)
        try:
            answer = association.send_c_store(ds)
        except ValueError:  # no context was accepted for it
            raise Refused("it takes no objects of this kind") from None
        except RuntimeError:  # the association has ended meanwhile
            self.close()
            raise Away("the connection broke off") from None
        if "Status" not in answer:
            self.close()
            raise Away("it does not answer")
        status = int(answer.Status)
        if status >> 8 == 0xA7:  # out of resources (PS3.4 table B.2-1)
            raise Away(f"it is short of room (status {status:04X})")
        if status and status >> 12 != 0xB:  # success, or a warning: it has the object
            raise Refused(f"it answers with status {status:04X}")

    def close(self) -> None:
        """End the association."""
        if self._association is not None and self._association.is_established:
            self._association.release()
        self._association = None

    def _connect(self, context: tuple[str, str]) -> Any:
        """An association in which such objects were proposed."""
        if context not in self._contexts:
            self.close()
            self._contexts.add(context)
        if self._association is not None and self._association.is_established:
            return self._association
        entity = AE(ae_title=self._ae)
        entity.connection_timeout = entity.acse_timeout = entity.dimse_timeout = _SECONDS
        for sop_class, syntaxes in self._proposed():
            entity.add_requested_context(sop_class, syntaxes)
        tls: Any = self._tls and (self._tls.context(ssl.Purpose.SERVER_AUTH), self._destination.host)
        where = self._destination
        self._association = entity.associate(where.host, where.port, ae_title=where.ae, tls_args=tls)
        if self._association.is_established:
            return self._association
        if self._association.is_rejected:
            primitive = self._association.acceptor.primitive
            if primitive.result != _TRANSIENT:
                raise Refused(_REASONS.get(primitive.diagnostic, "it refuses the association"))
            raise Away("it takes no association at the moment")
        answer = self._association.acceptor.primitive
        if answer is not None and answer.result == 0:  # accepted, but none of what was proposed
            raise Refused("it takes no objects of this kind")
        raise Away("it cannot be reached")

    def _proposed(self) -> Iterable[tuple[str, list[str]]]:
        plain = [str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian)]
        for sop_class in sorted({sop_class for sop_class, _ in self._contexts}):
            own = sorted({syntax for name, syntax in self._contexts if name == sop_class})
            uncompressed = [syntax for syntax in plain if set(own) & set(plain)]
            yield sop_class, [*own, *(syntax for syntax in uncompressed if syntax not in own)]
