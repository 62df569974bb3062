"""What the command line says to a mistake: one line and an exit code."""

import pytest

from flows.cli import main


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
