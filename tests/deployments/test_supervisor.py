"""A supervised command ends with its supervisor, and with the process that holds the pipe."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from lab import wait_until

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
    wait_until(lambda: not command.exists())
    supervisor.stdin.close()
    supervisor.stdout.close()


def test_processes_whose_parent_has_died_leave_no_zombies(tmp_path: Path) -> None:
    go = tmp_path / "go"
    orphan = ["sh", "-c", f"while [ ! -e {go} ]; do sleep 0.05; done"]
    parent = f"import subprocess; [subprocess.Popen({orphan!r}) for _ in range(5)]"
    command = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {parent!r}]); {COMMAND[2]}"
    supervisor = subprocess.Popen(
        [sys.executable, "-m", "deployments.supervisor", sys.executable, "-c", command],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    wait_until(lambda: len(children_of(supervisor.pid)) == 6)
    go.touch()
    wait_until(lambda: len(children_of(supervisor.pid)) == 1)
    supervisor.communicate()


def children_of(process: int) -> list[str]:
    """The processes whose parent this one is, or has become; also those that have ended."""
    stats = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just gone
            stats.append(file.read_text())
    return [stat for stat in stats if stat.rpartition(")")[2].split()[1] == str(process)]
