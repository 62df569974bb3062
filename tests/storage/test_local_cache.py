"""Copies of a bucket's artifacts on this machine, shared by processes of which any may be killed."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from proxy import Proxy, proxied
from servers import BUCKET, Server

from jsl_core.storage import Artifact, open_store
from jsl_core.storage.local_cache import LocalCache
from jsl_core.storage.s3 import S3Store

READ = """
import hashlib, json, random, sys
from jsl_core.storage import Artifact, open_store
store, artifacts = open_store(sys.argv[1]), [Artifact.model_validate(one) for one in json.loads(sys.argv[2])]
order = random.Random(sys.argv[3])
for _ in range(int(sys.argv[4])):
    for one in order.sample(artifacts, len(artifacts)):
        assert hashlib.sha256(store.get(one)).hexdigest() == one.sha256
"""
PREFETCH = """
import json, sys
from jsl_core.storage import Artifact, open_store
crops = [Artifact.model_validate(one) for one in json.loads(sys.argv[2])]
store, table = open_store(sys.argv[1]), crops.pop()
store.prefetch(table, crops)
for one in crops: store.get(one)
"""


@pytest.fixture
def counted(moto: Server, fresh: pytest.MonkeyPatch) -> Iterator[tuple[Proxy, S3Store]]:
    """What counts the readings of each object, and a store behind it without a cache."""
    with proxied(moto) as (proxy, server):
        for name, value in server.environment.items():
            fresh.setenv(name, value)
        yield proxy, S3Store(f"s3://{BUCKET}/read-{server.endpoint[-5:]}")


def start_processes(
    code: str, store: S3Store, artifacts: list[Artifact], *arguments: str
) -> "list[subprocess.Popen[bytes]]":
    argument = "[" + ",".join(one.model_dump_json() for one in artifacts) + "]"
    return [
        subprocess.Popen([sys.executable, "-c", code, store.url, argument, str(number), *arguments])
        for number in range(4)
    ]


def test_each_object_crosses_the_network_once_for_all_processes_one_of_them_killed(
    counted: tuple[Proxy, S3Store],
) -> None:
    proxy, store = counted
    artifacts = [store.put(bytes([number]) * 3000, "joint.png") for number in range(60)]
    killed, *others = start_processes(READ, store, artifacts, "1")
    while sum(proxy.read.values()) < 10:
        assert killed.poll() is None
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    assert [each.wait() for each in others] == [0, 0, 0]
    assert len(proxy.read) == len(artifacts)
    assert sum(proxy.read.values()) <= len(artifacts) + 1  # what the killed one was at
    cache = LocalCache.of_this_machine()
    assert all(cache.has(one) for one in artifacts)


def test_the_joints_of_a_table_cross_the_network_in_one_request_for_all_processes(
    counted: tuple[Proxy, S3Store],
) -> None:
    proxy, store = counted
    crops = [store.put(bytes([number]) * 3000, "joint.png") for number in range(40)]
    table = store.put(b"[]", "cropped.json")
    open_store(store.url).write_archive(table, crops)
    for path in Path(os.environ["JSL_CACHE_DIR"]).rglob("cas/*/*"):
        path.unlink()
    proxy.read.clear()
    assert [each.wait() for each in start_processes(PREFETCH, store, [*crops, table])] == [0] * 4
    assert list(proxy.read.values()) == [1]


def test_a_cache_too_small_for_all_is_read_by_some_while_others_make_room(
    counted: tuple[Proxy, S3Store], fresh: pytest.MonkeyPatch
) -> None:
    _, store = counted
    limit = 100_000
    fresh.setenv("JSL_CACHE_GB", str(limit / 1e9))
    artifacts = [store.put(bytes([number]) * (1000 + number), "joint.png") for number in range(160)]
    killed, *others = start_processes(READ, store, artifacts, "1")
    objects = Path(os.environ["JSL_CACHE_DIR"], "objects", "cas")
    while sum(1 for _ in objects.rglob("*")) < 20:
        assert killed.poll() is None
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    largest = 0
    while any(each.poll() is None for each in others):
        largest = max(largest, sum(size for _, size in sizes(objects)))
        time.sleep(0.05)
    assert [each.wait() for each in others] == [0, 0, 0]
    assert limit / 2 < largest <= limit * (1 + 5 / 64)  # each process looks after it has added a 64th
    unfinished = list(objects.rglob(".tmp-*"))
    assert len(unfinished) <= 1
    for path in unfinished:
        os.utime(path, (0, 0))
    cache = LocalCache.of_this_machine()
    cache.add(artifacts[0], store.get(artifacts[0]))
    assert not any(path.exists() for path in unfinished)


def sizes(folder: Path) -> Iterator[tuple[Path, int]]:
    for path in folder.rglob("*"):
        try:
            if path.is_file():
                yield path, path.stat().st_size
        except FileNotFoundError:
            continue


def test_a_copy_that_goes_while_it_is_read_is_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, data = LocalCache(tmp_path, limit=1 << 20), b"joint" * 100
    artifact = Artifact.of_bytes(data, "joint.png")
    cache.add(artifact, data)
    read = Path.read_bytes

    def read_while_evicted(path: Path) -> bytes:
        with path.open("rb") as file:
            LocalCache(tmp_path, limit=0)._evict()
            return file.read()

    monkeypatch.setattr(Path, "read_bytes", read_while_evicted)
    assert cache.get(artifact) == data
    monkeypatch.setattr(Path, "read_bytes", read)
    assert cache.get(artifact) is None


def test_the_cache_keeps_what_was_used_last_and_stays_below_its_limit(tmp_path: Path) -> None:
    cache = LocalCache(tmp_path, limit=64_000)
    contents = [(Artifact.of_bytes(data, "x"), data) for data in (bytes([i]) * 1000 for i in range(90))]
    for number, (artifact, data) in enumerate(contents):
        cache.add(artifact, data)
        os.utime(tmp_path / artifact.key, (1e9 + number, 1e9 + number)) if cache.has(artifact) else None
        assert cache.get(contents[0][0]) == contents[0][1]  # used all the time
    cached = [artifact for artifact, _ in contents if cache.has(artifact)]
    assert sum(artifact.size for artifact in cached) <= 65_000
    assert contents[0][0] in cached
    assert contents[-1][0] in cached
    assert contents[1][0] not in cached


def test_a_damaged_copy_in_the_cache_is_dropped(tmp_path: Path) -> None:
    cache = LocalCache(tmp_path, limit=1 << 20)
    artifact = Artifact.of_bytes(b"knee", "x")
    cache.add(artifact, b"knee")
    (tmp_path / artifact.key).write_bytes(b"kn\0e")
    assert cache.get(artifact) is None
    assert not cache.has(artifact)
