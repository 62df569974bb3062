"""Prefect without a server: an ephemeral one beside this process, its database beside the store.

Only this module touches Prefect's environment, and it does so before Prefect is imported.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

__all__ = ["configure", "settle", "start"]


def configure(home: Path, *, debug: bool = False) -> None:
    """Point Prefect at an embedded database below `home`, unless PREFECT_API_URL names a server."""
    environment = {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "INFO" if debug else "CRITICAL",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    }
    if not _has_server():
        home.mkdir(parents=True, exist_ok=True)
        environment |= {
            "PREFECT_HOME": str(home),
            "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
            # The default of 20 s is too short for a machine whose cores are busy.
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        }
    for name, value in environment.items():
        os.environ.setdefault(name, value)


def start() -> None:
    """Start the embedded server, and see to it that it ends with this process, however this process ends."""
    if _has_server():
        return
    from prefect.client.orchestration import get_client
    from prefect.server.api.server import SubprocessASGIServer

    with get_client(sync_client=True):
        server = SubprocessASGIServer().server_process
    if server:
        # Prefect ends it at a regular exit only; after kill -9 this one's standard input closes.
        watch = "import os, sys\nsys.stdin.read()\ntry: os.kill(int(sys.argv[1]), 15)\nexcept OSError: pass"
        subprocess.Popen([sys.executable, "-S", "-c", watch, str(server.pid)], stdin=subprocess.PIPE)


def settle(timeout: float = 30) -> None:
    """Wait until the embedded server knows the end of every task run.

    It is killed with this process, and loses the events it has not yet consumed.
    """
    if _has_server():
        return
    from prefect.client.orchestration import get_client

    unfinished = {"task_runs": {"state": {"type": {"any_": ["PENDING", "RUNNING", "SCHEDULED"]}}}}
    deadline = time.monotonic() + timeout
    with get_client(sync_client=True) as client:
        while time.monotonic() < deadline:
            answer = client._client.post("/task_runs/count", json=unfinished)
            if answer.status_code == 200 and answer.json() == 0:
                return
            time.sleep(0.2)


def _has_server() -> bool:
    return "PREFECT_API_URL" in os.environ
