"""Every run has a folder of its own, named by its start in UTC, and the newest one is known."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from jsl_core.errors import StoreError
from jsl_core.storage import Store, open_store
from jsl_core.storage.run_folders import (
    claim_run_folder,
    describe_run,
    point_to_latest,
    resolve_latest,
    run_in_folder,
)

NOON = datetime(2027, 3, 9, 12, 4, 5, 678_000, tzinfo=UTC)


def test_a_folder_is_named_by_the_start_in_utc_whatever_the_local_time(any_store: Store) -> None:
    kolkata = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert claim_run_folder([any_store], "a", kolkata, "knees") == "runs/20270309T120405Z-knees"


def test_two_runs_of_one_name_in_one_second_have_two_folders(any_store: Store) -> None:
    folders = [claim_run_folder([any_store], run, NOON, "run") for run in "abc"]
    assert folders == [f"runs/20270309T120405Z-run{end}" for end in ("", "-2", "-3")]
    assert [run_in_folder(any_store, folder) for folder in folders] == list("abc")


def test_asking_again_for_a_run_gives_its_folder_however_late(any_store: Store) -> None:
    first = claim_run_folder([any_store], "a", NOON, "run")
    second = claim_run_folder([any_store], "b", NOON, "run")
    describe_run(any_store, second, {"report": f"{second}/report.html"})
    assert claim_run_folder([any_store], "a", NOON, "run") == first
    assert claim_run_folder([any_store], "b", NOON, "run") == second
    record = json.loads(any_store.read(f"{second}/run.json") or b"")
    assert (record["id"], record["started"]) == ("b", "2027-03-09T12:04:05.678000+00:00")
    assert record["report"] == f"{second}/report.html"


def test_names_that_differ_only_by_case_never_share_a_folder(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    folders = {claim_run_folder([store], run, NOON, name) for run, name in (("a", "Run"), ("b", "run"))}
    assert len(folders) == 2


def test_a_folder_is_free_in_every_place_that_a_run_publishes_to(tmp_path: Path) -> None:
    own, shared = open_store(str(tmp_path / "own")), open_store(str(tmp_path / "shared"))
    claim_run_folder([shared], "of another lab", NOON, "run")
    folder = claim_run_folder([own, shared], "a", NOON, "run")
    assert folder == "runs/20270309T120405Z-run-2"
    assert run_in_folder(own, folder) == run_in_folder(shared, folder) == "a"


def test_a_damaged_record_is_nobody_s_and_is_left_alone(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    store.write("runs/20270309T120405Z-run/run.json", b'{"id": "a')
    assert claim_run_folder([store], "a", NOON, "run") == "runs/20270309T120405Z-run-2"


def test_latest_is_the_run_that_started_last_even_where_an_older_one_ends_later(any_store: Store) -> None:
    with pytest.raises(StoreError, match="no run has published a report yet; "):
        resolve_latest(any_store, "latest")
    old, new = (
        claim_run_folder([any_store], run, NOON + timedelta(hours=hours), name)
        for run, hours, name in (("a", 0, "z"), ("b", 1, "a"))
    )
    for folder, expected in ((old, old), (new, new), (old, new)):
        point_to_latest(any_store, folder)
        assert resolve_latest(any_store, "latest") == f"{expected}/report.html"
    assert resolve_latest(any_store, "runs/latest/metrics.json") == f"{new}/metrics.json"
    assert resolve_latest(any_store, "runs/latest.json") == "runs/latest.json"
    assert resolve_latest(any_store, "models/kl/latest") == "models/kl/latest"
