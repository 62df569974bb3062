"""The places of a run: its stores, the disks below them, and the server."""

import os
import shutil
import socket
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from jsl_core.check.finding import Findings
from jsl_core.config import PipelineSettings
from jsl_core.errors import BadSettings, JslError, StoreError
from jsl_core.storage import open_store, work_folder
from jsl_core.system.patience import patience

__all__ = ["check_disks", "check_prefect_server", "check_servers", "check_stores"]

_BYTES_PER_FILM = 2_500_000  # of the store; docs/operations.md, "How big"
_LEAST_BYTES = 100_000_000  # below this no run comes to its end
_SECONDS = 5


def check_stores(settings: PipelineSettings, findings: Findings, at_once: bool = True) -> None:
    """Check that the store, and the one that is published to, can be opened and written to.

    Args:
        settings: The run's.
        findings: Gets what is wrong.
        at_once: A server that does not answer is a fault at once; else it is waited for, as later in the run.
    """
    for name in ("store", "publish"):
        url = getattr(settings, name)
        if not url:
            continue
        with findings.catch():
            store = open_store(url)
            store.check() if at_once else store.check(patience())
            if "://" not in url:
                _check_writable(name, Path(url), findings)
    _check_writable("work", work_folder(settings.store, settings.work), findings)


def check_disks(settings: PipelineSettings, films: int, findings: Findings) -> None:
    """Check that the disks of the store and of the work folder have room.

    Args:
        settings: The run's.
        films: How many films there are, as far as that is known.
        findings: Gets what is wrong.
    """
    folders = {"work": work_folder(settings.store, settings.work)}
    if "://" not in settings.store:
        folders["store"] = Path(settings.store).absolute()
    for name, folder in folders.items():
        free = shutil.disk_usage(_nearest(folder)).free
        need = films * _BYTES_PER_FILM if name == "store" else 0
        if free < _LEAST_BYTES:
            findings.stop(
                StoreError(
                    f"{name} {folder}: {free / 1e6:.0f} MB are free; make it {_LEAST_BYTES / 1e6:.0f} MB at "
                    "least, or choose another disk"
                )
            )
        elif free < need:
            findings.thin(
                StoreError(
                    f"{name} {folder}: {free / 1e9:.1f} GB are free, and {films} new films take about "
                    f"{need / 1e9:.1f} GB; free some, or choose another disk"
                )
            )
        elif name == "store":
            findings.facts.append(f"{free / 1e9:.1f} GB free in {folder}")


def check_servers(settings: PipelineSettings, findings: Findings) -> None:
    """Check that the Prefect server and the Dask scheduler that are named answer."""
    url = os.environ.get("PREFECT_API_URL", "")
    if url:
        with findings.catch():
            check_prefect_server(url)
    if settings.dask and settings.dask != "local":
        parts = urlsplit(settings.dask)
        try:
            socket.create_connection((parts.hostname or "", parts.port or 8786), _SECONDS).close()
        except (OSError, ValueError):
            findings.stop(
                BadSettings(f"the Dask scheduler at {settings.dask} does not answer; start it first")
            )


def check_prefect_server(url: str) -> None:
    """Ask a Prefect server whether it is there.

    Args:
        url: What PREFECT_API_URL says.

    Raises:
        JslError: If it does not answer.
    """
    try:
        urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=_SECONDS).close()
    except urllib.error.HTTPError:  # an answer it is
        return
    except (OSError, ValueError):
        raise JslError(
            f"the Prefect server {url} does not answer; start it, or unset PREFECT_API_URL"
        ) from None


def _check_writable(name: str, folder: Path, findings: Findings) -> None:
    there = _nearest(folder)
    if not there.is_dir():
        findings.stop(StoreError(f"{name} {folder}: {there} is a file; name a folder"))
    elif not os.access(there, os.W_OK | os.X_OK):
        findings.stop(StoreError(f"{name} {folder}: {there} cannot be written to; mend its permissions"))


def _nearest(folder: Path) -> Path:
    """The folder itself, or the nearest above it that is there."""
    folder = folder.absolute()
    return next(path for path in (folder, *folder.parents) if os.path.exists(path))
