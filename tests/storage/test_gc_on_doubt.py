"""Garbage collection removes nothing on doubt, protects models by two ways, and can be undone."""

from pathlib import Path

import pytest
from labs import LINE, age, champion, lab

from jsl_core.errors import StoreError
from jsl_core.storage import Artifact, FolderStore, Registry, Store
from jsl_core.storage import needed as needed_module
from jsl_core.storage.gc import collect_garbage, empty_trash_of, find_garbage, undo_collection
from jsl_core.storage.history import History
from jsl_core.storage.needed import Needed
from jsl_core.storage.trash import Trash
from jsl_core.storage.verify import verify_store


@pytest.fixture
def store_and_made(tmp_path: Path) -> tuple[FolderStore, dict[str, Artifact]]:
    return lab(tmp_path)


def contents(store: FolderStore) -> dict[str, bytes]:
    return {key: store.read(key) or b"" for key in store.keys("") if not key.startswith("trash/")}


def test_what_is_removed_comes_back_as_it_was(
    store_and_made: tuple[FolderStore, dict[str, Artifact]],
) -> None:
    store, made = store_and_made
    before = contents(store)
    garbage = collect_garbage(store, keep_last=1)
    assert [run.id for run in garbage.removed_runs] == ["old"]
    assert store.missing(made.values()) == [made["png-old"]]  # the landing needs the table of the old run
    assert {key for key in before if not store.read(key)} == set(garbage.keys)
    assert undo_collection(store) == len(garbage.keys)
    assert contents(store) == before
    with pytest.raises(StoreError, match="the trash is empty; there is nothing to bring back"):
        undo_collection(store)


def test_the_trash_is_emptied_after_a_day_or_by_hand(
    store_and_made: tuple[FolderStore, dict[str, Artifact]],
) -> None:
    store, _ = store_and_made
    garbage = collect_garbage(store, keep_last=1)
    assert collect_garbage(store, keep_last=1).keys == ()
    assert len(list(store.keys("trash"))) == len(garbage.keys) + 1
    age(store, 1.1, "trash")
    collect_garbage(store, keep_last=1)
    assert list(store.keys("trash")) == []
    age(store, 30)
    store.put(b"garbage", "x")
    age(store, 2, "cas")
    collect_garbage(store, keep_last=1)
    assert empty_trash_of(store) == (1, 7)
    assert list(store.keys("trash")) == []


def test_what_was_made_again_meanwhile_stays_when_a_collection_is_undone(
    store_and_made: tuple[FolderStore, dict[str, Artifact]],
) -> None:
    store, made = store_and_made
    collect_garbage(store, keep_last=1)
    store.put(b"png old", "film.png")
    store.write("results/convert/convert-old", b"newer")
    undo_collection(store)
    assert store.read("results/convert/convert-old") == b"newer"
    assert store.missing(made.values()) == []
    assert list(store.keys("trash")) == []


@pytest.mark.parametrize(
    "pattern",
    [
        "registry/kl/versions/*.json",
        "registry/kl/decisions/*.json",
        "registry/kl/frozen-test.json",
        "history/new/convert/*.json",
        "results/convert/convert-new",
        "landing/*/joints/*.json",
        "cas/table-new",
    ],
)
@pytest.mark.parametrize("left", [0.0, 0.5])
def test_nothing_is_removed_while_a_record_that_may_protect_something_cannot_be_read(
    store_and_made: tuple[FolderStore, dict[str, Artifact]], pattern: str, left: float
) -> None:
    store, made = store_and_made
    pattern = made["table-new"].key if pattern == "cas/table-new" else pattern
    paths = [path for place in (pattern, f"copies/{pattern}") for path in sorted(store.root.glob(place))]
    assert paths
    for path in paths:
        path.write_bytes(path.read_bytes()[: int(left * path.stat().st_size)])
    age(store, 30)
    before = contents(store)
    garbage = find_garbage(store, keep_last=1)
    assert garbage.unreadable
    with pytest.raises(
        StoreError, match=r"nothing is removed, as .* cannot be read: .* jsl verify .* --mend"
    ):
        collect_garbage(store, keep_last=1)
    assert contents(store) == before


def test_an_empty_version_is_read_from_its_copy_and_the_champion_stays(
    store_and_made: tuple[FolderStore, dict[str, Artifact]],
) -> None:
    store, made = store_and_made
    for path in store.root.glob("registry/kl/versions/*.json"):
        path.write_bytes(b"")
    collect_garbage(store, keep_last=1)
    assert store.missing(made.values()) == [made["png-old"]]
    assert (champion(store) or pytest.fail("no champion")).model == made["model-1"]


def test_models_stay_though_the_registry_names_none_that_is_understood(
    store_and_made: tuple[FolderStore, dict[str, Artifact]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, made = store_and_made
    monkeypatch.setattr(Registry, "protected", lambda registry: ([], []))
    collect_garbage(store, keep_last=1)
    assert store.missing([made[f"{kind}-{n}"] for kind in ("model", "weights") for n in (0, 1)]) == []
    monkeypatch.undo()
    monkeypatch.setattr(needed_module, "_digests_in_registry", lambda store: set())
    age(store, 30)
    collect_garbage(store, keep_last=1)
    assert store.missing([made[f"{kind}-{n}"] for kind in ("model", "weights") for n in (0, 1)]) == []
    assert isinstance(needed_module.find_needed(store, []), Needed)


def test_every_history_record_cut_in_half_removes_nothing_and_is_mended(
    store_and_made: tuple[FolderStore, dict[str, Artifact]],
) -> None:
    store, made = store_and_made
    for key in list(store.keys("history")):
        store.write(key, (store.read(key) or b"")[: len(store.read(key) or b"") // 2])
    age(store, 30)
    with pytest.raises(StoreError, match="nothing is removed"):
        collect_garbage(store, keep_last=5)
    verify_store(store, mend=True)
    assert [finding.key for finding in verify_store(store, mend=False)] == []
    age(store, 30)
    collect_garbage(store, keep_last=5)
    assert store.missing(made.values()) == []
    assert len(History(store).runs()) == 2


@pytest.mark.parametrize("any_store", ["rclone"], indirect=True)
def test_a_bucket_has_a_trash_too(any_store: Store) -> None:
    store = any_store
    garbage = store.put(b"garbage", "x")
    Trash(store).begin()([garbage.key, "cas/00/none"])
    assert not store.has(garbage)
    assert Trash(store).undo() == 1
    assert store.get(garbage) == b"garbage"
    Trash(store).begin()([garbage.key])
    assert Trash(store).empty() == (0, 0)
    assert empty_trash_of(store) == (1, 7)
    assert list(store.keys("trash")) == []


def test_a_version_that_is_gone_is_no_champion(
    store_and_made: tuple[FolderStore, dict[str, Artifact]],
) -> None:
    store, made = store_and_made
    registry = Registry(store)
    store.delete(made["weights-0"].key)
    message = r"model\.safetensors of version .* is missing; restore it from a backup, or choose another"
    with pytest.raises(StoreError, match=message):
        registry.rollback(LINE, "worse")
    with pytest.raises(StoreError, match=message):
        registry.promote(LINE, made["model-0"].sha256[:12], {})
    assert (champion(store) or pytest.fail("no champion")).model == made["model-1"]
