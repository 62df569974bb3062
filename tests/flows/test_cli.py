"""A user's mistake is one line and an exit code, never a traceback."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from flows.cli.main import app, main
from jsl_core import __version__


@pytest.mark.parametrize(
    ("arguments", "message"),
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
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    printed = capsys.readouterr()
    assert ended.value.code == 2
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("jsl: ")
    assert message in printed.err


def printed_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        main(words)
    return capsys.readouterr().out


def test_every_command_says_what_it_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed_help(["--help-all"], capsys)
    for name in ("demo", "deploy", "up", "why"):
        line = next(line for line in text.splitlines() if line.startswith(f"│ {name} "))
        assert len(line.strip("│ ").split()) > 3


@pytest.mark.parametrize("words", [[], ["run"], ["train"]])
def test_the_short_help_is_part_of_the_long_one_and_says_how_to_see_the_rest(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "console", Console(width=80))
    short = printed_help([*words, "--help"], capsys)
    whole = printed_help([*words, "--help-all"], capsys)
    assert len(short.splitlines()) <= 50 < len(whole.splitlines())
    assert "with --help-all" in short
    assert "--help-all" not in whole
    assert max(map(len, short.splitlines())) <= 80


def test_a_misspelt_command_is_told_the_one_that_is_meant(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["modles", "list"])
    assert (
        capsys.readouterr().err
        == 'jsl: Unknown command "modles". Did you mean "models"?; see jsl --help-all\n'
    )


def test_a_closed_pipe_is_no_traceback() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [sys.executable, "-c", "from flows.cli.main import main; main()", "bench"],
        stdout=write_end,
        stderr=subprocess.PIPE,
    )
    os.close(write_end)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.slow
def test_ctrl_c_says_that_the_same_command_goes_on(tmp_path: Path) -> None:
    cohort = tmp_path / "cohort"
    command = [sys.executable, "-c", "from flows.cli.main import main; main()", "phantom", str(cohort)]
    with subprocess.Popen(
        [*command, "--patients", "500"],
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        while not cohort.exists() and running.poll() is None:
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        errors = running.communicate(timeout=600)[1]
    assert running.returncode == 130
    assert errors.strip().splitlines()[-1].startswith("jsl: interrupted; what is finished is kept")


@pytest.mark.parametrize(("loaded", "heard"), [("", "late"), ("sys.modules['triton'] = sys; ", "")])
def test_what_triton_prints_after_the_last_word_is_dropped(loaded: str, heard: str) -> None:
    late = "type('Late', (), {'__del__': lambda self, write=os.write: write(2, b'late')})()"
    code = f"import os, sys; {loaded}from flows.cli.main import main; sys.late = {late}; main(['--version'])"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == (__version__, heard)
