"""What all tests share: one embedded Prefect, the markers that follow from fixtures, a Ctrl-C that works."""

import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from flows.server.embedded import EmbeddedServer

_SERVER = pytest.StashKey[EmbeddedServer]()
_HOME = pytest.StashKey[Path]()
_MARKERS_OF_FIXTURES = {
    "prefect": "server",
    "lab": "server",
    "moto": "s3",
    "rclone": "s3",
    "bucket": "s3",
    "browser": "browser",
}


def pytest_configure(config: pytest.Config) -> None:
    # A shell starts background jobs with SIGINT ignored, and the processes that tests start inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Prefect reads its environment when a test module imports it; the server starts only if a test needs it.
    config.stash[_HOME] = Path(tempfile.mkdtemp(prefix="jsl-tests-"))
    config.stash[_SERVER] = EmbeddedServer(config.stash[_HOME])
    os.environ |= config.stash[_SERVER].environment
    os.environ |= {"DO_NOT_TRACK": "1", "PREFECT_LOGGING_LEVEL": "CRITICAL"}


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_SERVER].stop()
    shutil.rmtree(config.stash[_HOME], ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by the fixtures that it uses, or that a parameter names (`any_store[rclone]`)."""
    for item in items:
        callspec = getattr(item, "callspec", None)
        parameters = callspec.params.values() if callspec else ()
        names = {
            *getattr(item, "fixturenames", ()),
            *(value for value in parameters if isinstance(value, str)),
        }
        for marker in {_MARKERS_OF_FIXTURES[name] for name in names & _MARKERS_OF_FIXTURES.keys()}:
            item.add_marker(marker)


@pytest.fixture(scope="session")
def prefect(pytestconfig: pytest.Config) -> None:
    """A running server."""
    pytestconfig.stash[_SERVER].start()
