"""Worker processes that hang, crash and die cost their own item a reason and nothing else."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from jsl_core.errors import BadScan
from jsl_core.system import parallel
from jsl_core.system.parallel import cores, parallel_map


def _square(
    number: int, hang: int = -1, die: int = -1, reject: int = -1, crash: int = -1, fail: int = -1
) -> int:
    if number == hang:
        time.sleep(600)
    if number == die:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == crash:
        os.abort()
    if number == reject:
        raise BadScan("empty", "nothing but one grey level")
    if number == fail:
        raise ZeroDivisionError("a mistake in the program")
    return number * number


def _codes(outcomes: Iterator[int | BadScan]) -> list[int | str]:
    return [outcome.code if isinstance(outcome, BadScan) else outcome for outcome in outcomes]


@pytest.mark.parametrize("jobs", [1, 3])
def test_outcomes_come_in_the_order_of_the_items(jobs: int) -> None:
    assert list(parallel_map(_square, range(200), jobs=jobs)) == [n * n for n in range(200)]


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_hung_killed_and_rejected_items_cost_only_themselves(jobs: int) -> None:
    work = partial(_square, hang=1, die=2, reject=3, crash=4)
    assert _codes(parallel_map(work, range(6), jobs=jobs, seconds_per_item=2)) == [
        0,
        "timeout",
        "worker_killed",
        "empty",
        "undecodable",
        25,
    ]


def test_a_mistake_in_the_program_is_no_bad_scan() -> None:
    with pytest.raises(ZeroDivisionError, match="a mistake"):
        list(parallel_map(partial(_square, fail=3), range(6), jobs=2))


def _die_once(mark: str) -> str:
    if not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_item_whose_process_was_killed_by_chance_is_done_by_another(tmp_path: Path, jobs: int) -> None:
    marks = [str(tmp_path / name) for name in "abc"]
    assert list(parallel_map(_die_once, marks, jobs=jobs, seconds_per_item=60)) == ["done"] * 3


def test_an_idle_worker_that_is_killed_costs_nothing() -> None:
    outcomes = parallel_map(os.getpgid, [0] * 40, jobs=2)
    next(outcomes)
    for worker in _children(os.getpid()):
        os.kill(worker, signal.SIGKILL)
    rest = _codes(outcomes)
    assert len(rest) == 39
    assert sum(isinstance(outcome, str) for outcome in rest) <= 2


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_their_parent(tmp_path: Path, ending: signal.Signals) -> None:
    script = tmp_path / "hangs.py"
    script.write_text(
        "import os, time\nfrom pathlib import Path\nfrom jsl_core.system.parallel import parallel_map\n"
        "def hang(folder):\n    Path(folder, str(os.getpid())).touch()\n    time.sleep(600)\n"
        "if __name__ == '__main__':\n"
        f"    list(parallel_map(hang, [{str(tmp_path / 'pids')!r}] * 4, jobs=2, seconds_per_item=60))\n"
    )
    (tmp_path / "pids").mkdir()
    parent = subprocess.Popen([sys.executable, script], stderr=subprocess.DEVNULL, start_new_session=True)
    _wait_until(lambda: len(list((tmp_path / "pids").iterdir())) == 2)
    os.killpg(parent.pid, ending) if ending == signal.SIGINT else parent.kill()
    parent.wait()
    _wait_until(lambda: not any(_alive(int(path.name)) for path in (tmp_path / "pids").iterdir()))


def test_the_main_module_is_loaded_once(tmp_path: Path) -> None:
    """A Prefect worker's takes seconds."""
    script = tmp_path / "main.py"
    script.write_text(
        "import math\nfrom jsl_core.system.parallel import parallel_map\n"
        "print('loaded', flush=True)\n"
        "if __name__ == '__main__':\n    print(list(parallel_map(math.isqrt, range(0, 60, 10), jobs=2)))\n"
    )
    done = subprocess.run([sys.executable, script], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.splitlines() == ["loaded", "[0, 3, 4, 5, 6, 7]"]


def _children(pid: int) -> list[int]:
    """Processes below `pid`, from the system's own table."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (entry / "stat").exists():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
    below = [child for child, parent in parents.items() if parent == pid]
    return [grandchild for child in below for grandchild in parents if parents[grandchild] == child]


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def _wait_until(true: object, seconds: float = 600) -> None:
    deadline = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("share", "expected"),
    [("400000 100000", 4), ("50000 100000", 1), ("6400000 100000", 16), ("max 100000", 16)],
)
def test_a_container_s_share_of_the_processor_counts_and_not_its_machine_s(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, share: str, expected: int
) -> None:
    (tmp_path / "cpu.max").write_text(f"{share}\n")
    monkeypatch.setattr(parallel, "_CPU_SHARE", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(16)))
    assert cores() == expected


def test_a_ctrl_c_while_workers_are_still_importing_is_the_parent_s_alone(tmp_path: Path) -> None:
    importing = tmp_path / "importing"
    (tmp_path / "slow_module.py").write_text(
        f"import os, time\nparent = os.getppid()\nopen({str(importing)!r}, 'w').close()\n"
        "while os.getppid() == parent:\n    time.sleep(0.05)\n"
    )
    code = (
        "import os, signal, time\n"
        "from jsl_core.system.parallel import warm_up_workers\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "try:\n"
        "    warm_up_workers('slow_module')\n"
        f"    while not os.path.exists({str(importing)!r}): time.sleep(0.05)\n"
        "    os.killpg(0, signal.SIGINT)\n"
        "    time.sleep(600)\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted', flush=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        start_new_session=True,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("interrupted\n", "")
