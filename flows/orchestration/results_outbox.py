"""The lab's results on their way to a PACS: an outbox in the work folder, tried again until it is empty."""

from jsl_core.imaging.names import encode_name
from jsl_core.pacs.outbox import Delivery, Outbox, deliver
from jsl_core.pacs.senders import open_sender
from jsl_core.storage import Artifact, tree_files
from tasks.caching import Placement

__all__ = ["describe_delivery", "send_results", "send_waiting"]


def send_results(results: Artifact, destination: str, ae: str, placement: Placement) -> Delivery:
    """Put results into the outbox and send what waits there; a PACS that is away is waited for a while.

    Args:
        results: The tree of the files.
        destination: As of `open_sender`.
        ae: Our own AE title.
        placement: Names the store and the work folder.
    """
    store = placement.open()
    outbox = _outbox(destination, placement)
    for path, file in tree_files(store, results).items():
        outbox.add(path, store.get(file))
    return _deliver(outbox, destination, ae)


def send_waiting(destination: str, ae: str, placement: Placement) -> Delivery:
    """Try once to send what waits; arguments as of `send_results`."""
    return _deliver(_outbox(destination, placement), destination, ae, seconds=0)


def describe_delivery(delivery: Delivery, destination: str) -> str:
    """A sentence for a run's page."""
    parts = [f"{delivery.sent} sent to {destination}"]
    if delivery.waiting:
        parts.append(f"{delivery.waiting} wait ({delivery.cause}); they are tried again with every watch")
    if delivery.refused:
        reasons = ", ".join(sorted(set(delivery.refused.values())))
        parts.append(f"{len(delivery.refused)} refused ({reasons})")
    return f"Results: {', '.join(parts)}."


def _outbox(destination: str, placement: Placement) -> Outbox:
    folder = placement.folder("outbox", encode_name(destination))
    folder.mkdir(parents=True, exist_ok=True)
    return Outbox(folder, destination)


def _deliver(outbox: Outbox, destination: str, ae: str, seconds: float | None = None) -> Delivery:
    delivery = deliver(outbox, open_sender(destination, ae), seconds=seconds)
    outbox.remove_sent()
    return delivery
