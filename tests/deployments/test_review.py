"""The page's server: who may come in, what it shows of a run in any state, and what it refuses."""

import gzip
import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from desk_store import CORNERS, HEIGHT, SIZE, WIDTH, write_run, write_run_without_films
from fastapi import FastAPI
from starlette.testclient import TestClient

from deployments.review.access import Access
from deployments.review.agreement import print_agreement
from deployments.review.app import build_app
from deployments.review.desk import Desk
from deployments.review.run_tables import find_run, read_run_tables
from deployments.review.serve import review
from deployments.review.sheet import build_sheet
from deployments.review.waiting import WaitingPage
from jsl_core.errors import BadSettings, StoreError
from jsl_core.evaluation.run_list import list_runs
from jsl_core.review.acts import Subject
from jsl_core.review.corrections import load_corrections
from jsl_core.review.film_view import FilmView
from jsl_core.review.journal import Journal
from jsl_core.storage import FolderStore, Store, open_existing_store
from jsl_core.storage.history import History
from jsl_core.storage.run_folders import claim_run_folder

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return write_run(tmp_path_factory.mktemp("store"), films=8)


def page(store: Store, reader: str = "", token: str = "") -> TestClient:
    app = build_app(Desk(store, "latest", reader), Access(token), "Ann")
    return TestClient(app, base_url="http://127.0.0.1:8765")


def sheet(client: TestClient) -> dict[str, Any]:
    return client.get("/api/sheet").json()


def change(client: TestClient, key: str, what: str, value: Any, upon: str = "", **more: Any) -> Any:
    changes = [{"key": key, "what": what, "value": value, "upon": upon} | more]
    return client.post("/api/acts", json={"who": "Ann", "changes": changes})


def test_every_knee_and_every_rejected_film_has_an_entry_and_a_picture(store: Store) -> None:
    client = page(store)
    columns = sheet(client)["columns"]
    assert len(columns["key"]) == 7 * 2 + 1
    assert [reason for reason in columns["reason"] if reason] == ["no_joint"]
    assert sum(columns["ambiguous"]) == 2
    assert set(columns["side_sure"]) == {0.9, None}
    for key, picture in zip(columns["key"], columns["picture"], strict=True):
        answer = client.get(f"/thumbnail/{key}?v={picture}")
        assert answer.content[8:12] == b"WEBP"
        assert "immutable" in answer.headers["Cache-Control"]
    assert {len(key) for key in columns["key"]} == {16}  # nobody's name stands in an address


def test_a_box_that_is_moved_on_the_page_is_stored_where_it_lies_on_the_film(store: Store) -> None:
    client = page(store)
    key = sheet(client)["columns"]["key"][1]
    facts = client.get(f"/api/knee/{key}").json()
    x, y = CORNERS[2]
    assert facts["boxes"]["2"] == {"box": [x, y, x + SIZE, y + SIZE], "drawn": False}
    (act,) = change(client, key, "box", [x - 20, y + 10, x + 80, y + 110]).json()["acts"]
    assert client.get(f"/api/knee/{key}").json()["boxes"]["2"]["box"] == [x - 20, y + 10, x + 80, y + 110]
    film = sheet(client)["columns"]["film"][1]
    assert load_corrections("store", store).films[film]["box"] == {"2": (x - 20, y + 10, x + 80, y + 110)}
    assert change(client, key, "box", "", act["name"], undoes=act["name"]).status_code == 200
    assert film not in load_corrections("store", store).films


def test_a_film_that_was_turned_shows_its_boxes_where_the_joints_then_are(store: Store) -> None:
    client = page(store)
    key = sheet(client)["columns"]["key"][2]
    (act,) = change(client, key, "turn", "90").json()["acts"]
    facts = client.get(f"/api/knee/{key}").json()
    assert (facts["film"]["width"], facts["film"]["height"]) == (240, 320)
    x, y = CORNERS[1]
    assert facts["boxes"]["1"]["box"] == [240 - y - SIZE, x, 240 - y, x + SIZE]
    moved = [100, 40, 200, 140]
    (box,) = change(client, key, "box", moved).json()["acts"]
    assert box["value"] == "40.0 40.0 140.0 140.0"  # of the film as its file has it
    change(client, key, "turn", "", act["name"], undoes=act["name"])
    assert client.get(f"/api/knee/{key}").json()["boxes"]["1"]["box"] == [40, 40, 140, 140]
    change(client, key, "box", "", box["name"], undoes=box["name"])


def test_swapped_sides_show_what_was_found_and_what_was_drawn_under_the_other_name(store: Store) -> None:
    client = page(store)
    key, film = (sheet(client)["columns"][name][6] for name in ("key", "film"))
    change(client, key, "box", [20, 60, 130, 170])
    acts = change(client, key, "sides", "swapped").json()["acts"]
    assert [act["what"] for act in acts] == ["sides", "box", "box"]
    facts = client.get(f"/api/knee/{key}").json()
    # On the mirrored film the drawn box lies at the right, where a conventional film has the left knee.
    assert facts["boxes"]["2"] == {"box": [190, 60, 300, 170], "drawn": True, "cut": False}
    x, y = CORNERS[2]
    assert facts["boxes"]["1"] == {"box": [320 - x - SIZE, y, 320 - x, y + SIZE], "drawn": False}
    assert load_corrections("store", store).films[film]["box"] == {"2": (20, 60, 130, 170)}
    for act in reversed(acts):
        undo = change(client, key, act["what"], "", act["name"], undoes=act["name"], side=act["side"])
        assert undo.status_code == 200
    assert load_corrections("store", store).films[film]["box"] == {"1": (20, 60, 130, 170)}
    held = client.get("/api/acts").json()["acts"][-1]
    change(client, key, "box", "", held["name"])


@pytest.mark.parametrize(("turn", "right_one"), [("90", 2), ("180", 1), ("270", 2)])
def test_on_a_film_that_was_swapped_and_turned_the_right_knee_is_the_one_at_the_left(
    turn: str, right_one: int, tmp_path: Path
) -> None:
    client = page(write_run(tmp_path / "store", 1))
    key = sheet(client)["columns"]["key"][0]
    change(client, key, "sides", "swapped")
    change(client, key, "turn", turn)
    stored = FilmView(WIDTH, HEIGHT, int(turn), flipped=True)
    x, y = CORNERS[right_one]
    box = client.get(f"/api/knee/{key}").json()["boxes"]["1"]["box"]
    assert box == list(stored.show_box((x, y, x + SIZE, y + SIZE)))


def test_the_knee_of_a_film_that_shows_one_has_box_and_margins_under_its_new_side_once_it_is_swapped(
    tmp_path: Path,
) -> None:
    store = write_run(tmp_path / "store", 1, sides=(1,))
    client = page(store)
    columns = sheet(client)["columns"]
    (key,), (film,) = columns["key"], columns["film"]
    inner, outer = [[80.0, 120.0], [110.0, 121.0]], [[35.0, 120.0], [65.0, 121.0]]
    lines = {
        "medial": dict.fromkeys(("femoral", "tibial"), inner),
        "lateral": dict.fromkeys(("femoral", "tibial"), outer),
    }
    change(client, key, "margins", lines)
    acts = change(client, key, "sides", "swapped").json()["acts"]
    assert {act["keys"][0] for act in acts} == {key}  # so that the page knows what its next act is made upon
    facts = client.get(f"/api/knee/{key}").json()
    x, y = CORNERS[1]
    assert (facts["side"], facts["boxes"]) == (2, {"2": {"box": [x, y, x + SIZE, y + SIZE], "drawn": False}})
    assert facts["margins"] == {"medial": lines["lateral"], "lateral": lines["medial"]}
    change(client, key, "box", [20, 60, 130, 170], side=2)
    assert load_corrections("store", store).films[film]["box"] == {"2": (20, 60, 130, 170)}


def test_who_comes_second_is_told_by_whom(store: Store) -> None:
    client, other = page(store), page(store)
    key = sheet(client)["columns"]["key"][3]
    assert change(client, key, "grade", "3").status_code == 200
    answer = change(other, key, "grade", "2")
    assert (answer.status_code, "changed meanwhile by Ann" in answer.json()["detail"]) == (409, True)


@pytest.mark.parametrize(
    ("what", "value", "problem"),
    [
        ("box", [10, 10, 12, 12], "is no joint's box"),
        ("box", "ten", "is no box; give x1 y1 x2 y2"),
        ("grade", "5", "is not one of 0, 1, 2, 3, 4"),
        ("margins", {"medial": {}}, "no margins; give points"),
        ("reading", "2", "this page takes no readings"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(what: str, value: Any, problem: str, store: Store) -> None:
    client = page(store)
    before = len(Journal(store).acts())
    answer = change(client, sheet(client)["columns"]["key"][4], what, value)
    assert (answer.status_code, problem in answer.json()["detail"]) == (422, True)
    assert len(Journal(store).acts()) == before


def test_where_the_lab_has_a_password_the_page_has_it_too(store: Store) -> None:
    app = build_app(Desk(store, "latest"), Access("", "ann:p@ss:wörd"), "Ann")
    client = TestClient(app, base_url="http://lab.example:8765")
    for auth in (None, ("ann", "other"), ("", "")):
        answer = client.get("/api/sheet", auth=auth)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic")
    assert client.get("/", auth=("ann", "p@ss:wörd")).status_code == 200
    foreign = {"Origin": "http://elsewhere.example", **JSON}
    assert client.post("/api/reload", auth=("ann", "p@ss:wörd"), headers=foreign).status_code == 403


def test_a_page_without_a_run_says_so_to_who_may_know_and_becomes_the_first_run_s(tmp_path: Path) -> None:
    access = Access("", "ann:secret")

    def open_page() -> FastAPI:
        return build_app(Desk(open_existing_store(str(tmp_path)), "latest"), access, "Ann")

    client = TestClient(WaitingPage(open_page, access), base_url="http://lab.example:8765")
    assert client.get("/").status_code == 401
    answer = client.get("/", auth=("ann", "secret"))
    assert (answer.status_code, answer.headers["refresh"]) == (503, "10")
    assert "no run has stored anything" in answer.text
    write_run(tmp_path, films=8)
    assert client.get("/").status_code == 401
    assert len(client.get("/api/sheet", auth=("ann", "secret")).json()["columns"]["key"]) == 7 * 2 + 1


def test_only_this_machine_or_who_has_the_token_comes_in_and_only_the_page_writes(store: Store) -> None:
    client, guarded = page(store), page(store, token="secret-token")
    assert client.get("/api/sheet", headers={"Host": "evil.example:8765"}).status_code == 403
    key = sheet(client)["columns"]["key"][0]
    body = {"changes": [{"key": key, "what": "grade", "value": "1"}]}
    assert client.post("/api/acts", content=json.dumps(body)).status_code == 403  # as a form would send it
    foreign = {"Origin": "http://evil.example"}
    assert client.post("/api/acts", json=body, headers=foreign).status_code == 403
    sent_in_chunks = client.post("/api/acts", content=iter([b"{"] * 9), headers=JSON)
    assert sent_in_chunks.status_code == 413
    assert guarded.get("/api/sheet").status_code == 401
    assert guarded.get("/?token=wrong").status_code == 401
    answer = guarded.get("/?token=secret-token", follow_redirects=False)
    assert answer.headers["location"] == "/"  # the token leaves the address
    assert "HttpOnly" in answer.headers["set-cookie"]
    guarded.cookies.set("jsl_review", "secret-token")
    assert guarded.get("/api/sheet", headers={"Host": "desk.example"}).status_code == 200
    assert guarded.get("/../serve.py").status_code == 404


def test_a_run_that_is_still_at_work_is_shown_as_far_as_it_is(tmp_path: Path) -> None:
    store = write_run(tmp_path, films=3, cropped=False)
    client = page(store)
    shown = sheet(client)
    assert (shown["state"], len(shown["columns"]["key"])) == ("at work", 6)
    write_run(tmp_path, films=3)
    assert client.get("/api/more").json() == {"more": True}
    client.post("/api/reload", json={})
    assert set(sheet(client)["columns"]["score"]) == {1, 0.95, 0.9}


def test_a_run_that_died_is_not_called_at_work_nor_one_that_has_ended(tmp_path: Path) -> None:
    store = write_run(tmp_path, films=1)
    for record in (tmp_path / "history").rglob("*.json"):
        os.utime(record, (0, 0))  # nobody has heard of it for long
    assert sheet(page(store))["state"] == "stopped"
    History(store).end("run-1")
    assert sheet(page(store))["state"] == ""


def test_a_run_is_named_as_its_folder_is_and_as_jsl_runs_names_it(tmp_path: Path) -> None:
    store = write_run(tmp_path, films=1)
    claim_run_folder([store], "run-1", datetime(2026, 11, 30, 23, 1, 24, tzinfo=UTC), "small")
    assert sheet(page(store))["run"] == "20261130T230124Z-small" == list_runs(store)[0].name


def test_a_run_without_films_shows_the_crops_that_its_table_names(tmp_path: Path) -> None:
    client = page(write_run_without_films(tmp_path, 12))
    columns = sheet(client)["columns"]
    assert len(columns["key"]) == 12
    assert client.get(f"/thumbnail/{columns['key'][0]}").content[8:12] == b"WEBP"
    assert client.get(f"/joint/{columns['key'][0]}").status_code == 200
    assert client.get(f"/film/{columns['key'][0]}").status_code == 404
    assert change(client, columns["key"][0], "grade", "4").status_code == 200


def test_a_store_without_a_run_to_look_at_is_one_line(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    History(store).begin("run-1", "name", "score")
    with pytest.raises(StoreError, match="no run has films or a dataset yet; start one"):
        find_run(store, "latest")


def test_a_table_that_has_gone_is_counted_and_the_others_are_shown(tmp_path: Path) -> None:
    store = write_run(tmp_path, films=3)
    run = find_run(store, "latest")
    (table,) = History(store).results(key for key in run.keys if key.startswith("crop/")).values()
    store.delete(table[0].key)
    assert read_run_tables(store, run).missing == 1
    assert len(sheet(page(store))["columns"]["key"]) == 6


def test_a_film_that_was_left_out_as_a_whole_after_its_joints_were_cut_tells_why(store: Store) -> None:
    tables = read_run_tables(store, find_run(store, "latest"))
    copy, knee = tables.films[0]["file"], tables.joints[2]
    rows = [(copy, np.nan, "duplicate", "a copy"), (knee["file"], knee["ID"], "duplicate", "twice")]
    rejected = pd.DataFrame(rows, columns=["file", "ID", "reason", "sentence"])
    entries = build_sheet(replace(tables, rejected=rejected))
    assert [entry.facts["sentence"] for entry in entries[:4]] == ["a copy", "a copy", "twice", ""]


def test_a_box_of_another_film_of_that_name_is_shown_as_stale_and_does_not_hold(store: Store) -> None:
    client = page(store)
    columns = sheet(client)["columns"]
    key, film, knee = (columns[name][4] for name in ("key", "film", "ID"))
    subject = Subject(film=film, pixels="f" * 16, side=1, knee=knee, what="box")
    Journal(store).append(subject, "1 1 90 90", "Ben", upon="")
    stale = [act for act in client.get("/api/acts").json()["acts"] if act["stale"]]
    assert [act["keys"] for act in stale] == [[key]]
    assert not client.get(f"/api/knee/{key}").json()["boxes"]["1"]["drawn"]


def test_a_grader_gets_no_label_no_prediction_no_name_and_nobody_elses_reading(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = write_run(tmp_path, films=6)
    readings = {}
    for reader, grades in (("Ann", "01234"), ("Ben", "01233")):
        client = page(store, reader)
        shown = gzip.decompress(Desk(store, "latest", reader).sheet).decode()
        columns = sheet(client)["columns"]
        assert not {"grade", "predicted", "risk", "split", "progressed"} & columns.keys()
        assert "1000001" not in shown
        readings[reader] = columns["key"]
        for key, grade in zip(sorted(columns["key"]), grades, strict=False):
            assert change(client, key, "reading", grade).status_code == 200
        assert {act["who"] for act in client.get("/api/acts").json()["acts"]} == {reader}
        assert change(client, columns["key"][0], "grade", "1").status_code == 422
        assert client.get(f"/saliency/{columns['key'][0]}").status_code == 404
    assert sorted(readings["Ann"]) == sorted(readings["Ben"])
    assert readings["Ann"] != readings["Ben"]  # each in an order of their own
    print_agreement(store, "latest")
    first, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("Ann and Ben: 5 knees of ")
    assert "80% the same, kappa 0.75" in first


@pytest.mark.parametrize("name", ["Ann\nBob", "A" * 81])
def test_a_name_that_no_act_can_bear_is_refused_before_the_page_opens(name: str) -> None:
    with pytest.raises(BadSettings, match="--grade: a name is one line of 80 characters at most"):
        review("no-store", grade=name)
    with pytest.raises(BadSettings, match="--who: a name is one line of 80 characters at most"):
        review("no-store", who=name)
