"""`jsl verify` finds every kind of damage, and mends what can be mended."""

import random
from pathlib import Path

import pytest
from labs import LINE, champion, fill, lab, ledger_of

from jsl_core.storage import Artifact, FolderStore, Registry, Store, publish_all
from jsl_core.storage.verify import verify_store


def spoil(store: Store, key: str) -> None:
    """Flip a bit in the middle of an object."""
    data = bytearray(store.read(key) or pytest.fail(f"{key} is missing"))
    data[len(data) // 2] ^= 4
    store.write(key, bytes(data))


def test_a_whole_store_has_no_findings_on_a_folder_and_on_a_bucket(any_store: Store, tmp_path: Path) -> None:
    made = fill(any_store, tmp_path / "bundles")
    assert verify_store(any_store, mend=False) == []
    spoil(any_store, made["png-new"].key)
    spoil(any_store, "registry/kl/frozen-test.json")
    found = {finding.key: finding.remedy for finding in verify_store(any_store, mend=False)}
    assert found["registry/kl/frozen-test.json"] == "it is written again from its copy"
    assert made["png-new"].key in found
    assert any(key.startswith("results/convert/convert-new") for key in found)
    verify_store(any_store, mend=True)
    assert verify_store(any_store, mend=False) == []
    assert not any_store.has(made["png-new"])
    assert Registry(any_store).frozen_test(LINE) == {"1000001", "1000002"}


@pytest.mark.parametrize(
    "pattern",
    [
        "cas/*/*", "memo/*/*", "results/*/*", "history/*/run.json", "history/*/*/*", "scans/order.json",
        "registry/*/versions/*", "registry/*/decisions/*", "registry/*/newest.txt", "landing/*/*.json",
        "copies/registry/*/versions/*",
    ],
)  # fmt: skip
def test_each_kind_of_record_is_found_and_mended(tmp_path: Path, pattern: str) -> None:
    store, made = lab(tmp_path)
    keys = [path.relative_to(store.root).as_posix() for path in sorted(store.root.glob(pattern))]
    registered = {made[f"{kind}-{number}"].key for kind in ("model", "weights") for number in (0, 1)}
    for key in keys:
        if key not in registered:
            spoil(store, key)
    found = {finding.key for finding in verify_store(store, mend=True)}
    assert {key for key in keys if key not in registered} <= found
    assert verify_store(store, mend=False) == []
    assert (champion(store) or pytest.fail("no champion")).model == made["model-1"]
    assert len(ledger_of(store).entries()) == 1


def test_what_nothing_can_bring_back_is_told(tmp_path: Path) -> None:
    store, made = lab(tmp_path)
    store.delete(made["weights-1"].key)
    for key in ("registry/kl/frozen-test.json", "copies/registry/kl/frozen-test.json"):
        spoil(store, key)
    for _ in range(2):
        findings = [finding for finding in verify_store(store, mend=True) if not finding.remedy]
        assert {finding.key.rpartition("/")[0] for finding in findings} == {
            "registry/kl",
            "registry/kl/versions",
        }
        assert all(str(finding).endswith("restore it from a backup of the store") for finding in findings)


def test_what_was_set_aside_by_mistake_goes_back_and_what_was_made_again_is_cleared(tmp_path: Path) -> None:
    store, made = lab(tmp_path)
    store.move(made["png-old"].key, f"damaged/{made['png-old'].sha256}-1")
    store.write(f"damaged/{made['png-new'].sha256}-2", b"damaged")
    assert [finding.problem for finding in verify_store(store, mend=True)] == ["is whole after all"]
    assert store.has(made["png-old"])
    assert list(store.keys("damaged")) == []


def test_a_published_copy_is_published_again(tmp_path: Path) -> None:
    store, made = lab(tmp_path)
    publish_all(store, store, {"runs/a/film.png": made["png-new"]}, "runs/a/published.json")
    spoil(store, "runs/a/film.png")
    assert [finding.key for finding in verify_store(store, mend=True)] == ["runs/a/film.png"]
    assert store.read("runs/a/film.png") == b"png new"


def test_thirty_bits_flipped_anywhere_leave_a_store_that_says_nothing_wrong(tmp_path: Path) -> None:
    for seed in range(6):
        store, made = lab(tmp_path / str(seed))
        flip_bits(store, random.Random(seed), 30)
        verify_store(store, mend=True)
        lasting = verify_store(store, mend=True)
        assert all(not finding.remedy for finding in lasting), lasting
        for artifact in made.values():
            assert not store.has(artifact) or Artifact.of_bytes(store.get(artifact), "x").size


def flip_bits(store: FolderStore, rng: random.Random, count: int) -> None:
    for key in rng.sample(list(store.keys("")), count):
        data = bytearray(store.read(key) or b"")
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            store.write(key, bytes(data))
