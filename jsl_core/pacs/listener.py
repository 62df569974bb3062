"""A storage SCP: scanners and a PACS send films by C-STORE, and each lands before it is acknowledged."""

import logging
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from weakref import WeakSet

from pydicom import uid
from pynetdicom import AE, evt

from jsl_core import __version__
from jsl_core.errors import BadSettings, JslError
from jsl_core.pacs.intake import FILM_CLASSES, Intake
from jsl_core.pacs.uids import derive_uid
from jsl_core.system.archives import printable

__all__ = ["LOG", "SYNTAXES", "Listener", "Peer", "TlsFiles", "check_ae_title"]

LOG = "jsl.listen"  # the logger; a line for each object and each association that fails

# What can be decoded (`jsl_core/imaging/pixels.py`), the sender's choice in this order of preference.
SYNTAXES = (
    *(uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian),
    *(uid.DeflatedExplicitVRLittleEndian, uid.RLELossless, uid.JPEGLosslessSV1, uid.JPEGLossless),
    *(uid.JPEGLSLossless, uid.JPEG2000Lossless, uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit),
    *(uid.JPEGLSNearLossless, uid.JPEG2000),
)
_VERIFICATION = "1.2.840.10008.1.1"  # the SOP class of C-ECHO
_NO_CALLED, _NO_CALLING = 7, 3  # PS3.8 table 9-21: AE title not recognised
_REJECTED, _BY_USER = 1, 1  # permanently, by the service user
_MAX_PDU = 1 << 18  # bytes; more makes no difference to a sender, and less costs it time


@dataclass(frozen=True)
class Peer:
    """Who may send: an AE title, from one host or from any."""

    ae: str
    host: str = ""

    @classmethod
    def parse(cls, words: str) -> Self:
        """Parse `AE` or `AE@HOST`.

        Raises:
            BadSettings: If it is neither.
        """
        ae, _, host = words.partition("@")
        check_ae_title(ae)
        return cls(ae.strip(), host.strip())

    def is_caller(self, ae: str, address: str) -> bool:
        """Whether it is this one that calls by a title from an address."""
        if ae != self.ae:
            return False
        with suppress(OSError):  # a name that nobody knows at the moment
            return not self.host or address in {str(at[4][0]) for at in socket.getaddrinfo(self.host, None)}
        return False


def check_ae_title(ae: str) -> None:
    """Raise BadSettings for what is no AE title (PS3.5 table 6.2-1)."""
    if not 0 < len(ae.strip()) <= 16 or not ae.isascii() or not ae.isprintable() or "\\" in ae:
        raise BadSettings(f"{printable(ae)[:40]!r}: no AE title; give 1 to 16 letters, as AE or AE@HOST")


@dataclass(frozen=True)
class TlsFiles:
    """Files in PEM: this side's certificate and key, and the authority of the other side, if any."""

    certificate: Path
    key: Path
    authority: Path | None = None

    def context(self, purpose: ssl.Purpose = ssl.Purpose.CLIENT_AUTH) -> ssl.SSLContext:
        """TLS 1.2 or newer (PS3.15 B.9, BCP 195); with an authority the other side needs its certificate.

        Without one anybody may call, and who is called needs one of the system's authorities, in its name.

        Raises:
            JslError: If a file cannot be used.
        """
        try:
            context = ssl.create_default_context(purpose, cafile=self.authority)
            context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError):
            raise JslError(
                f"--tls-cert {self.certificate}: certificate, key or authority cannot be used; give PEM files"
            ) from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if purpose is ssl.Purpose.SERVER_AUTH:
            context.check_hostname = self.authority is None
        elif self.authority:
            context.verify_mode = ssl.CERT_REQUIRED
        return context


class Listener:
    """Listens within a `with` block, on threads of its own."""

    def __init__(
        self,
        intake: Intake,
        *,
        ae: str = "JSL",
        host: str = "127.0.0.1",
        port: int = 11112,
        peers: Sequence[Peer] = (),
        tls: TlsFiles | None = None,
        idle_seconds: float = 60,
        most: int = 20,
    ) -> None:
        """Describe a listener; the block starts it.

        Args:
            intake: Takes what is received.
            ae: Its own AE title; who calls another is refused.
            host: The address to listen at.
            port: The port to listen at; 0 for any that is free.
            peers: Who may call; empty for anybody.
            tls: Files for TLS; None for none.
            idle_seconds: An association that says nothing for so long is ended.
            most: Associations at a time; further ones are refused for the moment.
        """
        self._intake, self._peers, self._address, self._tls = intake, peers, (host, port), tls
        self._log = logging.getLogger(LOG)
        self._entity = AE(ae_title=ae)
        self._entity.maximum_associations = most
        self._entity.maximum_pdu_size = _MAX_PDU
        self._entity.network_timeout = idle_seconds
        self._entity.acse_timeout = min(idle_seconds, 30)
        self._entity.implementation_class_uid = derive_uid("implementation")
        self._entity.implementation_version_name = f"JSL_{__version__}"[:16]
        for sop_class in (*FILM_CLASSES, uid.Comprehensive3DSRStorage):  # its own reports, to be ignored
            self._entity.add_supported_context(sop_class, list(SYNTAXES))
        self._entity.add_supported_context(_VERIFICATION)
        self._server: Any = None
        self._explained: WeakSet[Any] = WeakSet()  # associations whose end needs no line of its own

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        handlers: list[Any] = [
            (evt.EVT_REQUESTED, self._check_peer),
            (evt.EVT_ACCEPTED, self._check_contexts),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_ABORTED, self._note_end),
            (evt.EVT_REJECTED, self._note_full),
        ]
        host, port = self._address
        context = self._tls.context() if self._tls else None
        try:
            self._server = self._entity.start_server(
                (host, port), block=False, ssl_context=context, evt_handlers=handlers
            )
        except OSError as error:
            raise JslError(
                f"cannot listen at {host}:{port} ({error.strerror}); choose another --port"
            ) from None
        return self

    def __exit__(self, *error: object) -> None:
        for association in self._entity.active_associations:
            self._explained.add(association)
            if association.is_established:  # which would be waited for otherwise
                association.abort()
        self._server.shutdown()

    def _check_peer(self, event: Any) -> None:
        """Refuse who calls another AE, or may not call."""
        request = event.assoc.requestor.primitive
        calling, called = request.calling_ae_title, request.called_ae_title
        address = event.assoc.requestor.address
        allowed = not self._peers or any(peer.is_caller(calling, address) for peer in self._peers)
        if called != self._entity.ae_title:
            self._refuse(event, _NO_CALLED, f"it calls {printable(called)}, not {self._entity.ae_title}")
        elif not allowed:
            self._refuse(event, _NO_CALLING, "it is no peer")

    def _refuse(self, event: Any, diagnostic: int, why: str) -> None:
        self._log.warning("association of %s refused: %s", _caller(event), why)
        event.assoc.acse.send_reject(_REJECTED, _BY_USER, diagnostic)
        event.assoc.kill()  # waits until that is said; the connection would be closed before

    def _check_contexts(self, event: Any) -> None:
        if not event.assoc.accepted_contexts:
            self._explained.add(event.assoc)
            self._log.warning(
                "nothing of %s can be taken: no SOP class of films, or in no transfer syntax that is read",
                _caller(event),
            )

    def _store(self, event: Any) -> int:
        outcome = self._intake.take(event.encoded_dataset(), str(event.request.AffectedSOPInstanceUID))
        level = logging.INFO if outcome.accepted else logging.WARNING
        name = outcome.uid or "an object"
        self._log.log(level, "%s from %s: %s", name, _caller(event), outcome.words)
        return outcome.status

    def _note_end(self, event: Any) -> None:
        if event.assoc not in self._explained:
            self._log.warning("association of %s broke off or was idle for too long", _caller(event))

    def _note_full(self, event: Any) -> None:
        self._log.warning("association of %s refused: too many at a time", _caller(event))


def _caller(event: Any) -> str:
    requestor = event.assoc.requestor
    title = requestor.primitive.calling_ae_title if requestor.primitive else requestor.ae_title
    return f"{printable(title or '?')}@{requestor.address}"
