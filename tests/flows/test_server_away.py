"""A Prefect server that goes away and comes back in the middle of a run is waited for, in one line."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

_RUN = """
import sys
import time
from pathlib import Path
from flows.server.embedded import embedded_prefect

with embedded_prefect(Path(sys.argv[1]), "prefect"):
    from prefect import flow, task
    from prefect.artifacts import create_markdown_artifact
    from prefect.client.orchestration import get_client

    @task
    def add(number: int) -> int:
        return number + 1

    @flow(log_prints=False)
    def count() -> int:
        number = 0
        for _ in range(3):
            number = add(number)
        print("killed?", flush=True)
        sys.stdin.readline()
        for _ in range(3):
            number = add(number)
        with get_client(sync_client=True) as client:  # a client that has not met the server before
            client.read_flows()
        create_markdown_artifact("done", key="done")
        return number

    print(count())
"""


class Server:
    """A Prefect server at a fixed address that can be killed and started again."""

    def __init__(self, home: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}/api"
        own = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        self._environment = own | {"PREFECT_HOME": str(home), "PREFECT_API_URL": self.url}
        self._environment |= {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT_UI_ENABLED": "false"}
        self.start()

    def start(self) -> None:
        words = ("-m", "deployments.server", "server", "start", "--port", str(self._port))
        self.process = subprocess.Popen(
            [sys.executable, *words],
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def await_answer(self) -> None:
        while self.process.poll() is None:
            with suppress(OSError), urllib.request.urlopen(f"{self.url}/health", timeout=5):
                return
            time.sleep(0.1)
        raise AssertionError("the server has ended")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def begin_run(self, **more: str) -> "subprocess.Popen[str]":
        """A run that has come to the point where its server may go."""
        run = subprocess.Popen(
            [sys.executable, "-c", _RUN, self._environment["PREFECT_HOME"]],
            env=self._environment | more, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert run.stdout is not None
        assert run.stdout.readline() == "killed?\n"
        return run


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"))
    server.await_answer()
    yield server
    server.kill()


@pytest.mark.slow
@pytest.mark.server
def test_a_server_that_is_started_again_costs_time_and_one_line(server: Server) -> None:
    run = server.begin_run()
    server.kill()
    assert run.stdin is not None
    run.stdin.write("go on\n")
    run.stdin.flush()
    time.sleep(2.5)
    assert run.poll() is None
    server.start()
    out, err = run.communicate()
    assert (run.returncode, out) == (0, "6\n"), err
    (line,) = [line for line in err.splitlines() if "waiting for" in line]
    assert f"waiting for the Prefect server {server.url}/ (connection " in line
    assert "Traceback" not in err


@pytest.mark.slow
@pytest.mark.server
def test_patience_with_it_has_an_end(server: Server) -> None:
    server.await_answer()
    run = server.begin_run(JSL_PATIENCE="1")
    server.kill()
    out, err = run.communicate("go on\n")
    assert run.returncode == 1
    assert "6" not in out
    assert "ConnectError" in err


def test_a_wrong_address_is_told_at_once(tmp_path: Path) -> None:
    environment = os.environ | {"PREFECT_API_URL": "http://127.0.0.1:9/api", "JSL_PATIENCE": "86400"}
    done = subprocess.run(
        [sys.executable, "-c", _RUN, str(tmp_path)], env=environment, capture_output=True, text=True
    )
    assert "JslError: the Prefect server http://127.0.0.1:9/api does not answer; start it" in done.stderr
