"""What is on a leash ends with whoever holds it, however that ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")

COMMAND = [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(600)"]


@pytest.mark.parametrize("how", ["let go", "killed"])
def test_a_command_ends_with_its_leash(how: str) -> None:
    leash = subprocess.Popen(
        [sys.executable, "-m", "deployments.supervisor", *COMMAND],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert leash.stdin is not None
    assert leash.stdout is not None
    command = Path("/proc", leash.stdout.readline().decode().strip())
    if how == "let go":
        leash.stdin.close()
    else:
        os.kill(leash.pid, signal.SIGKILL)
    leash.wait()
    deadline = time.monotonic() + 60
    while command.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    leash.stdin.close()
    leash.stdout.close()
