import subprocess
import sys
from pathlib import Path

from jsl_core.system.locking import locked

_HOLD = """
import sys, time
from pathlib import Path
from jsl_core.system.locking import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_one_comes_after_the_other_though_the_first_is_killed(tmp_path: Path) -> None:
    lock = tmp_path / "locks" / "one"
    with subprocess.Popen([sys.executable, "-c", _HOLD, lock], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        waited = []

        def on_wait() -> None:
            waited.append(first.poll())
            first.kill()

        with locked(lock, on_wait):
            assert waited == [None]
            assert first.wait() == -9


def test_nobody_waits_where_nobody_is(tmp_path: Path) -> None:
    def on_wait() -> None:
        raise AssertionError

    for _ in range(2):
        with locked(tmp_path / "one", on_wait), locked(tmp_path / "another", on_wait):
            pass


def test_a_place_without_locks_costs_no_more_than_the_lock(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    entered = False
    with locked(tmp_path / "file" / "lock"):
        entered = True
    assert entered
