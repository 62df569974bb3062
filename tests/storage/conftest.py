"""Every kind of store, each test in a prefix of its own."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import BUCKET, Server, moto_server, rclone_server

from jsl_core.storage import Store, open_store
from jsl_core.storage import open as open_module

_PREFIXES = itertools.count()


@pytest.fixture(scope="session")
def moto() -> Iterator[Server]:
    with moto_server() as server:
        yield server


@pytest.fixture(scope="session")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with rclone_server(tmp_path_factory.mktemp("rclone") / "buckets") as server:
        yield server


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    """An environment in which stores are opened anew, with a cache of their own."""
    monkeypatch.setenv("JSL_CACHE_DIR", str(tmp_path / "cache"))
    open_module._open_bucket.cache_clear()
    yield monkeypatch
    open_module._open_bucket.cache_clear()


@pytest.fixture(params=["moto", "rclone"])
def server(request: pytest.FixtureRequest, fresh: pytest.MonkeyPatch) -> Server:
    """Each server in turn, told to clients by the environment."""
    chosen: Server = request.getfixturevalue(request.param)
    for name, value in chosen.environment.items():
        fresh.setenv(name, value)
    return chosen


@pytest.fixture
def bucket_url(server: Server) -> str:
    return f"s3://{BUCKET}/test-{next(_PREFIXES)}"


@pytest.fixture(params=["folder", "moto", "rclone"])
def any_store(request: pytest.FixtureRequest, fresh: pytest.MonkeyPatch, tmp_path: Path) -> Store:
    """A folder, and a bucket of each server."""
    if request.param == "folder":
        return open_store(str(tmp_path / "store"))
    chosen: Server = request.getfixturevalue(request.param)
    for name, value in chosen.environment.items():
        fresh.setenv(name, value)
    return open_store(f"s3://{BUCKET}/test-{next(_PREFIXES)}/deep")
