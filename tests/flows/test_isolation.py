"""Nothing in the current folder is imported, by whichever process of a command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hostile import imported_in, put_hostile_modules, put_hostile_settings

from jsl_core.config import PhantomSettings
from jsl_core.phantom import write_phantom

JSL = Path(sys.executable).with_name("jsl")
# Fewest seconds from films to a report.
FAST = (
    *(
        "--preset",
        "demo",
        "--pack.size",
        "32",
        "--pack.val",
        "0.25",
        "--pack.test",
        "0.25",
        "--max-rejected",
        "1",
    ),
    *("--training.regimes", "kl", "--training.augment", "none", "--training.kl.epochs", "1"),
    *("--evaluate.bootstrap", "20", "--evaluate.gallery", "0"),
)


def in_folder(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "PYTHON"))
    }
    return subprocess.run(
        [str(word) for word in command], cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort")
    write_phantom(folder, PhantomSettings(patients=12, seed=3, long_side=(400, 500)), jobs=1)
    return folder


def test_the_modules_of_the_test_would_be_imported_without_a_safe_path(tmp_path: Path) -> None:
    folder = put_hostile_modules(tmp_path)
    in_folder(folder, sys.executable, "-m", "flows.server.embedded")
    assert imported_in(folder)


@pytest.mark.slow
@pytest.mark.server
def test_a_run_and_a_scoring_import_nothing_of_the_current_folder(cohort: Path, tmp_path: Path) -> None:
    folder = put_hostile_settings(put_hostile_modules(tmp_path))
    places = ("--scans", cohort / "scans", "--cohort", cohort / "JSL.csv", "--store", "store", "--jobs", "2")
    done = in_folder(folder, JSL, "run", *places, *FAST)
    assert (done.returncode, imported_in(folder)) == (0, []), done.stderr
    (bundle,) = (folder / "store" / "models" / "kl").iterdir()
    done = in_folder(
        folder, JSL, "score", cohort / "scans", "--out", "scores.csv", "--model", bundle, "--jobs", "2"
    )
    assert (done.returncode, imported_in(folder)) == (0, []), done.stderr


@pytest.mark.parametrize(
    "command",
    [
        *(("--version",), ("phantom", "drawn", "--patients", "1"), ("convert", "scans", "films"), ("bench",)),
        *(("check",), ("models", "list"), ("deploy",)),
    ],
)
def test_other_commands_import_nothing_of_it_either(
    cohort: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    folder = put_hostile_modules(tmp_path)
    (folder / "scans").symlink_to(cohort / "scans")
    in_folder(folder, JSL, *command)
    assert imported_in(folder) == []
