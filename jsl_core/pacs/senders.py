"""Where results go: an AE by C-STORE, or a URL by STOW."""

from jsl_core.pacs.listener import TlsFiles
from jsl_core.pacs.outbox import Sender

__all__ = ["open_sender"]


def open_sender(destination: str, ae: str = "JSL", tls: TlsFiles | None = None) -> Sender:
    """Open the sender to `AE@HOST:PORT`, or to a URL that begins with http; it connects when it sends.

    Args:
        destination: The PACS.
        ae: Our own AE title.
        tls: Files for TLS with an AE; None for none.

    Raises:
        BadSettings: If it is neither.
    """
    if destination.startswith(("http://", "https://")):
        from jsl_core.pacs.dicomweb import StowSender

        return StowSender(destination)
    from jsl_core.pacs.store_scu import Destination, StoreSender

    return StoreSender(Destination.parse(destination), ae, tls)
