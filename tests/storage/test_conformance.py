"""What every store does: a folder, a bucket of moto, a bucket of a server that others wrote."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jsl_core.errors import StoreError
from jsl_core.storage import Artifact, FolderStore, Memo, Registry, Store, checkout, open_store, put_tree

LARGE = 40 << 20  # travels in three parts


def test_bytes_and_files_come_back_under_their_digest(any_store: Store, tmp_path: Path) -> None:
    any_store.check()
    artifact = any_store.put(b"knee", "knee.txt")
    assert artifact == Artifact.of_bytes(b"knee", "knee.txt")
    assert any_store.get(artifact) == b"knee"
    assert any_store.has(artifact)
    (tmp_path / "empty").touch()
    empty = any_store.put_file(tmp_path / "empty")
    assert any_store.get(empty) == b""
    assert any_store.fetch(empty, tmp_path / "out" / "empty").read_bytes() == b""


def test_a_large_file_travels_in_parts_and_comes_back_whole(any_store: Store, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(os.urandom(1 << 20) * (LARGE >> 20) + b"end")
    artifact = any_store.put_file(tmp_path / "large")
    assert any_store.has(artifact)
    assert Artifact.of_file(any_store.fetch(artifact, tmp_path / "back"), "large") == artifact
    assert any_store.read_range(artifact.key, LARGE, 100) == b"end"


def test_what_is_damaged_is_not_published(any_store: Store) -> None:
    artifact = any_store.put(b"knee" * 9, "knee.png")
    any_store.write(artifact.key, b"gnat" * 9)
    try:
        any_store.publish(artifact, "runs/a/knee.png")
    except StoreError as error:
        assert "damaged" in str(error)  # noqa: PT017 - or published from this machine's copy, which is whole
    assert any_store.read("runs/a/knee.png") in (None, b"knee" * 9)


def test_what_is_missing_is_reported_with_its_name(any_store: Store, tmp_path: Path) -> None:
    stored = any_store.put(b"here", "here.png")
    absent = [Artifact.of_bytes(bytes([i]), "gone.png") for i in range(60)]
    assert not any_store.has(absent[0])
    assert any_store.missing([stored, *absent, stored]) == absent
    assert any_store.missing([stored]) == []
    for read in (any_store.get, lambda one: any_store.fetch(one, tmp_path / "out")):
        with pytest.raises(StoreError, match=r"gone\.png.* is missing; run again"):
            read(absent[0])
    assert not (tmp_path / "out").exists()
    with pytest.raises(StoreError, match="is missing"):
        any_store.read_range(absent[0].key, 0, 1)
    with pytest.raises(StoreError, match="is missing"):
        any_store.publish(absent[0], "runs/a/gone.png")


def test_a_deleted_artifact_is_missing_at_once(any_store: Store) -> None:
    artifacts = [any_store.put(bytes([i]), "knee.png") for i in range(50)]
    assert any_store.missing(artifacts) == []
    any_store.delete(artifacts[7].key)
    any_store.delete(artifacts[7].key)
    assert any_store.missing(artifacts) == [artifacts[7]]


def test_an_object_of_another_size_is_missing_and_stored_again(any_store: Store) -> None:
    artifact = Artifact.of_bytes(b"knee", "knee.png")
    any_store.write(artifact.key, b"kn")
    assert not any_store.has(artifact)
    assert any_store.missing([artifact]) == [artifact]
    any_store.put(b"knee", "knee.png")
    assert any_store.get(artifact) == b"knee"


@pytest.mark.parametrize("size", [4, LARGE])
def test_a_damaged_object_is_named_and_never_returned(any_store: Store, tmp_path: Path, size: int) -> None:
    artifact = Artifact.of_bytes(b"k" * size, "knee.png")
    any_store.write(artifact.key, b"x" * size)
    with pytest.raises(StoreError, match=rf"knee\.png.* is damaged|{artifact.key}.* is damaged"):
        any_store.fetch(artifact, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    if size == 4:
        any_store.write(artifact.key, b"x" * size)
        with pytest.raises(StoreError, match="is damaged and was set aside; run again"):
            any_store.get(artifact)
        assert not any_store.has(artifact)
        assert any_store.get(any_store.put(b"k" * size, "knee.png")) == b"k" * size
        assert [any_store.read(key) for key in any_store.keys("damaged")] == [b"x" * size] * 2


def test_an_object_is_moved_and_read_in_pieces(any_store: Store) -> None:
    any_store.write("a/b", b"knee")
    assert any_store.digest("a/b") == Artifact.of_bytes(b"knee", "").sha256
    any_store.move("a/b", "trash/a/b")
    any_store.move("a/none", "trash/a/none")
    assert (any_store.read("a/b"), any_store.read("trash/a/b")) == (None, b"knee")
    assert any_store.digest("a/b") is None


def test_readable_keys_are_replaced_read_and_listed(any_store: Store) -> None:
    for key in ("runs/a/x.json", "runs/a/sub/y.json", "runs/a-b/z.json", "runs.txt"):
        any_store.write(key, b"old")
    any_store.write("runs/a/x.json", b"new")
    assert any_store.read("runs/a/x.json") == b"new"
    assert any_store.read("runs/a/none.json") is None
    assert any_store.read_range("runs/a/x.json", 1, 1) == b"e"
    assert list(any_store.keys("runs/a")) == ["runs/a/sub/y.json", "runs/a/x.json"]
    assert list(any_store.keys("runs")) == ["runs/a-b/z.json", "runs/a/sub/y.json", "runs/a/x.json"]
    assert list(any_store.keys("nothing")) == []
    assert [size for _, size, _ in any_store.sizes("runs/a")] == [3, 3]
    assert all(-5 < age < 600 for _, _, age in any_store.sizes(""))
    with pytest.raises(StoreError, match="is no key of a store"):
        any_store.write("../outside", b"")


def test_keys_with_unusual_names_survive(any_store: Store) -> None:
    keys = sorted(["runs/Žofie + 1/ä ö.png", "runs/a b/100%.csv", "runs/a b/x&y=z.csv"])
    for key in keys:
        any_store.write(key, key.encode())
    assert list(any_store.keys("runs")) == keys
    for key in keys:
        assert any_store.read(key) == key.encode()


@pytest.mark.parametrize("any_store", ["folder", "rclone"], indirect=True)
def test_more_keys_than_a_listing_s_page_are_all_listed(any_store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: any_store.write(f"many/{i:04d}", b""), range(1005)))
    assert list(any_store.keys("many")) == [f"many/{i:04d}" for i in range(1005)]


def test_an_artifact_is_published_under_a_readable_key(any_store: Store) -> None:
    artifact = any_store.put(b"<html>", "page.html")
    where = any_store.publish(artifact, "runs/a/report.html")
    assert where == f"{any_store.url}/runs/a/report.html"
    assert any_store.read("runs/a/report.html") == b"<html>"
    other = any_store.put(b"<html> again", "page.html")
    any_store.publish(other, "runs/a/report.html")
    assert any_store.read("runs/a/report.html") == b"<html> again"


def test_trees_memos_and_the_registry_work_on_it(any_store: Store, tmp_path: Path) -> None:
    (tmp_path / "bundle" / "sub").mkdir(parents=True)
    (tmp_path / "bundle" / "a.json").write_text("{}")
    (tmp_path / "bundle" / "sub" / "b.bin").write_bytes(b"\0\1")
    tree = put_tree(any_store, tmp_path / "bundle", "bundle.json")
    folder = checkout(any_store, tree, tmp_path / "trees")
    assert (folder / "sub" / "b.bin").read_bytes() == b"\0\1"

    memo = Memo(any_store, "stage")
    memo.put({"scan": 1}, [{"png": tree.model_dump()}])
    assert memo.get({"scan": 1}) == [{"png": tree.model_dump()}]
    assert memo.get({"scan": 2}) is None

    registry = Registry(any_store)
    version = registry.register("kl", tree, {"auc": 0.7})
    registry.promote("kl", version.name, {"first": True})
    assert Registry(open_store(any_store.url)).champion("kl") == version


def test_the_small_artifacts_of_a_table_come_back_from_one_object(any_store: Store) -> None:
    crops = [any_store.put(f"crop {i}".encode(), f"{i}.png") for i in range(20)]
    table = any_store.put(b"[]", "cropped.json")
    any_store.write_archive(table, crops)
    any_store.prefetch(table, crops)
    assert [any_store.get(crop) for crop in crops] == [f"crop {i}".encode() for i in range(20)]


@pytest.mark.parametrize("any_store", ["folder", "rclone"], indirect=True)  # moto dates all uploads 2010
def test_what_killed_writers_left_is_removed(any_store: Store) -> None:
    artifact = any_store.put(b"knee", "knee.png")
    assert any_store.remove_abandoned(0) == 0
    if isinstance(any_store, FolderStore):
        (any_store.root / "cas" / ".tmp-left").write_bytes(b"half")
    else:
        client, location = any_store._remote._client, any_store._remote._location  # type: ignore[attr-defined]
        client.create_multipart_upload(Bucket=location.bucket, Key=f"{location.prefix}cas/left")
    assert any_store.remove_abandoned(3600) == 0
    assert any_store.remove_abandoned(0) == 1
    assert any_store.remove_abandoned(0) == 0
    assert any_store.get(artifact) == b"knee"
