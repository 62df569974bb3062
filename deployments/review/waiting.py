"""The page of a store that has no run yet: it says so, and becomes the run's page with the first one."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from fastapi.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from deployments.review.access import Access
from jsl_core.errors import StoreError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["WaitingPage"]

_AGAIN = {"Refresh": "10", "Cache-Control": "no-store"}  # seconds


class WaitingPage:
    """An application that opens a run's page as soon as somebody asks for it and there is one."""

    def __init__(self, open_page: Callable[[], "ASGIApp"], access: Access) -> None:
        """Wait for a page.

        Args:
            open_page: Opens it; raises StoreError where there is nothing to show yet.
            access: Who may come in and be told so.
        """
        self._open_page, self._access = open_page, access
        self._page: ASGIApp | None = None
        self._lock = threading.Lock()

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer a request: with the page, or 503 and the reason."""
        page = self._page
        answer: Response | None = None
        if page is None:
            answer = self._access.refuse(Request(scope))
        if page is None and answer is None:
            try:
                page = await run_in_threadpool(self._open)
            except StoreError as error:
                answer = PlainTextResponse(f"There is nothing to review yet: {error}", 503, _AGAIN)
        if answer is not None:
            await answer(scope, receive, send)
        elif page is not None:
            await page(scope, receive, send)

    def _open(self) -> "ASGIApp":
        with self._lock:  # of several who ask at once the first opens it
            if self._page is None:
                self._page = self._open_page()
            return self._page
