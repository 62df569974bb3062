"""The server beside a run records all of it, though killed meanwhile, and no run waits needlessly."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from prefect.settings import get_current_settings

from flows.server.embedded import EmbeddedServer, embedded_prefect
from jsl_core.errors import StoreError

_QUICK_TASKS = 200  # done long before the server has written down what became of them
_RUN = f"""
import subprocess
import sys
import time
from pathlib import Path

servers = []
fatal = {{int(number) for number in sys.argv[2:]}}

class RecordedPopen(subprocess.Popen):
    def __init__(self, command, **options):
        super().__init__(command, **options)
        if "flows.server.embedded" in command:
            servers.append(self)
            if -len(servers) in fatal:
                self.kill()

subprocess.Popen = RecordedPopen

from flows.server.embedded import embedded_prefect

with embedded_prefect(Path(sys.argv[1]), "prefect"):
    from prefect import flow, task

    @task
    def quick(number: int) -> None:
        if number in fatal:
            while servers[-1].poll() is not None:  # its successor is on the way
                time.sleep(0.01)
            server = servers[-1]
            server.kill()
            server.wait()

    @flow
    def many() -> None:
        for number in range({_QUICK_TASKS}):
            quick(number)

    many()
print(len(servers))
"""


def run_many(home: Path, *fatal: int) -> subprocess.CompletedProcess[str]:
    """Run the tasks in a process of their own; those with a fatal number kill its server.

    A fatal -1 is the death of the first server before it answers.
    """
    script = home.with_name("many.py")
    script.write_text(_RUN)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    root = str(Path(__file__).parents[2])
    return subprocess.run(
        [sys.executable, script, home, *map(str, fatal)],
        env=environment | {"PYTHONPATH": root},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("fatal", [[], [50, 150], [-1]])
@pytest.mark.server
def test_all_states_of_a_run_are_in_the_database_when_it_ends(tmp_path: Path, fatal: list[int]) -> None:
    done = run_many(tmp_path / "prefect", *fatal)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) == 1 + len(fatal)
    with closing(sqlite3.connect(tmp_path / "prefect" / "prefect.db")) as database:
        ended = "SELECT state_name, count(*) FROM task_run WHERE name LIKE 'quick%' GROUP BY state_name"
        assert database.execute(ended).fetchall() == [("Completed", _QUICK_TASKS)]


@pytest.mark.server
def test_a_run_whose_server_dies_again_and_again_ends_in_one_line(tmp_path: Path) -> None:
    done = run_many(tmp_path / "prefect", *range(-6, 0))
    assert done.returncode == 1
    assert "6 times" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_place_that_cannot_be_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    server = EmbeddedServer(tmp_path / "file" / "prefect")
    with pytest.raises(StoreError, match="choose another place"):
        server.launch()
    server.stop()


def test_a_run_beside_its_server_sends_no_heartbeats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefect: None
) -> None:
    for method in ("launch", "await_answer"):
        monkeypatch.setattr(EmbeddedServer, method, lambda server: None)
    monkeypatch.setattr("flows.server.embedded.await_events", lambda: None)
    monkeypatch.setattr(os, "environ", {k: v for k, v in os.environ.items() if k != "PREFECT_API_URL"})
    usual = get_current_settings().flows.heartbeat_frequency
    with embedded_prefect(tmp_path, "flows.prepare"):
        assert get_current_settings().flows.heartbeat_frequency is None
    assert usual
    assert get_current_settings().flows.heartbeat_frequency == usual
