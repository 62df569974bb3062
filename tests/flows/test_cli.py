"""What the command line says to a mistake: one line and an exit code."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.cli.main import main


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["run", "--jobs", "many"], "jobs: Input should be a valid integer"),
        (["run", "--training.kl.lr", "-4"], "training.kl.lr: Input should be greater than 0"),
        (["run", "--traning.kl.lr", "4"], "Unknown option: --traning.kl.lr"),
        (["phantom", "cohort", "--patients", "0"], "patients: Input should be greater than or equal to 1"),
        (["phantom"], "--dst requires an argument"),
        (["frob"], 'Unknown command "frob"'),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_code_2(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith("jsl: ")
    assert told in said.err


def test_every_command_says_what_it_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    for name in ("demo", "deploy", "up"):
        line = next(line for line in text.splitlines() if line.startswith(f"│ {name} "))
        assert len(line.strip("│ ").split()) > 3


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run(
        [sys.executable, "-c", "from flows.cli.main import main; main()", "bench"],
        stdout=writes,
        stderr=subprocess.PIPE,
    )
    os.close(writes)
    assert (done.returncode, done.stderr) == (1, b"")


def test_ctrl_c_says_that_the_same_command_goes_on(tmp_path: Path) -> None:
    cohort = tmp_path / "cohort"
    command = [sys.executable, "-c", "from flows.cli.main import main; main()", "phantom", str(cohort)]
    with subprocess.Popen(
        [*command, "--patients", "500"],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as running:
        while not cohort.exists() and running.poll() is None:
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=60)[1]
    assert running.returncode == 130
    assert said.strip().splitlines()[-1].startswith("jsl: interrupted; what is finished is kept")
