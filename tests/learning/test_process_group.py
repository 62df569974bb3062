"""Two processes of torchrun learn what one learns."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from jsl_core.config import RegimeSettings, TrainingSettings
from jsl_core.errors import BadTable
from jsl_core.learning.__main__ import main
from jsl_core.learning.regimes import EpochReport, TrainingJob, ddp_worker, train_on_all_gpus, train_regime
from jsl_core.system.import_closure import import_closure

from .conftest import pack_edited

# Without what depends on the process: batch statistics, dropout and random augmentation.
SETTINGS = TrainingSettings(
    backbone="squeezenet1_1",
    augment="none",
    precision="fp32",
    device="cpu",
    multitask_from_kl=False,
    multitask=RegimeSettings(epochs=2, batch=12, lr=1e-3, dropout=0.0, average=0.5, accumulate=2),
)


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(dataset: Path, tmp_path: Path) -> None:
    # Some knees lack a label: the mean over a batch is not the mean of its parts' means.
    table = pd.read_csv(dataset / "table.csv", dtype={"participant": str})
    table.loc[::3, "JSL_Prog"] = float("nan")
    packed = pack_edited(dataset, tmp_path / "packed", table)
    (tmp_path / "settings.json").write_text(SETTINGS.model_dump_json())
    settings = ["--settings", tmp_path / "settings.json", "--regimes", "multitask", "risk-factors"]
    assert main(list(map(str, [packed, tmp_path / "one", *settings]))) == 0
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*torchrun, "-m", "jsl_core.learning", packed, tmp_path / "two", *settings]
    subprocess.run(list(map(str, command)), check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    one, two = (pd.read_csv(tmp_path / name / "multitask" / "history.csv") for name in ("one", "two"))
    pd.testing.assert_frame_equal(one, two, rtol=1e-4)
    predictions = [pd.read_csv(tmp_path / name / "multitask" / "predictions.csv") for name in ("one", "two")]
    pd.testing.assert_frame_equal(*predictions, rtol=1e-3, atol=1e-4)
    assert json.loads((tmp_path / "two" / "risk-factors" / "bundle.json").read_text())["regime"] == (
        "risk-factors"
    )


@pytest.mark.slow
def test_a_training_on_all_gpus_reports_what_one_process_would(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    reports: list[EpochReport] = []
    train_on_all_gpus(
        TrainingJob("multitask", dataset, SETTINGS, tmp_path / "two"), reports.append, processes=2
    )
    train_regime(TrainingJob("multitask", dataset, SETTINGS, tmp_path / "one"))
    assert [report.epoch for report in reports] == [1, 2]
    one, two = (pd.read_csv(tmp_path / name / "predictions.csv") for name in ("one", "two"))
    pd.testing.assert_frame_equal(one, two, rtol=1e-3, atol=1e-4)
    with pytest.raises(BadTable, match="not a packed dataset"):
        train_on_all_gpus(TrainingJob("multitask", tmp_path, SETTINGS, tmp_path / "none"), processes=2)


def test_the_code_of_the_other_processes_counts_as_that_of_a_training() -> None:
    assert ddp_worker.__name__ in import_closure(train_on_all_gpus).code


def test_a_job_survives_the_way_to_another_process(
    dataset: Path, fast: TrainingSettings, tmp_path: Path
) -> None:
    job = TrainingJob("jsl-joint", dataset, fast, tmp_path / "out", tmp_path / "parent", fold=0)
    assert TrainingJob.from_json(job.to_json()) == job
    assert TrainingJob("kl", dataset, fast, tmp_path).folds == 0
