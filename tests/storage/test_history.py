"""How a store's artifacts came about, why a step ran again, and what may be removed."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from jsl_core.dataset import PackedDataset
from jsl_core.dataset.difference import compare_datasets
from jsl_core.errors import StoreError
from jsl_core.storage import Artifact, FolderStore, Memo, Registry, gc_lock
from jsl_core.storage.cache_miss import explain_misses
from jsl_core.storage.gc import collect_garbage, find_garbage
from jsl_core.storage.history import History, Step
from jsl_core.storage.lineage import Lineage, as_mermaid, as_text
from jsl_core.storage.lineage_picture import draw_lineage

DAY = 86400.0
SCANS = [Artifact.of_bytes(name.encode(), name) for name in ("1000001.dcm", "1000002.dcm")]


def record_result(
    store: FolderStore, run: str, stage: str, result: Artifact, code: str, **parameters: object
) -> Step:
    """One step as the pipeline records it, with its result."""
    plain = json.loads(json.dumps(parameters, default=lambda value: value.model_dump()))
    step = Step(
        stage=stage, digest=f"{stage}-{run}-{code}", code={"jsl_core.imaging": code}, parameters=plain
    )
    History(store).record_step(run, step)
    record = {"metadata": {}, "result": json.dumps({"__class__": "x", "data": result.model_dump()})}
    store.write(f"results/{step.key}", json.dumps(record).encode())
    return step


def pipeline(
    store: FolderStore, run: str, scans: list[Artifact] = SCANS, code: str = "a"
) -> dict[str, Artifact]:
    """Scans to joints to a dataset, as one run."""
    History(store).begin(run, f"name-{run}", "pipeline")
    pngs = [store.put(f"png {code} {scan.name}".encode(), f"{scan.name}.png") for scan in scans]
    rows = [{"file": scan.name, "png": png.model_dump()} for scan, png in zip(scans, pngs, strict=True)]
    joints = store.put(json.dumps(rows).encode(), "cropped.json")
    for row in rows:
        Memo(store, "crop" + code).put(row["file"], [row])
    record_result(store, run, "crop", joints, code, scans=scans, settings={"margin": 5})
    dataset = store.put(json.dumps({"tree": {}, "of": code}).encode(), "dataset.json")
    record_result(store, run, "pack", dataset, code, joints=joints)
    return {"png": pngs[0], "joints": joints, "dataset": dataset}


def age(store: FolderStore, days: float) -> None:
    """Everything that is there was written so long ago."""
    for path in store.root.rglob("*"):
        if path.is_file():
            then = path.stat().st_mtime - days * DAY
            os.utime(path, (then, then))


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


def test_a_dataset_and_a_single_crop_are_followed_down_to_their_scans(store: FolderStore) -> None:
    artifacts = pipeline(store, "r1")
    text = as_text(Lineage(store).trace(artifacts["dataset"].sha256[:10]))
    assert [line.split()[0] for line in text.splitlines()] == [
        "dataset.json", "by", "cropped.json", "by", "with", "1000001.dcm", "1000002.dcm",
    ]  # fmt: skip
    assert 'with settings {"margin": 5}' in text
    crop = as_text(Lineage(store).trace(artifacts["png"].sha256))
    assert "1000001.dcm.png" in crop.splitlines()[0]
    assert SCANS[0].sha256[:12] in crop
    assert SCANS[1].sha256[:12] not in crop
    picture = as_mermaid(Lineage(store).trace(artifacts["dataset"].sha256))
    assert picture.startswith("graph LR")
    assert picture.count("-->") == 3


def test_an_unknown_or_short_digest_is_one_clear_line(store: FolderStore) -> None:
    pipeline(store, "r1")
    with pytest.raises(StoreError, match="no run has made or used"):
        Lineage(store).trace("0" * 12)
    with pytest.raises(StoreError, match="too short"):
        Lineage(store).trace("ab")


def test_a_record_that_a_power_cut_has_spoilt_is_left_out(store: FolderStore) -> None:
    artifacts = pipeline(store, "r1")
    (store.root / "history/r1/crop/crop-r1-a.json").write_bytes(b"\0\0")
    (store.root / "history/r1/run.json").write_bytes(b"\0\0")
    assert "cropped.json" in as_text(Lineage(store).trace(artifacts["dataset"].sha256))
    assert [run.id for run in History(store).runs()] == ["r1"]


def test_why_names_the_part_of_the_key_that_changed(store: FolderStore) -> None:
    pipeline(store, "r1")
    age(store, 1)
    another = Artifact.of_bytes(b"three", "1000003.dcm")
    pipeline(store, "r2", [*SCANS, another], code="b")
    lines = explain_misses(store, "name-r2", "crop")
    assert lines[0].endswith("of run name-r1 (pipeline, r1)")
    assert lines[1:] == [
        "  code jsl_core.imaging changed",
        "  input scans: 1 added, such as 1000003.dcm",
    ]
    assert explain_misses(store, "r1", "crop")[0].endswith("no earlier run had this task")
    with pytest.raises(StoreError, match="had no task 'train'; it had crop, pack"):
        explain_misses(store, "latest", "train")
    with pytest.raises(StoreError, match=r"no run is called 'x'.*name-r2"):
        explain_misses(store, "x", "crop")


def test_why_names_the_package_the_file_and_the_setting_that_changed(store: FolderStore) -> None:
    def record(run: str, **parts: Any) -> None:
        History(store).begin(run, run, "prepare")
        step: dict[str, Any] = {"stage": "crop", "digest": run, "code": {}, "parameters": {}} | parts
        History(store).record_step(run, Step.model_validate(step))
        age(store, 1)

    old, new = ({"weights": {"sha256": letter * 64}, "score": 0.25} for letter in "ab")
    modules = {f"jsl_core.imaging.m{number}": "1" for number in range(9)}
    record("r1", libraries={"torch": "2.9.0"}, parameters={"settings": old}, code=modules)
    record("r2", libraries={"torch": "2.9.1"}, parameters={"settings": old}, code=modules)
    record("r3", libraries={"torch": "2.9.1"}, parameters={"settings": new}, code=modules)
    edited = dict.fromkeys(modules, "2")
    record("r4", libraries={"torch": "2.9.1"}, parameters={"settings": new | {"score": 0.5}}, code=edited)
    assert explain_misses(store, "r2", "crop")[1:] == ["  package torch: 2.9.0 → 2.9.1"]
    file = "the file that it names holds something else"
    assert explain_misses(store, "r3", "crop")[1:] == [
        f"  setting weights: {file} (aaaaaaaaaaaa → bbbbbbbbbbbb)"
    ]
    *code, more, setting = explain_misses(store, "r4", "crop")[1:]
    assert code[0] == "  code jsl_core.imaging.m0 changed"
    assert (len(code), more) == (5, "  code: 4 more modules differ")
    assert setting == "  setting score: 0.25 → 0.5"


def test_why_names_inputs_of_one_name_order_and_plain_values(store: FolderStore) -> None:
    def record(run: str, **parameters: Any) -> list[str]:
        History(store).begin(run, run, "prepare")
        step = {"stage": "gather", "digest": run, "code": {}, "parameters": parameters}
        History(store).record_step(run, Step.model_validate(step))
        changes = explain_misses(store, run, "gather")[1:]
        age(store, 1)
        return changes

    one, two, other = (
        Artifact.of_bytes(data, "converted.json").model_dump() for data in (b"one", b"two", b"other")
    )
    record("r1", tables=[one, two], settings={"weights": "none", "cfg": {"a.cfg": {"sha256": "a"}}})
    same = {"weights": "none", "cfg": {"a.cfg": {"sha256": "a"}}}
    digests = f"{two['sha256'][:12]} → {other['sha256'][:12]}"
    assert record("r2", tables=[one, other], settings=same) == [
        f"  input tables: converted.json changed ({digests})"
    ]
    assert record("r3", tables=[other, one], settings=same) == ["  input tables: the same in another order"]
    assert record("r4", tables=[other, one, two], settings=same) == [
        "  input tables: 1 added, such as converted.json"
    ]
    assert record(
        "r5", tables=[other, one, two], settings=same | {"weights": {"imagenet": {"timm-x": "1.0"}}}
    ) == ["  setting weights: 'none' → 'imagenet' (timm-x 1.0)"]
    gathered = {"joints": one, "scans": 3}
    record("r6", gathered=gathered)
    assert record("r7", gathered=gathered | {"scans": 4}) == ["  setting gathered.scans: 3 → 4"]


def test_garbage_is_what_no_kept_run_reaches_and_no_run_in_progress_needs(store: FolderStore) -> None:
    old = pipeline(store, "old", code="a")
    History(store).end("old")
    model = store.put(b'{"tree": {}}', "kl.json")
    Registry(store).register("kl", model, {"dataset": old["dataset"].model_dump()})
    age(store, 40)
    dead = pipeline(store, "dead", code="dead")
    age(store, 20)
    working = pipeline(store, "working", code="working")
    age(store, 3)
    new = pipeline(store, "new", code="new")
    History(store).end("new")
    age(store, 2)
    fresh = store.put(b"stored a moment ago", "x")

    garbage = find_garbage(store, keep_last=1)
    assert garbage.running == ()
    assert {run.id for run in garbage.removed_runs} == {"old", "dead"}
    keys = set(store.keys(""))
    assert set(garbage.keys) < keys
    assert collect_garbage(store, keep_last=1).keys == garbage.keys
    assert store.missing([*new.values(), *working.values(), fresh, model, old["dataset"]]) == []
    assert store.missing([old["png"], old["joints"], *dead.values()]) == [
        old["png"], old["joints"], *dead.values(),
    ]  # fmt: skip
    assert Memo(store, "cropnew").get("1000001.dcm") is not None
    assert {run.id for run in History(store).runs()} == {"working", "new"}
    assert find_garbage(store, keep_last=1).keys == ()


@pytest.fixture
def store_with_garbage(store: FolderStore) -> FolderStore:
    """A store in which an old run's things are garbage, but for a run that might ask for them again."""
    pipeline(store, "old", code="a")
    History(store).end("old")
    age(store, 40)
    pipeline(store, "new", code="new")
    History(store).end("new")
    age(store, 2)
    assert find_garbage(store, keep_last=1).keys
    return store


def test_nothing_goes_beside_a_run_that_has_only_just_begun(store_with_garbage: FolderStore) -> None:
    History(store_with_garbage).begin("starting", "name-starting", "pipeline")
    before = set(store_with_garbage.keys("")) - {"gc/at-work.json"}
    assert [run.id for run in find_garbage(store_with_garbage, keep_last=1).running] == ["starting"]
    with pytest.raises(StoreError, match=r"run name-starting .*is at work.*again when it has ended"):
        collect_garbage(store_with_garbage, keep_last=1)
    assert set(store_with_garbage.keys("")) == before
    pipeline(store_with_garbage, "starting", code="a")  # finds all that it asks for, and ends
    History(store_with_garbage).end("starting")
    age(store_with_garbage, 2)
    collect_garbage(store_with_garbage, keep_last=1)
    assert {run.id for run in History(store_with_garbage).runs()} == {"starting"}


def test_a_run_is_at_work_while_it_sends_heartbeats_and_no_longer(store_with_garbage: FolderStore) -> None:
    History(store_with_garbage).begin("training", "name-training", "pipeline")
    age(store_with_garbage, 1)
    assert find_garbage(store_with_garbage, keep_last=1).running == ()  # it died
    History(store_with_garbage).heartbeat("training")
    assert [run.id for run in find_garbage(store_with_garbage, keep_last=1).running] == ["training"]
    assert History(store_with_garbage).runs()[0].id == "training"


class InterruptedStore(FolderStore):
    """A store in which something happens right before the first object is removed."""

    before: Callable[[], object] | None = None

    def sizes(self, prefix: str) -> Iterator[tuple[str, int, float]]:
        if prefix == "cas" and self.before:
            action, self.before = self.before, None
            action()
        yield from super().sizes(prefix)


def test_a_run_that_was_interrupted_is_at_work_no_more_until_it_goes_on(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    history = History(store)

    def at_work_after(step: Callable[[], None]) -> bool:
        step()
        for record in store.keys("history"):  # all that was before is ten seconds older
            place = store.root / record
            os.utime(place, times=(place.stat().st_mtime - 10,) * 2)
        return history.runs()[0].at_work

    assert at_work_after(lambda: history.begin("run", "name", "pipeline"))
    assert not at_work_after(lambda: history.stop("run"))
    assert at_work_after(lambda: history.begin("run", "name", "pipeline"))
    assert not at_work_after(lambda: history.stop("run"))
    assert at_work_after(lambda: history.heartbeat("run"))


def test_a_run_that_begins_beside_garbage_collection_waits_and_the_collection_stops(
    store_with_garbage: FolderStore,
) -> None:
    store, marks = InterruptedStore(store_with_garbage.root), []
    before = set(store.keys(""))

    def begin() -> None:
        History(FolderStore(store.root)).begin("starting", "name-starting", "pipeline")
        marks.append(store_with_garbage.read("gc/at-work.json"))

    run = threading.Thread(target=begin)

    def begin_run() -> None:
        run.start()
        while not store_with_garbage.read("history/starting/run.json"):
            time.sleep(0.01)

    store.before = begin_run
    with pytest.raises(StoreError, match=r"run name-starting .*is at work"):
        collect_garbage(store, keep_last=1)
    run.join()
    assert marks == [None]  # it read nothing before the collection was over
    assert set(store.keys("")) == before | {"history/starting/run.json"}


def test_a_collection_that_was_killed_holds_up_no_run_for_long(
    store_with_garbage: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gc_lock, "_EXPIRY", 0.05)
    monkeypatch.setattr(gc_lock, "_POLL_SECONDS", 0.01)
    killed = gc_lock.hold_gc_lock(store_with_garbage)
    killed.__enter__()
    History(store_with_garbage).begin("starting", "name-starting", "pipeline")
    assert store_with_garbage.read("gc/at-work.json") is None
    killed.__exit__(None, None, None)


def test_storing_again_resets_the_age(store: FolderStore) -> None:
    artifact = store.put(b"cohort", "cohort.csv")
    age(store, 5)
    assert find_garbage(store, keep_last=1).keys == (artifact.key,)
    store.put(b"cohort", "cohort.csv")
    assert find_garbage(store, keep_last=1).keys == ()


def test_datasets_differ_by_knees_labels_and_pixels() -> None:
    def packed(grades: dict[str, float], flipped: str = "") -> PackedDataset:
        table = pd.DataFrame({"ID": list(grades), "BL_KL_grade": list(grades.values())})
        images = np.stack([np.full((4, 4), 7 + (flipped == ID), np.uint8) for ID in grades])
        return PackedDataset(images, table, "digest")

    old = packed({"1000001_1": 2, "1000001_2": 3, "1000002_1": float("nan")})
    new = packed({"1000001_2": 4, "1000002_1": float("nan"), "1000003_1": 0}, flipped="1000002_1")
    assert compare_datasets(old, new).to_numpy().tolist() == [
        ["1000003_1", "added", "", ""],
        ["1000001_1", "gone", "", ""],
        ["1000001_2", "BL_KL_grade", 3.0, 4.0],
        ["1000002_1", "crop", "", "other pixels"],
    ]


def test_the_picture_has_a_box_for_each_artifact_once_below_what_it_was_made_from(store: FolderStore) -> None:
    scans = [Artifact.of_bytes(b"%d" % number, f"{number}<&>.dcm") for number in range(9)]
    artifacts = pipeline(store, "r1", scans)
    picture = ElementTree.fromstring(draw_lineage(Lineage(store).trace(artifacts["dataset"].sha256)))
    texts = [
        (float(text.get("y", "")), "".join(text.itertext())) for text in picture.iter() if "text" in text.tag
    ]
    height = {words: y for y, words in texts}
    assert height["9 files"] < height["crop: cropped.json"] < height["pack: dataset.json"]
    assert "such as 0<&>.dcm" in height
    assert len(texts) == 6  # two lines of three boxes
    assert sum("path" in element.tag for element in picture.iter()) == 2
