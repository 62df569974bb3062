"""Buckets of scans: every scan in one, and new ones leave the others as they are."""

import pytest

from jsl_core.scans.buckets import assign_buckets
from jsl_core.storage import Artifact, open_store


def films(*numbers: int) -> list[Artifact]:
    return [Artifact.of_bytes(f"{number}".encode(), f"{number:06d}.dcm") for number in numbers]


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path))


@pytest.mark.parametrize(
    ("count", "largest", "most"), [(95, 95, 1), (700, 96, 8), (1000, 192, 10), (20_000, 768, 50)]
)
def test_every_scan_is_in_one_bucket_of_which_there_are_few(store, count, largest, most):
    scans = films(*range(count))
    buckets = assign_buckets(scans, store)
    assert [scan for bucket in buckets for scan in bucket] == scans
    assert max(map(len, buckets)) == largest
    assert len(buckets) <= most


def test_all_but_the_last_bucket_are_full_and_none_is_smaller_than_the_one_before(store):
    sizes = [len(bucket) for bucket in assign_buckets(films(*range(7000)), store)]
    assert sizes[:-1] == sorted(sizes[:-1])
    assert set(sizes[:-1]) == {96, 192, 384, 768}


def test_a_hundredth_more_changes_the_last_bucket_and_adds_at_most_one(store):
    even = set(range(0, 2000, 2))
    before = assign_buckets(films(*sorted(even)), store)
    new = {3, 5, 555, 777, 1001, 1003, 1111, 1501, 1777, 1999}  # anywhere among the names
    after = assign_buckets(films(*sorted(even | new)), store)
    assert after[: len(before) - 1] == before[:-1]
    assert len(after) <= len(before) + 1


def test_a_scan_that_has_gone_changes_its_own_bucket_only(store):
    before = assign_buckets(films(*range(1000)), store)
    after = assign_buckets(films(*(number for number in range(1000) if number != 500)), store)
    assert len([bucket for bucket in after if bucket not in before]) == 1
    assert assign_buckets(films(*range(1000)), store) == before  # and back again


def test_scans_of_another_name_but_the_same_bytes_share_a_bucket(store):
    (first,) = films(1)
    copy = first.model_copy(update={"name": "copy.dcm"})
    others = films(*range(2, 500))
    (bucket,) = [each for each in assign_buckets([first, *others, copy], store) if first in each]
    assert copy in bucket


def test_another_machine_assigns_alike(store, tmp_path):
    scans = films(*range(900))
    assign_buckets(scans[300:], store)
    assert assign_buckets(scans, store) == assign_buckets(scans, open_store(str(tmp_path)))


@pytest.mark.parametrize("damaged", [b"", b'["0123', b'{"a": 1}', b"[1, 2]"])
def test_a_damaged_order_is_begun_anew(store, damaged):
    store.write("scans/order.json", damaged)
    buckets = assign_buckets(films(*range(200)), store)
    assert sum(map(len, buckets)) == 200
    assert assign_buckets(films(*range(200)), store) == buckets
