"""A server that goes away and comes back is waited for, in one line; one that will not change is not."""

import io
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from proxy import proxied
from servers import BUCKET, MortalServer, Server
from test_faults import LARGE, OPERATIONS, use

from jsl_core.errors import StoreError
from jsl_core.landing.bucket import BucketLanding
from jsl_core.storage import Artifact, open_existing_store, open_store
from jsl_core.storage.s3 import S3Store
from jsl_core.system import progress
from jsl_core.system.parallel import parallel_map

pytestmark = pytest.mark.s3

AWAY = 2.5  # seconds; botocore's own attempts bridge less


@pytest.fixture
def mortal(tmp_path: Path, fresh: pytest.MonkeyPatch) -> Iterator[MortalServer]:
    with MortalServer(tmp_path / "buckets") as mortal:
        use(fresh, mortal.server)
        yield mortal


@pytest.fixture
def lines(fresh: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is said of servers that are waited for."""
    fresh.setattr(progress, "_reported", {})
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setLevel(logging.WARNING)
    logging.getLogger(progress.PROGRESS).addHandler(handler)
    yield text
    logging.getLogger(progress.PROGRESS).removeHandler(handler)


def killed_for(mortal: MortalServer, seconds: float) -> threading.Timer:
    """Kill the server; it is started again after a while."""
    mortal.kill()
    timer = threading.Timer(seconds, mortal.start)
    timer.start()
    return timer


def test_every_operation_waits_for_a_server_that_is_started_again_in_one_line(
    mortal: MortalServer, tmp_path: Path, lines: io.StringIO
) -> None:
    store = S3Store(f"s3://{BUCKET}/outages")
    (tmp_path / "large").write_bytes(LARGE)
    store.put_file(tmp_path / "large")
    (tmp_path / "large").write_bytes(LARGE + b"another")
    small = store.put(b"knee", "knee.png")
    operations = {name: operation for name, operation in OPERATIONS.items() if name != "check"}
    for name in operations:
        (tmp_path / name).mkdir()
        (tmp_path / name / "large").hardlink_to(tmp_path / "large")
    timer = killed_for(mortal, AWAY)
    with ThreadPoolExecutor(len(operations)) as pool:
        done = [pool.submit(one, store, small, tmp_path / name) for name, one in operations.items()]
    timer.join()
    assert [one.exception() for one in done] == [None] * len(done)
    assert store.get(Artifact.of_file(tmp_path / "large")) == LARGE + b"another"
    assert lines.getvalue().splitlines() == [
        f"waiting for s3://{BUCKET} at {mortal.server.endpoint} (connection refused), up to 2 min"
    ]


def _put(number: int, url: str) -> Artifact:
    time.sleep(0.05)
    return open_store(url).put(b"%d" % number, "x")


def test_an_item_s_time_limit_is_not_for_the_server_and_workers_say_one_line_together(
    mortal: MortalServer, lines: io.StringIO
) -> None:
    url = f"s3://{BUCKET}/items"
    stored = parallel_map(partial(_put, url=url), range(60), jobs=2, seconds_per_item=2.0)
    next(stored)
    timer = killed_for(mortal, AWAY)
    outcomes = list(stored)
    timer.join()
    assert all(isinstance(one, Artifact) for one in outcomes)
    assert len(lines.getvalue().splitlines()) == 1


def test_patience_has_an_end_that_is_told_in_one_line(
    mortal: MortalServer, fresh: pytest.MonkeyPatch
) -> None:
    fresh.setenv("JSL_PATIENCE", "1")
    store = S3Store(f"s3://{BUCKET}/outages")
    mortal.kill()
    with pytest.raises(StoreError, match=r"outages/runs/a at \S+ \(waited \d s\): .* cannot be reached; "):
        store.read("runs/a")
    mortal.start()
    assert store.read("runs/a") is None


@pytest.mark.parametrize("fault", ["denied", "skew", "full"])
def test_an_answer_that_will_not_change_is_not_waited_for(
    rclone: Server, fresh: pytest.MonkeyPatch, fault: str
) -> None:
    with proxied(rclone) as (proxy, server):
        use(fresh, server)
        proxy.always = fault
        with pytest.raises(StoreError):
            S3Store(f"s3://{BUCKET}/faults").put(b"knee", "x")
        assert proxy.requests == 1 or fault == "full"  # botocore itself repeats a 507


def test_a_command_asks_at_once_whether_the_server_answers(fresh: pytest.MonkeyPatch) -> None:
    use(fresh, Server("http://127.0.0.1:9", "key", "secret"))
    fresh.setenv("JSL_PATIENCE", "86400")
    with pytest.raises(StoreError, match="cannot be reached; check AWS_ENDPOINT_URL_S3"):
        open_existing_store(f"s3://{BUCKET}/lab")
    with pytest.raises(StoreError, match="cannot be reached; check AWS_ENDPOINT_URL_S3"):
        open_store(f"s3://{BUCKET}/lab").check()


PAGE = b"<!DOCTYPE html><html><body>It works!<br></body></html>"
STRANGERS = {
    "404 and nothing": (404, "", b""),
    "404 and a page": (404, "text/html", PAGE),
    "404 and JSON": (404, "application/json", b'{"detail":"Not Found"}'),
    "200 and a page": (200, "text/html", PAGE),
    "200 and nothing": (200, "", b""),
    "200 and junk": (200, "application/octet-stream", bytes(range(256)) * 9),
    "200 and JSON": (200, "application/json", b'{"status":"ok"}'),
    "302 to a page": (302, "text/html", PAGE),
    "405": (405, "text/html", PAGE),
}


@pytest.fixture(params=STRANGERS)
def stranger(request: pytest.FixtureRequest, fresh: pytest.MonkeyPatch) -> Iterator[str]:
    """An endpoint that answers everything the same way, and is no S3 server."""
    status, kind, body = STRANGERS[request.param]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if status == 302:
                self.send_header("Location", "/login")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            """Nothing."""

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    use(fresh, Server(f"http://127.0.0.1:{listener.server_address[1]}", "key", "secret"))
    fresh.setenv("JSL_PATIENCE", "0.2")
    yield request.param
    listener.shutdown()
    listener.server_close()


def test_what_is_no_s3_server_is_told_apart(stranger: str, tmp_path: Path) -> None:
    store = S3Store(f"s3://{BUCKET}/lab")
    (tmp_path / "large").write_bytes(LARGE)
    landing = BucketLanding(f"s3://{BUCKET}/landing", tmp_path / "mirror")
    operations = {
        name: partial(one, store, Artifact.of_bytes(LARGE, "l"), tmp_path) for name, one in OPERATIONS.items()
    }
    operations |= {"landing": landing.files, "begin": lambda: open_existing_store(f"s3://{BUCKET}/lab")}
    operations |= {"move": lambda: store.move("a", "b"), "digest": lambda: store.digest("a")}
    for name, operation in operations.items():
        try:
            operation()
        except StoreError as error:
            line = str(error)
            assert "\n" not in line
            asks_head = name in ("fetch", "fetch large", "publish")
            assert "no S3 server" in line or "speaks S3" in line or (asks_head and "is missing" in line), name
        else:  # HEAD has no body by which to tell, and what is deleted is not there
            assert name in ("delete", "has", "missing", "move"), name
