"""Publishing that is killed at any moment leaves whole objects only, and goes on where it was."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from servers import BUCKET, Server

from jsl_core.storage import Artifact, FolderStore, Store, open_store, publish_all

RECORD = "runs/a/published.json"
PUBLISH = """
import json, sys
from jsl_core.storage import Artifact, open_store, publish_all
source, target = map(open_store, sys.argv[1:3])
files = {key: Artifact.model_validate(one) for key, one in json.loads(sys.argv[3]).items()}
print(flush=True)
publish_all(source, target, files, sys.argv[4])
"""


def files_of(store: Store, joints: int = 120) -> dict[str, Artifact]:
    """Many joints, and a model that travels to a bucket in two parts."""
    files = {
        f"runs/a/joints/{number}.png": store.put(bytes([number % 251]) * (2000 + number), "joint.png")
        for number in range(joints)
    }
    return files | {"models/kl/1/model.safetensors": store.put(os.urandom(20 << 20), "model.safetensors")}


def read_digests(target: Store) -> dict[str, str]:
    """The digest of every object that can be read."""
    keys = [key for kind in ("runs", "models") for key in target.keys(kind) if key != RECORD]
    return {key: Artifact.of_bytes(target.read(key) or b"", key).sha256 for key in keys}


def begin(source: Store, target: Store, files: dict[str, Artifact]) -> "subprocess.Popen[bytes]":
    """A process that is about to send the first file."""
    argument = json.dumps({key: one.model_dump() for key, one in files.items()})
    command = [sys.executable, "-c", PUBLISH, source.url, target.url, argument, RECORD]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    return process


@pytest.mark.parametrize(
    "way",
    [
        "to a folder",
        pytest.param("to a bucket", marks=pytest.mark.s3),
        pytest.param("within a bucket", marks=pytest.mark.s3),
    ],
)
def test_a_publishing_killed_at_random_moments_is_whole_in_the_end_and_never_half(
    way: str, request: pytest.FixtureRequest, fresh: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if way != "to a folder":
        server: Server = request.getfixturevalue("rclone")
        for name, value in server.environment.items():
            fresh.setenv(name, value)
    places = {
        "to a folder": (str(tmp_path / "store"), str(tmp_path / "people")),
        "to a bucket": (str(tmp_path / "store"), f"s3://{BUCKET}/readers"),
        "within a bucket": (f"s3://{BUCKET}/shared", f"s3://{BUCKET}/shared"),
    }
    source, target = map(open_store, places[way])
    files = files_of(source)
    digests = {key: one.sha256 for key, one in files.items()}
    rng, killed = random.Random(way), 0
    for _ in range(3):
        process = begin(source, target, files)
        time.sleep(rng.uniform(0, 0.25))
        process.kill()
        killed += process.wait() != 0
        published = read_digests(target)
        assert published.items() <= digests.items()
        recorded = json.loads(target.read(RECORD) or b"{}")
        assert recorded.items() <= published.items()
    assert killed
    assert publish_all(source, target, files, RECORD) <= len(digests) - len(recorded)
    assert read_digests(target) == digests
    assert json.loads(target.read(RECORD) or b"") == digests
    assert publish_all(source, target, files, RECORD) == 0


class DyingStore(FolderStore):
    """A store whose owner dies after so many files."""

    remaining = 1

    def write_file(self, key: str, path: Path) -> None:
        if self.remaining == 0:
            raise KeyboardInterrupt
        self.remaining -= 1
        super().write_file(key, path)


def test_a_record_older_than_a_killed_replacement_is_not_believed(tmp_path: Path) -> None:
    source, target = FolderStore(tmp_path / "store"), FolderStore(tmp_path / "people")
    first = {f"runs/a/{name}": source.put(f"old {name}".encode(), name) for name in ("x", "y")}
    second = {f"runs/a/{name}": source.put(f"new {name}".encode(), name) for name in ("x", "y")}
    publish_all(source, target, first, RECORD)
    with pytest.raises(KeyboardInterrupt):
        publish_all(source, DyingStore(target.root), second, RECORD)
    publish_all(source, target, first, RECORD)
    assert read_digests(target) == {key: one.sha256 for key, one in first.items()}


@pytest.mark.parametrize("spoilt", [b"", b"{", b"[]", b"\xff"])
def test_a_spoilt_record_or_object_is_published_again(tmp_path: Path, spoilt: bytes) -> None:
    source, target = FolderStore(tmp_path / "store"), FolderStore(tmp_path / "people")
    files = files_of(source, joints=3)
    assert publish_all(source, target, files, RECORD) == 4
    target.write("runs/a/joints/1.png", b"cut")
    assert publish_all(source, target, files, RECORD) == 1
    target.write(RECORD, spoilt)
    assert publish_all(source, target, files, RECORD) == 4
    assert read_digests(target) == {key: one.sha256 for key, one in files.items()}
