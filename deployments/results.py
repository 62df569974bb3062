"""Reports and tables of the lab's runs in the browser, beside Prefect's UI: what links of a run's page open.

Only what runs have published below `runs/` is given out, and as it is: reports load nothing and run nothing.
"""

import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from deployments.password import CHALLENGE, has_password, lab_password
from jsl_core.errors import StoreError
from jsl_core.storage import open_store
from jsl_core.storage.run_links import PAGE, STORE

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["add_results"]

_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def add_results(app: "Starlette") -> None:
    """Let a server also answer for what the store that JSL_RESULTS_STORE names has below `runs/`."""
    from starlette.routing import Route

    app.router.routes.insert(0, Route(f"{PAGE}/{{key:path}}", _answer))  # before the UI, which takes all


def _answer(request: "Request") -> "Response":
    """Answer a request, in a thread as it reads a disk or asks a bucket."""
    from starlette.responses import PlainTextResponse, Response

    password = lab_password()
    if password and not has_password(request.headers.get("authorization", ""), password):
        return PlainTextResponse("name and password", 401, CHALLENGE)
    key = PurePosixPath(request.path_params["key"])
    kind, store = _KINDS.get(key.suffix), os.environ.get(STORE, "")
    content = None
    if kind and store and key.parts[:1] == ("runs",) and ".." not in key.parts:
        try:
            content = open_store(store).read(str(key))
        except (StoreError, OSError, ValueError):
            content = None
    if content is None:
        return PlainTextResponse("there is no such result", 404)
    return Response(content, headers=_HEADERS, media_type=kind)
