"""Scans land, a champion comes of them, a worker dies in between: all through the server, as a lab has it."""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest
from lab import ENDED, Lab, wait_until

from jsl_core.config import load_lab
from jsl_core.landing import Batch
from jsl_core.storage import Artifact, Store, open_store
from jsl_core.storage.kept_twice import read_record
from jsl_core.storage.registry import Registry

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")

REGIME = "multitask"


def land(lab: Lab, cohort: Path, first: int, last: int) -> None:
    for film in sorted((cohort / "scans").iterdir())[first:last]:
        hidden = lab.home / "landing" / f".{film.name}"
        shutil.copy(film, hidden)
        os.replace(hidden, hidden.with_name(film.name))


def label(lab: Lab, cohort: Path, participants: int) -> None:
    """The table has rows for so many participants by now."""
    table = pd.read_csv(cohort / "JSL.csv", dtype={"ID": str})
    table[: 2 * participants].to_csv(lab.home / "JSL.csv", index=False)


def done(lab: Lab, deployment: str, count: int) -> None:
    """Wait for so many runs of a deployment, which must complete; the schedule of watch may start more."""
    wait_until(lambda: sum(run["state_type"] in ENDED for run in lab.runs(deployment)) >= count)
    ended = [run for run in lab.runs(deployment) if run["state_type"] in ENDED]
    assert [run["state"]["message"] for run in ended if run["state_type"] != "COMPLETED"] == []


def training(lab: Lab, known: set[str]) -> tuple[str, Path] | None:
    """The run that trains, none of those `known`, and its process, as soon as there are both."""
    for run in lab.runs("train"):
        for process in lab.processes():
            with suppress(OSError):
                if run["id"] not in known and run["id"].encode() in (process / "environ").read_bytes():
                    return run["id"], process
    return None


def kill_in_training(lab: Lab, known: set[str], epochs: Callable[[], set[Path]]) -> str:
    """Kill -9 for the process that trains, once it has an epoch behind it, and for its worker; the run.

    Other tests have trained in this lab. The process is found before it has an epoch: a busy server may take
    longer to name its run than the run itself.
    """
    before = epochs()
    wait_until(lambda: training(lab, known) is not None)
    found = training(lab, known)
    assert found is not None
    run, process = found
    wait_until(lambda: epochs() > before)
    os.kill(int(process.name), signal.SIGKILL)
    wait_until(lambda: lab.state(run)["type"] != "RUNNING")  # its worker says so
    for each in lab.processes():
        with suppress(FileNotFoundError, ProcessLookupError):
            words = (each / "cmdline").read_bytes().split(b"\0")
            if b"worker" in words and b"gpu" in words and b"deployments.supervisor" not in words:
                os.kill(int(each.name), signal.SIGKILL)
    return run


def batches(store: Store) -> list[Batch]:
    keys = [key for key in store.keys("landing") if key.count("/") == 2 and key.endswith(".json")]
    entries = [read_record(store, key, Batch.model_validate) for key in keys]
    return [entry for entry in entries if entry is not None]


def test_scans_become_a_champion_though_process_and_worker_die_in_training(lab: Lab, cohort: Path) -> None:
    settings = load_lab(lab.home / "lab.toml").settings
    store = open_store(settings.store)
    known, work = {run["id"] for run in lab.runs("train")}, Path(settings.store, "work")
    label(lab, cohort, 20)
    land(lab, cohort, 0, 20)
    lab.run("watch")
    killed = kill_in_training(lab, known, lambda: set(work.glob("checkpoints/*/epoch.pt")))
    done(lab, "retrain", 1)
    first = Registry(store).champion(REGIME)
    assert first is not None
    (again,) = [run for run in lab.runs("train") if run["id"] == killed]
    assert again["run_count"] > 1

    run = lab.runs("retrain")[0]
    mine = {"artifacts": {"flow_run_id": {"any_": [run["id"]]}, "key": {"any_": ["decision"]}}}
    (artifact,) = lab.ask("/artifacts/filter", mine)
    assert "is champion now" in artifact["data"]
    (report,) = (lab.home / "store" / "runs").glob("*-lab/report.html")
    assert "Champion and challenger" in report.read_text()

    landed = {"filter": {"event": {"name": ["jsl.scans.landed"]}}}
    assert lab.ask("/events/filter", landed)["total"] == len(batches(store)) == len(lab.runs("intake"))
    taken = [scan.sha256 for batch in batches(store) for scan in batch.scans]
    there = [Artifact.of_file(film).sha256 for film in (lab.home / "landing").iterdir()]
    assert sorted(taken) == sorted(there)
