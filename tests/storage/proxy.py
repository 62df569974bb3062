"""A server between a client and an S3 server that spoils what it is told to spoil, and counts requests."""

import http.client
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import time
from urllib.parse import urlsplit

from servers import Server

__all__ = ["Proxy", "proxied"]

_EMPTY = b'<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'
_PAGE = b"<html><body>Log in to the hotel's network</body></html>"
_REFUSALS = {
    "error": (500, "InternalError"),
    "slow": (503, "SlowDown"),
    "skew": (403, "RequestTimeTooSkewed"),
    "denied": (403, "AccessDenied"),
    "full": (507, "InsufficientStorage"),
}


class Proxy:
    """Faults are taken one a request, first come first; `always` is for all requests after those."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.always = ""
        self.requests = 0
        self.ended = threading.Event()
        self.read: Counter[str] = Counter()  # by path
        self._lock = threading.Lock()

    def next(self, command: str, path: str) -> str:
        with self._lock:
            self.requests += 1
            self.read[path] += command == "GET"
            return self.faults.pop(0) if self.faults else self.always


@contextmanager
def proxied(server: Server) -> Iterator[tuple[Proxy, Server]]:
    """A proxy before a server, and the server as seen through it."""
    proxy, upstream = Proxy(), urlsplit(server.endpoint).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = proxy.next(self.command, self.path)
            if fault == "reset":
                self.close_connection = True
            elif fault in _REFUSALS:
                status, code = _REFUSALS[fault]
                self.reply(status, [], f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())
            elif fault == "empty":
                self.reply(200, [], _EMPTY)
            elif fault == "page":
                self.reply(200, [("Content-Type", "text/html")], _PAGE)
            elif fault == "mute":
                proxy.ended.wait()
                self.close_connection = True
            else:
                self.forward(body, fault)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer  # noqa: N815 - http.server's names

        def forward(self, body: bytes, fault: str) -> None:
            far = http.client.HTTPConnection(upstream)
            far.request(self.command, self.path, body, dict(self.headers.items()))  # signed: as they are
            answer = far.getresponse()
            data = answer.read()
            if fault == "flip" and data:
                data = data[:-1] + bytes([data[-1] ^ 1])
            headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in _OWN]
            length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
            self.reply(answer.status, headers, data, length, cut=fault == "cut")
            far.close()

        def reply(
            self,
            status: int,
            headers: list[tuple[str, str]],
            data: bytes,
            length: str | None = None,
            cut: bool = False,
        ) -> None:
            self.send_response_only(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Date", formatdate(time() - 1200 if status == 403 else time(), usegmt=True))
            self.send_header("Content-Length", length or str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data[: len(data) // 2] if cut else data)
            if cut:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Nothing."""

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy, Server(f"http://127.0.0.1:{listener.server_address[1]}", server.key, server.secret)
    finally:
        proxy.ended.set()
        listener.shutdown()
        listener.server_close()


_OWN = {"date", "content-length", "transfer-encoding", "connection"}
