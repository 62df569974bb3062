"""One lab for all tests that need one: a landing folder, a table, and a network that trains in seconds."""

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import Lab, start

from jsl_core.config import PhantomSettings
from jsl_core.phantom import write_phantom

with socket.create_server(("127.0.0.1", 0)) as _probe:
    LISTEN_PORT = _probe.getsockname()[1]

SETTINGS = """
name = "lab"
scans = "landing"
cohort = "JSL.csv"
store = "{store}"
jobs = 1
max_rejected = 1.0
pack = {{ size = 64, val = 0.2, test = 0.4 }}

[training]
backbone = "jslnet"
regimes = ["multitask"]
baseline = false
multitask = {{ epochs = 200, batch = 8, lr = 1e-3 }}

[watch]
settle_seconds = 0.2
retrain_after = 8

[listen]
port = {port}

[retrain]
regime = "multitask"
margin = 1.0
"""


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Phantom films that have not landed yet, and their table."""
    folder = tmp_path_factory.mktemp("phantom")
    write_phantom(folder, PhantomSettings(patients=30, seed=3, long_side=(400, 500)), jobs=1)
    return folder


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, cohort: Path) -> Iterator[Lab]:
    """A running `jsl up`."""
    # The benchmarks, which start labs, too, lie elsewhere.
    from hostile import put_hostile_modules, put_hostile_settings

    home = put_hostile_settings(put_hostile_modules(tmp_path_factory.mktemp("lab")))
    (home / "landing").mkdir()
    shutil.copy(cohort / "JSL.csv", home)
    (home / "lab.toml").write_text(SETTINGS.format(store=home / "store", port=LISTEN_PORT))
    lab = start(home, "--settings", str(home / "lab.toml"), "--listen")
    yield lab
    lab.process.kill()
    lab.process.wait()
