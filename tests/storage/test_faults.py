"""A server, or the way to it, in every kind of trouble: tried again, or one line that has no secret in it."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from proxy import Proxy, proxied
from servers import BUCKET, Server

from jsl_core.errors import StoreError
from jsl_core.storage import Artifact, Store, open_store
from jsl_core.storage.s3 import S3Store
from jsl_core.storage.s3.client import connect

LARGE = bytes(range(256)) * (20 << 12)  # 20 MB: two parts


@pytest.fixture
def behind(rclone: Server, fresh: pytest.MonkeyPatch) -> Iterator[tuple[Proxy, S3Store]]:
    """A proxy, and a store without a cache that is reached through it."""
    fresh.setattr(time, "sleep", lambda seconds: None)  # the pauses between attempts
    fresh.setenv("JSL_PATIENCE", "0.1")
    with proxied(rclone) as (proxy, server):
        use(fresh, server)
        yield proxy, S3Store(f"s3://{BUCKET}/faults")


def use(environment: pytest.MonkeyPatch, server: Server) -> None:
    for name, value in server.environment.items():
        environment.setenv(name, value)


@pytest.mark.parametrize(
    "faults", [["error"] * 6, ["slow"] * 6, ["reset"] * 3, ["cut"], ["flip"], ["error", "cut", "reset"]]
)
def test_what_passes_is_tried_again_and_nothing_damaged_is_read(
    behind: tuple[Proxy, S3Store], tmp_path: Path, faults: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, store = behind
    monkeypatch.setenv("JSL_PATIENCE", "60")
    small = store.put(b"knee", "knee.png")
    (tmp_path / "large").write_bytes(LARGE)
    large = store.put_file(tmp_path / "large")
    proxy.faults = [*faults]
    assert store.get(small) == b"knee"
    proxy.faults = [*faults] if "flip" not in faults else []
    assert store.fetch(large, tmp_path / "back").read_bytes() == LARGE
    proxy.faults = [*faults]
    assert store.get(store.put(os.urandom(2000), "x")) is not None
    assert proxy.faults == []


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("error", "the server is in trouble"),
        ("slow", "the server is in trouble .SlowDown"),
        ("reset", "connection broke again and again"),
        ("cut", "connection broke again and again"),
        ("skew", r"clock and the server's differ by \d+ seconds; set the clock"),
        ("full", "the server is full"),
    ],
)
def test_what_stays_is_one_line_with_place_and_key_and_no_secret(
    behind: tuple[Proxy, S3Store], fault: str, message: str
) -> None:
    proxy, store = behind
    artifact = store.put(b"knee " * 100, "knee.png")
    proxy.always = fault
    with pytest.raises(StoreError, match=message) as caught:
        store.get(artifact)
    line = str(caught.value)
    assert "\n" not in line
    for part in (store._location.endpoint, f"s3://{BUCKET}/faults/{artifact.key}"):
        assert part in line
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in line


OPERATIONS: dict[str, Callable[[S3Store, Artifact, Path], object]] = {
    "put": lambda store, one, folder: store.put(b"another", "x"),
    "put large": lambda store, one, folder: store.put_file(folder / "large"),
    "get": lambda store, one, folder: store.get(one),
    "fetch": lambda store, one, folder: store.fetch(one, folder / "out"),
    "fetch large": lambda store, one, folder: store.fetch(Artifact.of_bytes(LARGE, "l"), folder / "out"),
    "has": lambda store, one, folder: store.has(one),
    "missing": lambda store, one, folder: store.missing([one] * 50),
    "write": lambda store, one, folder: store.write("runs/a", b"x"),
    "write large": lambda store, one, folder: store.write_file("runs/a", folder / "large"),
    "read": lambda store, one, folder: store.read(one.key),
    "read range": lambda store, one, folder: store.read_range(one.key, 0, 2),
    "publish": lambda store, one, folder: store.publish(one, "runs/a"),
    "keys": lambda store, one, folder: list(store.keys("cas")),
    "delete": lambda store, one, folder: store.delete("runs/b"),
    "check": lambda store, one, folder: store.check(0.1),
}


HARMLESS = {("delete", "page")}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_either_works_or_says_in_one_line_what_is_wrong(
    behind: tuple[Proxy, S3Store], tmp_path: Path, operation: str
) -> None:
    proxy, store = behind
    (tmp_path / "large").write_bytes(LARGE)
    store.put_file(tmp_path / "large")
    artifact = store.put(b"knee", "knee.png")
    (tmp_path / "large").write_bytes(LARGE + operation.encode())
    for fault in ("error", "slow", "reset", "cut", "skew", "denied", "full", "page", "flip"):
        proxy.always = fault
        try:
            OPERATIONS[operation](store, artifact, tmp_path)
        except StoreError as error:
            line = str(error)
            assert "\n" not in line
            assert f"s3://{BUCKET}/faults" in line
            assert store._location.endpoint in line
            assert os.environ["AWS_SECRET_ACCESS_KEY"] not in line
        else:
            assert fault in ("cut", "flip") or (operation, fault) in HARMLESS  # there no body counts
        assert not (tmp_path / "out").exists()


def test_a_server_that_never_answers_is_reported(
    behind: tuple[Proxy, S3Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, store = behind
    monkeypatch.setenv("JSL_PATIENCE", "0")
    store._client = connect(store._location, attempts=2, read_timeout=0.2)
    proxy.always = "mute"
    with pytest.raises(StoreError, match="the connection broke again and again"):
        store.read("runs/a")
    assert proxy.requests == 2


def test_damage_that_stays_is_reported_and_leaves_no_file(
    behind: tuple[Proxy, S3Store], tmp_path: Path
) -> None:
    proxy, store = behind
    artifact = store.put(b"knee", "knee.png")
    proxy.always = "flip"
    with pytest.raises(StoreError, match=r"knee\.png is damaged"):
        store.fetch(artifact, tmp_path / "out")
    assert list(tmp_path.glob("*out*")) == []


def test_a_listing_that_lags_makes_nothing_missing(behind: tuple[Proxy, S3Store]) -> None:
    proxy, store = behind
    artifacts = [store.put(bytes([i]), "x") for i in range(45)]
    proxy.faults = ["empty"] * 16
    assert store.missing(artifacts) == []
    assert proxy.faults == []


def test_a_wrong_secret_and_a_missing_bucket_are_reported_before_a_run(
    rclone: Server, fresh: pytest.MonkeyPatch
) -> None:
    use(fresh, rclone)
    with pytest.raises(StoreError, match=r"no-such-bucket.*there is no such bucket"):
        S3Store("s3://no-such-bucket/lab").check()
    fresh.setenv("AWS_SECRET_ACCESS_KEY", "this-is-not-it")
    with pytest.raises(StoreError, match=r"secret is wrong|key is refused") as caught:
        S3Store(f"s3://{BUCKET}/lab").check()
    assert "this-is-not-it" not in str(caught.value)
    fresh.delenv("AWS_ACCESS_KEY_ID")
    fresh.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StoreError, match="there are no credentials"):
        S3Store(f"s3://{BUCKET}/lab").check()
    use(fresh, Server("http://127.0.0.1:9", "key", "secret"))
    with pytest.raises(StoreError, match="cannot be reached; check AWS_ENDPOINT_URL_S3"):
        S3Store(f"s3://{BUCKET}/lab").check()


@pytest.mark.parametrize(("url", "bucket"), [("s3://", ""), ("s3:///lab", ""), ("s3://k/lab", "k")])
def test_a_url_without_a_bucket_s_name_is_told_as_it_is(url: str, bucket: str) -> None:
    with pytest.raises(StoreError, match=rf"^store s3://{bucket}: that is no bucket's name"):
        open_store(url)


def test_a_bucket_that_vanishes_is_reported(moto: Server, fresh: pytest.MonkeyPatch) -> None:
    use(fresh, moto)
    client = boto3.client("s3", endpoint_url=moto.endpoint, region_name="us-east-1")
    client.create_bucket(Bucket="passing")
    store = open_store("s3://passing/lab")
    artifact = store.put(b"knee" * 100_000, "knee.png")
    client.delete_object(Bucket="passing", Key=f"lab/{artifact.key}")
    client.delete_bucket(Bucket="passing")
    for action in (lambda: store.put(b"other", "x"), lambda: list(store.keys("runs"))):
        with pytest.raises(StoreError, match=r"s3://passing/lab.*there is no such bucket"):
            action()


def test_a_writer_killed_at_any_moment_leaves_no_half_object(
    rclone: Server, fresh: pytest.MonkeyPatch
) -> None:
    use(fresh, rclone)
    code = (
        "import sys, pathlib; from jsl_core.storage.s3 import S3Store\n"
        "store, file = S3Store(sys.argv[1]), pathlib.Path(sys.argv[2])\n"
        "for i in range(10**6):\n"
        "    file.write_bytes(bytes([i % 251]) * (20 << 20) + str(i).encode()); store.put_file(file)\n"
    )
    store = S3Store(f"s3://{BUCKET}/killed")
    for delay in (0.0, 0.05):
        before = len(list(store.keys("cas")))
        file = Path(os.environ["JSL_CACHE_DIR"]).with_name(f"big-{delay}")
        writer = subprocess.Popen([sys.executable, "-c", code, store.url, str(file)])
        while len(list(store.keys("cas"))) == before:
            time.sleep(0.05)
        time.sleep(delay)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        for key in store.keys("cas"):
            assert hashlib.sha256(store.read(key) or b"").hexdigest() == Path(key).name


def test_crops_come_in_one_request_a_bucket_and_the_second_time_in_none(
    rclone: Server, fresh: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with proxied(rclone) as (proxy, server):
        use(fresh, server)
        store = open_store(f"s3://{BUCKET}/crops")
        tables = []
        for number in range(2):
            crops = [store.put(f"crop {number} {i}".encode(), "c.png") for i in range(40)]
            tables.append((store.put(str(number).encode(), "cropped.json"), crops))
            store.write_archive(*tables[-1])
        fresh.setenv("JSL_CACHE_DIR", str(tmp_path / "another machine"))
        other_machine = open_again(store.url)
        proxy.requests = 0
        for table, crops in tables:
            other_machine.prefetch(table, crops)
            assert [other_machine.get(crop) for crop in crops] == [
                f"crop {tables.index((table, crops))} {i}".encode() for i in range(40)
            ]
        assert proxy.requests == len(tables)
        for table, crops in tables:
            other_machine.prefetch(table, crops)
        assert proxy.requests == len(tables)


def open_again(url: str) -> Store:
    from jsl_core.storage import open as open_module

    open_module._open_bucket.cache_clear()
    return open_store(url)
