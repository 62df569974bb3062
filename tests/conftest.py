"""One embedded Prefect for the session, in a folder of its own."""

import os
from collections.abc import Iterator

import pytest

from flows.embedded import embedded_prefect


@pytest.fixture(scope="session")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A running server that Prefect, imported with the test modules before it had an address, now uses."""
    os.environ.pop("PREFECT_API_URL", None)
    with embedded_prefect(tmp_path_factory.mktemp("prefect")):
        from prefect.settings import PREFECT_API_URL, temporary_settings

        with temporary_settings({PREFECT_API_URL: os.environ["PREFECT_API_URL"]}):
            yield
