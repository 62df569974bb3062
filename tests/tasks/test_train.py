"""A training whose run was believed to be dead is still at work when its duplicate starts."""

import json
import threading
from pathlib import Path

import pytest
from prefect import flow
from prefect.futures import wait

from jsl_core.config import TrainingSettings
from jsl_core.learning.regimes import TrainingJob
from jsl_core.storage import put_tree
from tasks import train as stage
from tasks.caching import Placement, results_block

pytestmark = pytest.mark.usefixtures("prefect")


def test_duplicate_runs_train_one_after_the_other_and_the_second_resumes_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Placement(store=str(tmp_path / "store"), work=str(tmp_path / "work"))
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed" / "table.csv").write_text("ID\n")
    dataset = put_tree(place.open(), tmp_path / "packed", "packed.json")
    second_waits, done = threading.Event(), []
    monkeypatch.setattr(stage, "_log_duplicate_run", second_waits.set)

    def training(job: TrainingJob, progress: object) -> None:
        assert job.checkpoints is not None
        finished = job.checkpoints / "epochs"
        if not finished.exists():
            assert second_waits.wait(60)
            finished.write_text("all")
        done.append(finished.read_text())
        (job.out / "model").write_text(json.dumps(job.regime))

    monkeypatch.setattr("jsl_core.learning.regimes.train_on_all_gpus", training)

    @flow(persist_result=False, result_storage=results_block(place.store))
    def duplicates() -> int:
        runs = [stage.train.submit("kl", dataset, None, TrainingSettings(), place) for _ in range(2)]
        wait(runs)
        return len({run.result().sha256 for run in runs})

    assert duplicates() == 1
    assert done == ["all", "all"]
