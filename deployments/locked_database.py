"""Requests that write queue for SQLite, and are made again where it refuses them, so that no submit fails.

SQLite lets one write at a time, and refuses at once a transaction that has read before another has written.
Prefect undoes it and answers 503; its own clients try again, and its UI shows an error. Many that try again
at once keep refusing each other: so they go one by one, and again where the server's own services write.
"""

import asyncio
import random
import time
from collections.abc import MutableMapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["QueuedWrites", "queue_writes"]

_LOCKED = 503  # what Prefect answers then, after it has undone the transaction
_PATIENCE = 120.0  # seconds
_PAUSE = (0.05, 0.4)  # seconds, drawn between them, so that two do not meet again
_QUESTIONS = ("count", "count-by", "filter", "history", "lateness", "next", "paginate", "validate")
_LONGEST = 8 * 1024 * 1024  # bytes of a request that are kept for another attempt

Message = MutableMapping[str, Any]


def queue_writes(app: "Starlette") -> None:
    """Let a server's writes queue, and be made again where they are refused."""
    app.add_middleware(QueuedWrites)


class QueuedWrites:
    """Lets one request that writes at a time, and makes any again for as long as it is answered by 503."""

    def __init__(self, app: "ASGIApp", patience: float = _PATIENCE) -> None:
        """Wrap an application.

        Args:
            app: What answers.
            patience: Seconds after which its 503 is passed on.
        """
        self._app = app
        self._patience = patience
        self._turn = asyncio.Lock()

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request, is_whole = await _read(receive)
        if not is_whole:  # too long to be kept
            await self._app(scope, _replay(request, receive), send)
            return
        deadline = time.monotonic() + self._patience
        while True:
            async with self._turn if _writes(scope) else nullcontext():
                is_last = time.monotonic() >= deadline
                if await self._attempt(scope, _replay(request, receive), send, is_last):
                    return
            await asyncio.sleep(random.uniform(*_PAUSE))

    async def _attempt(self, scope: "Scope", receive: "Receive", send: "Send", is_last: bool) -> bool:
        """Make the request once; whether it has been answered."""
        is_refused = False

        async def send_unless_refused(message: Message) -> None:
            nonlocal is_refused
            if message["type"] == "http.response.start" and message["status"] == _LOCKED and not is_last:
                is_refused = True
            if not is_refused:
                await send(message)

        try:
            await self._app(dict(scope), receive, send_unless_refused)
        except Exception:  # Prefect answers, and raises besides
            if not is_refused:
                raise
        return not is_refused


def _writes(scope: "Scope") -> bool:
    """Whether a request writes, as far as its method and its address tell: Prefect asks by POST, too."""
    last = scope["path"].rstrip("/").rpartition("/")[2]
    return scope["method"] not in ("GET", "HEAD", "OPTIONS") and last not in _QUESTIONS


async def _read(receive: "Receive") -> tuple[list[Message], bool]:
    """The messages of a request, and whether these are all of them."""
    messages: list[Message] = []
    size = 0
    while size <= _LONGEST:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            return messages, True
    return messages, False


def _replay(messages: list[Message], receive: "Receive") -> "Receive":
    """What gives the messages once more, and then goes on with what comes."""
    rest = iter(messages)

    async def give() -> Message:
        for message in rest:
            return message
        return await receive()

    return give
