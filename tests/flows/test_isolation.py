"""Nothing in the current folder is imported or believed, by whichever process of a command."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
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


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "PYTHON"))}


def in_folder(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command], cwd=folder, env=clean_environment(), capture_output=True, text=True
    )


def serve_in_folder(folder: Path, *command: str | Path) -> None:
    """Have a command listen at a port until it answers, and end it as Ctrl-C does."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [*(str(word) for word in command), "--port", str(port)]
    with subprocess.Popen(words, cwd=folder, env=clean_environment(), stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.1)
        assert process.poll() is None
        while process.poll() is None:  # another's server may have answered while this one was still starting
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)


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
    serve_in_folder(folder, JSL, "review", "store")
    assert imported_in(folder) == []


def test_receiving_films_imports_nothing_of_it(tmp_path: Path) -> None:
    folder = put_hostile_settings(put_hostile_modules(tmp_path))
    serve_in_folder(folder, JSL, "listen", "landing")
    assert imported_in(folder) == []


def test_deployments_go_to_no_server_that_the_current_folder_names(tmp_path: Path) -> None:
    done = in_folder(put_hostile_settings(tmp_path), JSL, "deploy")
    assert (done.returncode, imported_in(tmp_path)) == (1, [])
    assert done.stderr.startswith("jsl: no Prefect server is named")


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
    folder = put_hostile_settings(put_hostile_modules(tmp_path))
    (folder / "scans").symlink_to(cohort / "scans")
    in_folder(folder, JSL, *command)
    assert imported_in(folder) == []
