"""`jsl listen`, `jsl pull` and `jsl send`, and the results of `jsl score` as DICOM: JSL beside a PACS."""

import logging
import signal
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from flows.cli.terminal import Bars
from jsl_core.config import ConvertSettings, load_lab
from jsl_core.errors import BadSettings, JslError

if TYPE_CHECKING:  # the libraries of a PACS take a second to import
    from jsl_core.imaging import Pseudonyms
    from jsl_core.pacs.listener import TlsFiles

__all__ = ["listen", "pull", "send", "write_dicom"]

_LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
_Several = Parameter(consume_multiple=True, negative="")


def listen(
    landing: str = "",
    *,
    settings: Path | None = None,
    aet: str = "",
    port: int = 0,
    host: str = "",
    peer: Annotated[tuple[str, ...], _Several] = (),
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    tls_ca: Path | None = None,
    reserve_gb: Annotated[float, Parameter(validator=Number(gte=0))] = 1.0,
    idle: Annotated[float, Parameter(validator=Number(gt=0))] = 60.0,
    pseudonymise: bool = False,
    pseudonym_key: Path | None = None,
    mapping: Path | None = None,
) -> None:
    """Listen for films sent by C-STORE, and let each land before it is acknowledged; until Ctrl-C.

    Args:
        landing: The folder, or s3://bucket/prefix, where films land; the scans of the settings.
        settings: A lab's settings in TOML: what is not said here is as its table listen, and its
            pseudonyms, say.
        aet: Its AE title, JSL by default; who calls another is refused.
        port: The port to listen at, 11112 by default.
        host: The address to listen at, 127.0.0.1 by default; beyond this machine only with --peer.
        peer: Who may send: AE or AE@HOST, several in a row. By default anybody on this machine.
        tls_cert: PEM file of its certificate, for TLS.
        tls_key: PEM file of the certificate's key.
        tls_ca: PEM file of the authority whose certificates callers must have.
        reserve_gb: GB of the landing's disk that are left free; films are refused before it is full.
        idle: Seconds after which an association that says nothing is ended.
        pseudonymise: De-identify films before they land, with keyed pseudonyms.
        pseudonym_key: File that holds the key of the pseudonyms; without it JSL_PSEUDONYM_KEY does.
        mapping: With --pseudonymise: the table to write of which pseudonym stands for whom.
    """
    from flows.cli.commands.imaging import pseudonyms_of
    from jsl_core.pacs.inbox import open_inbox
    from jsl_core.pacs.intake import Intake
    from jsl_core.pacs.listener import LOG, Listener, Peer, check_ae_title

    lab = load_lab(settings and settings.absolute())
    landing = landing or lab.settings.scans
    if not landing:
        raise BadSettings("nobody says where films land; name a folder, or --settings with scans in them")
    aet, port, host = aet or lab.listen.aet, port or lab.listen.port, host or lab.listen.host
    peer = peer or lab.listen.peers
    check_ae_title(aet)
    if host not in _LOCAL_HOSTS and not peer:
        raise JslError(f"--host {host} is open to others; say who may send with --peer AE@HOST")
    if lab.settings.pseudonym_key:
        pseudonym_key = pseudonym_key or Path(lab.settings.pseudonym_key)
    pseudonyms = pseudonyms_of(pseudonymise or lab.settings.pseudonymise, pseudonym_key, mapping)
    intake = Intake(open_inbox(landing, round(reserve_gb * 1e9)), pseudonyms, mapping)
    listener = Listener(
        intake,
        ae=aet,
        host=host,
        port=port,
        peers=[Peer.parse(words) for words in peer],
        tls=_tls_files(tls_cert, tls_key, tls_ca),
        idle_seconds=idle,
    )
    with _log_lines(LOG), listener:
        print(
            f"{aet} listens at {host}:{listener.port}; films land in {landing}. Ctrl-C ends it.", flush=True
        )
        _wait_for_end()


def send(
    results: Path,
    *,
    to: str = "",
    stow: str = "",
    aet: str = "JSL",
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    tls_ca: Path | None = None,
    patience: Annotated[float | None, Parameter(validator=Number(gte=0))] = None,
) -> None:
    """Send results to a PACS, each once; what it cannot take yet waits in the folder for the next time.

    Args:
        results: Folder of DICOM files, as `jsl score --dicom` writes it.
        to: AE@HOST:PORT, by C-STORE.
        stow: URL of a DICOMweb service; JSL_DICOMWEB_AUTH holds user:password, or Bearer and a token.
        aet: Our own AE title.
        tls_cert: PEM file of our certificate, for TLS.
        tls_key: PEM file of the certificate's key.
        tls_ca: PEM file of the authority whose certificate the PACS must have.
        patience: Seconds for which a PACS that is away is tried again; what JSL_PATIENCE says, or 120.
    """
    from jsl_core.pacs.listener import check_ae_title
    from jsl_core.pacs.outbox import Outbox, deliver
    from jsl_core.pacs.senders import open_sender

    check_ae_title(aet)
    if bool(to) == bool(stow):
        raise BadSettings("a destination is needed; give either --to AE@HOST:PORT or --stow URL")
    sender = open_sender(to or stow, aet, _tls_files(tls_cert, tls_key, tls_ca))
    with Bars() as bars, bars.follow_tasks():
        progress = bars.callback("send")
        delivery = deliver(Outbox(results, sender.name), sender, seconds=patience, progress=progress)
    total = delivery.sent + delivery.waiting + len(delivery.refused)
    for file, reason in delivery.refused.items():
        print(f"jsl: {file.name} is refused by {sender.name}: {reason}", file=sys.stderr)
    if delivery.waiting:
        raise JslError(
            f"{delivery.waiting} of {total} results wait in {results}: {sender.name}, {delivery.cause}; "
            "send them again later"
        )
    if delivery.refused:
        raise JslError(f"{len(delivery.refused)} of {total} results are refused by {sender.name}; see above")
    print(f"{delivery.sent} results sent to {sender.name}, which has all of {results}")


def pull(
    landing: str,
    *,
    source: Annotated[str, Parameter(name="--from")],
    modality: Annotated[tuple[str, ...], _Several] = ("CR", "DX"),
    since: str = "",
    every: Annotated[float, Parameter(validator=Number(gte=0))] = 0.0,
    reserve_gb: Annotated[float, Parameter(validator=Number(gte=0))] = 1.0,
    pseudonymise: bool = False,
    pseudonym_key: Path | None = None,
    mapping: Path | None = None,
) -> None:
    """Pull films from a DICOMweb server (QIDO, WADO) into the landing, each once.

    Args:
        landing: The folder, or s3://bucket/prefix, where films land.
        source: URL of the DICOMweb service; JSL_DICOMWEB_AUTH holds user:password, or Bearer and a token.
        modality: Modalities of the series to pull.
        since: The first study date to pull, YYYYMMDD; all by default.
        every: Look again after so many seconds, until Ctrl-C; once by default.
        reserve_gb: GB of the landing's disk that are left free.
        pseudonymise: De-identify films before they land, with keyed pseudonyms.
        pseudonym_key: File that holds the key of the pseudonyms; without it JSL_PSEUDONYM_KEY does.
        mapping: With --pseudonymise: the table to write of which pseudonym stands for whom.
    """
    from flows.cli.commands.imaging import pseudonyms_of
    from jsl_core.pacs.inbox import open_inbox
    from jsl_core.pacs.intake import Intake
    from jsl_core.pacs.pull import PULL_LOG, Puller

    pseudonyms = pseudonyms_of(pseudonymise, pseudonym_key, mapping)
    intake = Intake(open_inbox(landing, round(reserve_gb * 1e9)), pseudonyms, mapping)
    puller = Puller(source, intake, landing, modality, since)
    with _log_lines(PULL_LOG):
        counts = puller.pull_new()
        while every:
            time.sleep(every)
            with suppress(JslError):  # the server may be starting again; the log has said so
                counts = puller.pull_new()
    others = f"{counts.others} objects did not, {counts.known} were known"
    print(f"{counts.landed} films landed in {landing}, {others}")


def _tls_files(certificate: Path | None, key: Path | None, authority: Path | None) -> "TlsFiles | None":
    from jsl_core.pacs.listener import TlsFiles

    if certificate and key:
        return TlsFiles(certificate, key, authority)
    if certificate or key or authority:
        raise BadSettings("--tls-cert and --tls-key go together; give both")
    return None


@contextmanager
def _log_lines(name: str) -> Iterator[None]:
    """Print what a logger says on the standard output, a line each with its time in UTC."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)sZ %(message)s", "%Y-%m-%dT%H:%M:%S"))
    handler.formatter.converter = time.gmtime  # type: ignore[union-attr]
    logger = logging.getLogger(name)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    warnings.simplefilter("ignore")  # pydicom warns with the values it read, which may name the patient
    for library in ("pydicom", "pynetdicom"):
        logging.getLogger(library).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _wait_for_end() -> None:
    """Wait for Ctrl-C, or for a supervisor's signal to end."""
    with suppress(KeyboardInterrupt):
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        while True:
            time.sleep(3600)


def write_dicom(
    rows: Sequence[dict[str, Any]],
    scans: Path,
    out: Path,
    models: Sequence[Path],
    convert: ConvertSettings,
    pseudonyms: "Pseudonyms | None",
    widths: Path | None,
    jobs: int,
    bars: Bars,
) -> int:
    """Write the results of scored films as DICOM; returns how many objects there are."""
    from jsl_core.detection.look import look_at_film
    from jsl_core.pacs.results import ResultsJob, write_results
    from jsl_core.pacs.widths import read_widths
    from jsl_core.scoring.model_identity import identify_models

    job = ResultsJob(
        source=scans,
        out=out,
        model=identify_models(models),
        look=look_at_film,
        convert=convert,
        pseudonyms=pseudonyms,
        widths=read_widths(widths) if widths else None,
    )
    paths, rejected = write_results(rows, job, jobs, bars.callback("results"))
    if rejected and not paths:
        raise JslError(f"--dicom {out}: no film has results ({rejected[0]['sentence']}); give DICOM films")
    for row in rejected:
        bars.say(f"no results of a film: {row['sentence']}")
    return len(paths)
