"""Progress: a bar that fits 80 columns, or in a file a line that a reader can follow."""

import io
import logging
import re

from rich.console import Console

from flows.cli.terminal import Bars
from jsl_core.system.progress import report_progress

NOTE = "loss 0.612 / 0.655 (train / val), jsl_auc 0.713, kl_accuracy 0.480"


def written(steps: list[tuple[float, str, int, int, str]], console: Console) -> str:
    """What bars write for (seconds since the start, what, done, total, note)."""
    times = iter(step[0] for step in steps)
    with Bars(console, clock=lambda: next(times)) as bars:
        for _, *progress in steps:
            bars.show(*progress)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_a_file_gets_one_line_an_epoch_with_its_losses_and_the_time_left() -> None:
    steps = [(60.0 * epoch, "train multitask", epoch, 5, NOTE) for epoch in range(1, 6)]
    lines = written(steps, Console(file=io.StringIO(), width=80)).splitlines()
    assert len(lines) == 5
    assert lines[0] == f"train multitask: 1 of 5, {NOTE}"
    assert lines[2] == f"train multitask: 3 of 5, {NOTE}, 2 min left"
    assert lines[4] == f"train multitask: 5 of 5, {NOTE}"


def test_a_file_gets_a_line_each_half_minute_of_work_without_epochs_and_one_at_its_end() -> None:
    steps = [(0.1 * film, "convert", film, 1000, "") for film in range(1, 1001)]
    lines = written(steps, Console(file=io.StringIO(), width=80)).splitlines()
    assert [line.partition(",")[0] for line in lines] == [
        *(f"convert: {film} of 1000" for film in (301, 601, 901)),
        "convert: 1000 of 1000",
    ]
    assert lines[0].endswith(", 70 s left")


def test_a_training_that_goes_on_from_its_checkpoint_counts_only_what_it_has_done_now() -> None:
    steps = [(0.0, "train kl", 30, 40, NOTE), (100.0, "train kl", 32, 40, NOTE)]
    assert "400 s left" not in written(steps, Console(file=io.StringIO(), width=200))
    assert "7 min left" in written(steps, Console(file=io.StringIO(), width=200))


def test_a_bar_fits_a_terminal_of_80_columns() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    steps = [(900.0 * epoch, "train jsl-joint-frozen", epoch, 1000, NOTE) for epoch in range(1, 4)]
    screen = written(steps, console)
    lines = [re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", line) for line in re.split(r"[\r\n]", screen)]
    shown = [line for line in lines if "jsl-joint-frozen" in line]
    assert shown
    assert max(map(len, shown)) <= 80
    assert "3/1000" in shown[-1]
    assert "left" in shown[-1]


def test_what_tasks_log_is_shown() -> None:
    console = Console(file=io.StringIO(), width=80)
    with Bars(console) as bars, bars.follow_tasks():
        report_progress("pack", 9, 9)
        logging.getLogger("jsl.progress").warning("waiting")
    assert console.file.getvalue() == "pack: 9 of 9\njsl: waiting\n"  # type: ignore[attr-defined]
