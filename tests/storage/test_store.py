"""The folder store keeps bytes by content, whole or not at all."""

import errno
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jsl_core.errors import StoreError
from jsl_core.storage import Artifact, FolderStore, Memo, artifacts_in, checkout, open_store, put_tree
from jsl_core.storage import folder as folder_module
from jsl_core.system.files import write_atomically


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


def test_bytes_come_back_under_their_sha256(store: FolderStore) -> None:
    artifact = store.put(b"knee", "knee.txt")
    assert artifact.sha256 == hashlib.sha256(b"knee").hexdigest()
    assert artifact.size == 4
    assert store.get(artifact) == b"knee"


def test_a_link_stays_one_and_a_device_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with write_atomically(tmp_path / "link") as file:
        file.write(b"knee")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"knee"
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "."):
        with pytest.raises(StoreError, match="name a file"), write_atomically(tmp_path / name):
            pass
    assert (tmp_path / "pipe").is_fifo()


def test_the_same_bytes_are_stored_once(store: FolderStore, tmp_path: Path) -> None:
    (tmp_path / "knee.txt").write_bytes(b"knee")
    assert store.put(b"knee", "a") == store.put_file(tmp_path / "knee.txt", "a")
    assert len(list(store.keys("cas"))) == 1


def test_a_damaged_object_is_named_and_never_returned(store: FolderStore, tmp_path: Path) -> None:
    artifact = store.put(b"knee", "knee.png")
    (store.root / artifact.key).write_bytes(b"kn\0e")
    with pytest.raises(StoreError, match=r"knee\.png .* is damaged"):
        store.get(artifact)
    store.write(artifact.key, b"kn\0e")
    with pytest.raises(StoreError, match="is damaged"):
        store.fetch(artifact, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_truncated_object_counts_as_missing_and_is_stored_again(store: FolderStore) -> None:
    artifact = store.put(b"knee", "knee.png")
    (store.root / artifact.key).write_bytes(b"kn")
    assert not store.has(artifact)
    store.put(b"knee", "knee.png")
    assert store.get(artifact) == b"knee"


def test_a_full_disk_is_one_clear_line_and_leaves_nothing(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raise_disk_full(source: str, target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(folder_module.os, "replace", raise_disk_full)
    with pytest.raises(StoreError, match="the disk is full; free some space and run again"):
        store.put(b"knee", "knee.png")
    assert [path for path in store.root.rglob("*") if path.is_file()] == []


def test_a_writer_killed_at_any_moment_leaves_no_half_object(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from jsl_core.storage import FolderStore\n"
        "store = FolderStore(Path(sys.argv[1]))\n"
        "for i in range(10**6): store.put(bytes([i % 251]) * (1 << 22) + str(i).encode(), 'x')\n"
    )
    store = FolderStore(tmp_path)
    for delay in (0.0, 0.03, 0.07):
        writer = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
        while not list(store.keys("cas")):
            time.sleep(0.01)
        time.sleep(delay)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        for key in store.keys("cas"):
            assert hashlib.sha256((tmp_path / key).read_bytes()).hexdigest() == Path(key).name


def test_a_key_cannot_leave_the_store(store: FolderStore) -> None:
    with pytest.raises(StoreError, match="is no key of a store"):
        store.write("../outside", b"")


def test_a_file_cannot_be_a_store(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="is a file; name a folder"):
        open_store(str(tmp_path / "file"))


def test_a_folder_comes_back_as_it_was_stored(store: FolderStore, tmp_path: Path) -> None:
    (tmp_path / "bundle" / "sub").mkdir(parents=True)
    (tmp_path / "bundle" / "a.json").write_text("{}")
    (tmp_path / "bundle" / "sub" / "b.bin").write_bytes(b"\0\1")
    tree = put_tree(store, tmp_path / "bundle", "bundle.json")
    folder = checkout(store, tree, tmp_path / "cache")
    assert (folder / "a.json").read_text() == "{}"
    assert (folder / "sub" / "b.bin").read_bytes() == b"\0\1"
    assert checkout(store, tree, tmp_path / "cache") == folder


def test_a_remembered_result_whose_artifact_is_gone_is_forgotten(store: FolderStore) -> None:
    memo = Memo(store, "stage")
    artifact = store.put(b"knee", "knee.png")
    memo.put({"scan": 1}, [{"png": artifact.model_dump()}])
    assert memo.get({"scan": 1}) == [{"png": artifact.model_dump()}]
    assert memo.get({"scan": 2}) is None
    assert Memo(store, "other settings").get({"scan": 1}) is None
    (store.root / artifact.key).unlink()
    assert memo.get({"scan": 1}) is None


@pytest.mark.parametrize("spoilt", [b"", b"\0\0\0\0", b'[{"png": {"sha'])
def test_a_remembered_result_that_a_power_cut_has_spoilt_is_forgotten(
    store: FolderStore, spoilt: bytes
) -> None:
    memo = Memo(store, "stage")
    memo.put({"scan": 1}, [])
    (key,) = store.keys("memo")
    (store.root / key).write_bytes(spoilt)
    assert memo.get({"scan": 1}) is None
    memo.put({"scan": 1}, [])
    assert memo.get({"scan": 1}) == []


def test_artifacts_are_found_at_any_depth_of_a_json_value() -> None:
    artifact = Artifact.of_bytes(b"x", "x")
    assert artifacts_in({"a": [{"b": artifact.model_dump()}, 1, None], "c": "x"}) == [artifact]
