"""One embedded Prefect for the session, in a folder of its own."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from flows.server.embedded import EmbeddedServer

_SERVER = pytest.StashKey[EmbeddedServer]()
_HOME = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    # Prefect reads its environment when a test module imports it; the server starts only if a test needs it.
    config.stash[_HOME] = Path(tempfile.mkdtemp(prefix="jsl-tests-"))
    config.stash[_SERVER] = EmbeddedServer(config.stash[_HOME])
    os.environ |= config.stash[_SERVER].environment
    os.environ |= {"DO_NOT_TRACK": "1", "PREFECT_LOGGING_LEVEL": "CRITICAL"}


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_SERVER].stop()
    shutil.rmtree(config.stash[_HOME], ignore_errors=True)


@pytest.fixture(scope="session")
def prefect(pytestconfig: pytest.Config) -> None:
    """A running server."""
    pytestconfig.stash[_SERVER].start()
