"""Scans that land in a bucket are taken as those in a folder are, and read from copies on this machine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from jsl_core.landing import Batch, Ledger, open_landing, stable_files, take_new_files
from jsl_core.landing.bucket import BucketLanding
from jsl_core.storage import Artifact, open_store

moto = pytest.importorskip("moto.server", reason="moto is not installed")

URL = "s3://landing/knees"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of a fresh bucket of a server that the environment names."""
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL_S3": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="landing")
    yield client
    for entry in client.list_objects_v2(Bucket="landing").get("Contents", ()):  # the next server has them too
        client.delete_object(Bucket="landing", Key=entry["Key"])
    server.stop()


def put(bucket: Any, name: str, content: bytes) -> None:
    bucket.put_object(Bucket="landing", Key=f"knees/{name}", Body=content)


def watch_once(tmp_path: Path, started: dict[int, Batch]) -> list[Batch]:
    landing = open_landing(URL, tmp_path / "work")
    ledger = Ledger(open_store(str(tmp_path / "store")), landing)
    stable = stable_files(landing, 0)
    return take_new_files(landing, ledger, stable, started.setdefault, lambda number, batch: None)


def test_each_object_is_taken_once_again_when_replaced_and_not_when_only_written_anew(
    bucket: Any, tmp_path: Path
) -> None:
    started: dict[int, Batch] = {}
    put(bucket, "a.dcm", b"first")
    put(bucket, "deep/b.dcm", b"second")
    watch_once(tmp_path, started)
    assert watch_once(tmp_path, started) == []
    put(bucket, "a.dcm", b"third")
    put(bucket, "c.dcm", b"first")
    watch_once(tmp_path, started)
    assert [[(scan.name, scan.sha256) for scan in batch.scans] for batch in started.values()] == [
        [(name, Artifact.of_bytes(content, "").sha256) for name, content in batch]
        for batch in (
            [("a.dcm", b"first"), ("deep/b.dcm", b"second")],
            [("a.dcm", b"third"), ("c.dcm", b"first")],
        )
    ]


def test_an_object_replaced_between_look_and_read_waits(bucket: Any, tmp_path: Path) -> None:
    put(bucket, "a.dcm", b"first")
    landing = open_landing(URL, tmp_path)
    (listed,) = landing.files()
    put(bucket, "a.dcm", b"another")
    assert landing.scans(listed) is None
    bucket.delete_object(Bucket="landing", Key="knees/a.dcm")
    assert landing.scans(listed) is None
    assert landing.files() == []


def test_folders_markers_and_what_is_still_copied_are_no_scans(bucket: Any, tmp_path: Path) -> None:
    for name in ("", "folder/", ".part-1", "a/.hidden/b", "good.dcm"):
        put(bucket, name, b"x")
    assert [file.name for file in open_landing(URL, tmp_path).files()] == ["good.dcm"]


def test_names_that_no_file_can_have_are_encoded_and_lead_nowhere_else(bucket: Any, tmp_path: Path) -> None:
    names = ("../../etc/passwd", "/abs", "a//b.dcm", "bell\x07.dcm", "n" * 300, "c", "c/d.dcm", "good.dcm")
    for number, name in enumerate(names):
        put(bucket, name, f"{number}".encode())
    landing = open_landing(URL, tmp_path / "work")
    files = landing.files()
    assert {file.name for file in files if len(file.name) < 200} == {
        "%2E%2E/%2E%2E/etc/passwd", "_/abs", "a/_/b.dcm", "bell%07.dcm", "c~", "c/d.dcm", "good.dcm",
    }  # fmt: skip
    digests = [scan.sha256 for file in files for scan in landing.scans(file) or ()]
    assert sorted(digests) == sorted(Artifact.of_bytes(f"{n}".encode(), "").sha256 for n in range(len(names)))
    assert {path.name for path in tmp_path.iterdir()} == {"work"}


def test_the_mirror_shows_what_the_bucket_has(bucket: Any, tmp_path: Path) -> None:
    put(bucket, "gone.dcm", b"1")
    put(bucket, "kept.dcm", b"2")
    landing = BucketLanding(URL, tmp_path / "mirror")
    landing.download_all()
    bucket.delete_object(Bucket="landing", Key="knees/gone.dcm")
    put(bucket, "kept.dcm", b"3")
    landing.download_all()
    there = {path.name: path.read_bytes() for path in (tmp_path / "mirror").rglob("*") if path.is_file()}
    assert there == {"kept.dcm": b"3"}
