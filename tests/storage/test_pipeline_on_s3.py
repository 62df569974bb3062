"""The whole pipeline in a bucket of a server that others wrote: the same results as in a folder."""

import hashlib
import os
import subprocess
import sys
import urllib.request
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import TaskRunFilter, TaskRunFilterStartTime
from servers import BUCKET, Server

from flows.pipeline import pipeline
from flows.server.embedded import await_events
from jsl_core.config import PhantomSettings, PipelineSettings, load_pipeline
from jsl_core.phantom import write_phantom
from jsl_core.storage import Store, open_store
from jsl_core.storage.cache_miss import explain_misses
from jsl_core.storage.lineage import Lineage, as_text
from tasks.caching import results_block
from tasks.publish import Published

pytestmark = pytest.mark.usefixtures("prefect")

FAST = {
    "pack": {"size": 32, "val": 0.25, "test": 0.25},
    "training": {"regimes": ["kl"], "augment": "none", "kl": {"epochs": 1}},
    "evaluate": {"bootstrap": 20, "gallery": 0},
}


STAGES = ("convert", "split", "crop", "pack", "train", "evaluate", "report")
OTHER = """
import sys
from flows.pipeline import pipeline
from jsl_core.config import PipelineSettings
from tasks.caching import results_block
settings = PipelineSettings.model_validate_json(sys.argv[1])
pipeline.with_options(result_storage=results_block(settings.store))(settings)
"""


def run(settings: PipelineSettings) -> Published:
    return pipeline.with_options(result_storage=results_block(settings.store))(settings)


def states_since(start: datetime) -> Counter[str]:
    since = TaskRunFilter(start_time=TaskRunFilterStartTime(after_=start))
    await_events()
    with get_client(sync_client=True) as client:
        runs = client.read_task_runs(task_run_filter=since)
    return Counter(
        run.state_name or ""
        for run in runs
        if run.name != "last" and run.state and not run.state.state_details.child_flow_run_id
    )


def contents(store: Store) -> set[str]:
    return set(store.keys("cas")) | set(store.keys("memo")) | set(store.keys("models"))


def test_a_bucket_gives_what_a_folder_gives_to_two_runs_at_once_and_keeps_no_secret(
    rclone: Server, fresh: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in rclone.environment.items():
        fresh.setenv(name, value)
    torch.set_num_threads(1)  # sums of another number of threads are rounded otherwise
    fresh.setenv("OMP_NUM_THREADS", "1")
    write_phantom(tmp_path, PhantomSettings(patients=14, seed=9, long_side=(500, 600)))
    places = {
        "scans": str(tmp_path / "scans"),
        "cohort": str(tmp_path / "JSL.csv"),
        "truth": str(tmp_path / "truth.json"),
        "store": str(tmp_path / "store"),
        "publish": f"s3://{BUCKET}/people",
        "work": str(tmp_path / "work"),
        "jobs": 1,
        "max_rejected": 0.5,
    }
    settings = load_pipeline(preset="demo", options=places | FAST)
    in_folder = run(settings)
    folder = open_store(settings.store)

    bucket = open_store(f"s3://{BUCKET}/lab")
    bucket_settings = settings.model_copy(
        update={"store": bucket.url, "publish": "", "work": str(tmp_path / "elsewhere")}
    )
    # Processes of their own: this one's workers may have been started before the environment was set.
    processes = [
        subprocess.Popen([sys.executable, "-c", OTHER, bucket_settings.model_dump_json()]) for _ in range(2)
    ]
    assert [process.wait() for process in processes] == [0, 0]
    assert contents(bucket) == contents(folder)

    start = datetime.now(UTC)
    published_run = run(bucket_settings)
    assert published_run.table == in_folder.table
    assert set(states_since(start)) == {"Cached"}

    assert explain_misses(bucket, "latest", "crop")[0].endswith("whose result is used where it is whole")
    page = urllib.request.urlopen(bucket.link(published_run.report.removeprefix(bucket.url + "/"))).read()
    assert b'<ol class="lineage">' in page
    lineage = as_text(Lineage(bucket).trace(hashlib.sha256(page).hexdigest()))
    for stage in STAGES:
        assert f"by {stage} (" in lineage

    published = open_store(f"s3://{BUCKET}/people")
    assert in_folder.report.startswith(published.url)
    key = in_folder.report.removeprefix(published.url + "/")
    assert published.read(key) == bucket.read(published_run.report.removeprefix(bucket.url + "/"))
    assert {key.partition("/")[0] for key in published.keys("")} == {"runs", "models", "datasets", "joints"}

    secret = rclone.secret.encode()
    files = [*tmp_path.rglob("*"), *Path(os.environ["PREFECT_HOME"]).rglob("*")]
    assert [path for path in files if path.is_file() and secret in path.read_bytes()] == []
    assert [key for key in bucket.keys("") if secret in (bucket.read(key) or b"")] == []
    assert rclone.secret not in "".join(capfd.readouterr()) + repr(bucket) + repr(settings)
