"""The commands with which docs/prefect.md starts a run over REST, run as they stand there."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from lab import ENDED, Lab, wait_until

DOCUMENT = Path(__file__).parents[2] / "docs" / "prefect.md"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is missing: apt-get install curl")
def test_the_commands_of_the_document_start_a_run(lab: Lab, tmp_path: Path) -> None:
    (commands,) = re.findall(r"^```\n(API=.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    for written, here in (
        ("http://127.0.0.1:4200/api", lab.api),
        ('"/scans', f'"{tmp_path}/scans'),
        ('"/store"', f'"{tmp_path}/store"'),
    ):
        assert written in commands
        commands = commands.replace(written, here)
    before = {run["id"] for run in lab.runs("pipeline")}
    subprocess.run(["bash", "-euc", commands], cwd=tmp_path, check=True)
    (run,) = (run for run in lab.runs("pipeline") if run["id"] not in before)
    assert (run["work_queue_name"], run["parameters"]["settings"]["name"]) == ("urgent", "june")
    wait_until(lambda: lab.state(run["id"])["type"] in ENDED)  # there are no such scans here
    assert f"{tmp_path}/scans" in lab.state(run["id"])["message"]
