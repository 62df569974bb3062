"""Where a browser finds what a run has published."""

import os

from jsl_core.storage.interface import Store

__all__ = ["PAGE", "STORE", "report_link"]

STORE = "JSL_RESULTS_STORE"  # the environment variable that names the store whose results the server shows
PAGE = "/results"  # where it shows them


def report_link(store: Store, key: str) -> str:
    """The address of a published file on the server that this run is of; blank where it shows none of it.

    Args:
        store: Where it was published.
        key: Such as `runs/20260131T080000Z-run/report.html`.
    """
    return f"{PAGE}/{key}" if os.environ.get(STORE, "") == store.url else ""
