"""A running `jsl up`, called over REST as the UI does."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["ENDED", "JSL", "Lab", "is_scheduled", "start", "wait_until"]

JSL = [sys.executable, "-P", "-c", "from flows.cli.main import main; main()"]
ENDED = ("COMPLETED", "FAILED", "CRASHED")
_SERVER_ERROR = 500  # and above: SQLite is locked for a moment, and Prefect's own clients try again, too
_RETRY_SECONDS = 60


@dataclass(frozen=True)
class Lab:
    """A running `jsl up`."""

    process: "subprocess.Popen[str]"
    api: str
    home: Path

    def ask(self, path: str, body: Any) -> Any:
        """The answer to a POST, None for an empty one; the HTTP status where it is refused."""
        request = urllib.request.Request(
            f"{self.api}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        deadline = time.monotonic() + _RETRY_SECONDS
        while True:
            try:
                with urllib.request.urlopen(request, timeout=300) as answer:
                    return json.loads(answer.read() or "null")
            except urllib.error.HTTPError as error:
                if error.code < _SERVER_ERROR or time.monotonic() > deadline:
                    return error.code
                time.sleep(0.2)

    def run(self, deployment: str, parameters: dict[str, Any] | None = None, **more: Any) -> str:
        """Start a run of a deployment as the form does; its id."""
        own = {"deployments": {"name": {"any_": [deployment]}}}
        (chosen,) = self.ask("/deployments/filter", own)
        body = {"parameters": parameters or {}, **more}
        run: str = self.ask(f"/deployments/{chosen['id']}/create_flow_run", body)["id"]
        return run

    def runs(self, deployment: str) -> list[Any]:
        """All runs of a deployment but those scheduled for later, oldest first."""
        own = {"deployments": {"name": {"any_": [deployment]}}}
        runs = [run for run in self.ask("/flow_runs/filter", own) if not is_scheduled(run)]
        return sorted(runs, key=lambda run: str(run["created"]))

    def state(self, run: str) -> Any:
        """The state of a run."""
        (flow_run,) = self.ask("/flow_runs/filter", {"flow_runs": {"id": {"any_": [run]}}})
        return flow_run["state"]

    def processes(self) -> set[Path]:
        """The processes that carry the lab's own variable, the lab itself among them."""
        mark = f"JSL_TEST_LAB={self.home}".encode()
        return {file.parent for file in Path("/proc").glob("[0-9]*/environ") if mark in _bytes(file)}


def is_scheduled(run: Any) -> bool:
    """Whether a schedule has made a run for later."""
    return bool(run["auto_scheduled"] and run["state_type"] == "SCHEDULED")


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def wait_until(condition: Callable[[], bool], seconds: float = 600, pause: float = 0.1) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(pause)


def start(home: Path, *options: str) -> Lab:
    """`jsl up` on a port of its own, once it says that all is up."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    process = subprocess.Popen(
        [*JSL, "up", str(home), "--port", str(port), *options],
        cwd=home,
        env=environment | {"JSL_TEST_LAB": str(home), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    lab = Lab(process, f"http://127.0.0.1:{port}/api", home)
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C ends all" in line:
            return lab
    raise AssertionError(f"jsl up ended: {''.join(lines)}")
