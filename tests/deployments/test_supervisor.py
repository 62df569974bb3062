"""A supervised command ends with its supervisor, and with the process that holds the pipe."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")

COMMAND = [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(600)"]


@pytest.mark.parametrize("ending", ["pipe closed", "killed"])
def test_a_command_ends_with_its_supervisor(ending: str) -> None:
    supervisor = subprocess.Popen(
        [sys.executable, "-m", "deployments.supervisor", *COMMAND],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert supervisor.stdin is not None
    assert supervisor.stdout is not None
    command = Path("/proc", supervisor.stdout.readline().decode().strip())
    if ending == "pipe closed":
        supervisor.stdin.close()
    else:
        os.kill(supervisor.pid, signal.SIGKILL)
    supervisor.wait()
    deadline = time.monotonic() + 600
    while command.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    supervisor.stdin.close()
    supervisor.stdout.close()
