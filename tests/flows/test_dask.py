"""Scans prepared by a Dask cluster: the dataset is the same as from threads of this process."""

from pathlib import Path

import pytest
from prefect import flow

from flows.orchestration.task_runners import TASK_RUNNER, use_dask_cluster
from flows.prepare import prepare
from jsl_core.config import PhantomSettings, PipelineSettings
from jsl_core.errors import BadSettings
from jsl_core.phantom import write_phantom
from tasks.caching import results_block

pytestmark = pytest.mark.usefixtures("prefect")


def settings_for(cohort: Path, store: Path, dask: str) -> PipelineSettings:
    write_phantom(cohort, PhantomSettings(patients=6, seed=5, long_side=(400, 500)), jobs=1)
    places = {"scans": str(cohort / "scans"), "cohort": str(cohort / "JSL.csv"), "store": str(store)}
    return PipelineSettings(**places, jobs=1, dask=dask, max_rejected=1.0)


def test_a_dask_cluster_makes_the_same_dataset(tmp_path: Path) -> None:
    pytest.importorskip("prefect_dask", reason="the optional package prefect-dask runs tasks on Dask")
    digests = []
    for dask in ("", "local"):
        settings = settings_for(tmp_path / "phantom", tmp_path / f"store{dask}", dask)
        prepared = prepare.with_options(result_storage=results_block(settings.store))(settings)
        digests.append(prepared.dataset.sha256)
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    ("scans", "message"),
    [("s3://bucket/scans", "a folder that all its machines see"), ("", "does not answer; start it first")],
)
def test_a_cluster_that_cannot_work_is_one_clear_line(scans: str, message: str) -> None:
    pytest.importorskip("prefect_dask", reason="the optional package prefect-dask runs tasks on Dask")

    @flow(task_runner=TASK_RUNNER)
    def working() -> None:
        with use_dask_cluster(PipelineSettings(scans=scans, dask="tcp://127.0.0.1:1")):
            pass

    with pytest.raises(BadSettings, match=message):
        working()
