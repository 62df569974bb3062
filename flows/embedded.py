"""Prefect without a server: an ephemeral one in this process, its database beside the store.

Only this module touches Prefect's environment, and it does so before Prefect is imported.
"""

import os
import time
from pathlib import Path

__all__ = ["configure", "settle"]


def configure(home: Path, *, debug: bool = False) -> None:
    """Point Prefect at an embedded database below `home`, unless PREFECT_API_URL names a server."""
    quiet = {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "INFO" if debug else "CRITICAL",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    }
    embedded = {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
        # The default of 20 s is too short for a machine whose cores are busy.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    }
    if "PREFECT_API_URL" in os.environ:
        embedded = {}
    else:
        home.mkdir(parents=True, exist_ok=True)
    for name, value in (quiet | embedded).items():
        os.environ.setdefault(name, value)


def settle(timeout: float = 30) -> None:
    """Wait until the embedded server knows the end of every task run.

    It is killed with this process, and loses the events it has not yet consumed.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import TaskRunFilter

    unfinished = {"task_runs": {"state": {"type": {"any_": ["PENDING", "RUNNING", "SCHEDULED"]}}}}
    deadline = time.monotonic() + timeout
    with get_client(sync_client=True) as client:
        while time.monotonic() < deadline:
            answer = client._client.post("/task_runs/count", json=unfinished)
            if answer.status_code == 200 and answer.json() == 0:
                return
            time.sleep(0.2)
