"""One embedded Prefect for the session, in a folder of its own."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.embedded import configure

_HOME = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    # Before any test module imports Prefect, which reads its environment then.
    os.environ.pop("PREFECT_API_URL", None)
    config.stash[_HOME] = Path(tempfile.mkdtemp(prefix="jsl-tests-"))
    configure(config.stash[_HOME] / "prefect")


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(config.stash[_HOME], ignore_errors=True)


@pytest.fixture(scope="session")
def prefect() -> Iterator[None]:
    """A running embedded server."""
    from flows.embedded import start

    start()
    yield
