"""A store of as many objects as one asks for, as years of runs leave it, without any having run.

Records, tables and digests are what the stages write; pictures are a few bytes. Half of it is of an earlier
version of the code. Of each film there are a picture, two knees, two joints, a memo of each stage, and the
joints under readable names; runs come one after another, each with more films than the one before.
"""

import hashlib
import json
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from jsl_core.landing import Batch, FolderLanding, LandedFile, Ledger
from jsl_core.scans.buckets import assign_buckets
from jsl_core.storage import Artifact, FolderStore, Store, digest_of
from jsl_core.storage.history import History, Step
from jsl_core.storage.proof import seal
from jsl_core.storage.publishing import publish_all
from jsl_core.storage.registry import Registry
from jsl_core.storage.results import write_result
from jsl_core.storage.run_folders import claim_run_folder, describe_run, point_to_latest

__all__ = ["FIRST_KNEE", "STAGES", "build_store", "memo_items"]

STAGES = ("convert", "split", "crop")
FIRST_KNEE = "1000001_1"
_VERSIONS = ("earlier code", "this code")
_RUNS = 10  # of each version of the code
_PER_FILM = 20  # objects: nine of each version, two joints under readable names
_BATCH = 512  # files of a landing's batch
_MODULES = 60  # whose digests stand in a step
_AGE = 2 * 24 * 3600.0  # seconds: old enough for garbage collection


def build_store(root: Path, objects: int) -> Store:
    """Fill an empty folder with a store of about so many objects."""
    store = FolderStore(root)
    films = objects // _PER_FILM
    scans = [_named(f"scan {number}", f"{1_000_001 + number}.dcm") for number in range(films)]
    buckets = assign_buckets(scans, store)
    for age, version in enumerate(reversed(_VERSIONS)):
        made = [_Bucket(store, bucket, version) for bucket in buckets]
        for number in range(_RUNS):
            started = datetime.now(UTC) - timedelta(days=30 * (age * _RUNS + _RUNS - number))
            _write_run(store, made[: -(-len(made) * (number + 1) // _RUNS)], version, number, started)
    _land(store, scans)
    for folder in root.iterdir():
        if folder.name != "history":
            _make_old(folder, time.time() - _AGE)
    return store


def memo_items(store: Store, count: int) -> list[Any]:
    """What the crop stage of the newest version looks up for so many knees."""
    history = History(store)
    (key, *_) = [key for key in history.runs()[0].keys if key.startswith("split/")]
    (table,) = history.results([key])[key]
    return list(json.loads(store.get(table)))[:count]


class _Bucket:
    """What the stages have made of a bucket: steps and tables by stage."""

    def __init__(self, store: FolderStore, scans: Sequence[Artifact], version: str) -> None:
        self.scans, self._store, self._version = scans, store, version
        rows: dict[str, list[dict[str, Any]]] = {stage: [] for stage in STAGES}
        for scan in scans:
            self._make_film(scan, rows)
        self.tables = {
            stage: store.put(json.dumps(rows[stage], sort_keys=True).encode(), f"{stage}.json")
            for stage in STAGES
        }
        self.joints = rows["crop"]
        inputs = {"convert": scans, "split": [self.tables["convert"]], "crop": [self.tables["split"]]}
        self.steps = [
            write_step_of(store, stage, version, inputs[stage], [self.tables[stage]]) for stage in STAGES
        ]

    def _make_film(self, scan: Artifact, rows: dict[str, list[dict[str, Any]]]) -> None:
        participant = Path(scan.name).stem
        film = {
            "file": scan.name, "participant": participant, "width": 2000, "height": 2500, "flipped": False,
            "upside_down": False, "spacing_mm": [0.2, 0.2], "polarity_from": "header", "note": "",
            "pixels": scan.sha256, "png": self._picture(f"film {participant}"),
            "look": {"joints": [
                {"x1": x, "y1": 1000, "x2": x + 600, "y2": 1600, "score": 0.9, "right": right}
                for x, right in ((200, 0.9), (1200, 0.1))
            ]},
        }  # fmt: skip
        rows["convert"].append(film)
        self._memo("convert", scan.model_dump(), [film])
        knees = []
        for side in (1, 2):
            name = f"{participant}_{side}"
            common = {
                "file": scan.name, "ID": name, "participant": participant, "side": side,
                "side_from": "position", "polarity_from": "header", "joints_seen": 2, "note": "",
                "spacing_mm": 0.2, "spacing_from": "tag",
            }  # fmt: skip
            box = {"x1": 1000 * (side - 1), "y1": 0, "x2": 1000 * side, "y2": 2500, "how": "valley"}
            knee = common | box | {"png": self._picture(f"knee {name}")}
            place = {"x1": 200, "y1": 1000, "x2": 800, "y2": 1600, "score": 0.9, "length": 600}
            judged = {"padded": False, "ambiguous": False}
            joint = common | place | judged | {"png": self._picture(f"joint {name}")}
            self._memo("crop", knee, [joint])
            rows["crop"].append(joint)
            knees.append(knee)
        self._memo("split", film, knees)
        rows["split"] += knees

    def _picture(self, name: str) -> dict[str, Any]:
        data = f"{name} by {self._version}".encode()
        artifact = Artifact.of_bytes(data, f"{name}.png")
        _write_plainly(self._store.root / artifact.key, data)
        return artifact.model_dump()

    def _memo(self, stage: str, item: Any, value: Any) -> None:
        digest = digest_of([f"{stage} by {self._version}", item])  # as Memo names them
        key = f"memo/{digest[:2]}/{digest}.json"
        _write_plainly(self._store.root / key, seal(key, value))


def write_step_of(
    store: Store, stage: str, version: str, inputs: Sequence[Artifact], made: Sequence[Artifact]
) -> Step:
    """Write the result of a step, and return the step, which its runs record."""
    parameters = {"inputs": [one.model_dump() for one in inputs], "settings": {"format": "png"}}
    code = {f"jsl_core.module{number}": digest_of([version, number])[:16] for number in range(_MODULES)}
    digest = digest_of([stage, version, parameters])
    step = Step(stage=stage, digest=digest, code=code, libraries={"numpy": "2.0"}, parameters=parameters)
    write_result(store, step.key, {"result": [one.model_dump() for one in made]})
    return step


def _write_run(
    store: FolderStore, buckets: Sequence[_Bucket], version: str, number: int, started: datetime
) -> None:
    run, history = digest_of([version, number])[:36], History(store)
    folder = claim_run_folder([store], run, started, "run")
    history.begin(run, f"run-{number}", "pipeline")
    for bucket in buckets:
        for step in bucket.steps:
            history.record_step(run, step)
    crops = [bucket.tables["crop"] for bucket in buckets]
    names = [row["ID"] for bucket in buckets for row in bucket.joints]
    lines = [f"{name},{name[:-2]},{name[-1]},{at % 5},train" for at, name in enumerate(names)]
    table = store.put("\n".join(["ID,participant,side,BL_KL_grade,split", *lines]).encode(), "table.csv")
    dataset = _tree(store, {"table.csv": table}, "dataset.json")
    weights = store.put(f"weights of {run}".encode(), "weights.safetensors")
    model = _tree(store, {"weights.safetensors": weights}, "kl.json")
    report = store.put(f"report of {run}".encode(), "report.html")
    for stage, inputs, made in (
        ("pack", crops, [dataset]),
        ("train", [dataset], [model]),
        ("report", [dataset, model], [report]),
    ):
        history.record_step(run, write_step_of(store, stage, version, inputs, made))
    registry = Registry(store)
    registered = registry.register("kl", model, {"dataset": dataset.model_dump()})
    registry.promote("kl", registered.name, {"why": "newer"})
    files = {f"{folder}/report.html": report, f"models/kl/{model.sha256[:12]}/weights.safetensors": weights}
    publish_all(store, store, files, f"{folder}/published.json")
    joints = f"joints/{digest_of(names)[:12]}"
    if version == _VERSIONS[-1] and number == _RUNS - 1:
        pictures = {
            f"{joints}/{row['ID']}.png": Artifact.model_validate(row["png"])
            for bucket in buckets
            for row in bucket.joints
        }
        for key, picture in pictures.items():
            _write_plainly(store.root / key, f"{Path(picture.name).stem} by {version}".encode())
        digests = {key: picture.sha256 for key, picture in pictures.items()}
        store.write(f"{joints}/published.json", json.dumps(digests).encode())
    contents = {"report": f"{folder}/report.html", "models": {"kl": f"models/kl/{model.sha256[:12]}"}}
    describe_run(store, folder, contents | {"joints": joints})
    point_to_latest(store, folder)
    history.end(run)
    _make_old(store.root / "history" / run, started.timestamp())


def _land(store: Store, scans: Sequence[Artifact]) -> None:
    ledger = Ledger(store, FolderLanding(Path("landing")))
    for number, start in enumerate(range(0, len(scans), _BATCH), 1):
        batch = scans[start : start + _BATCH]
        files = tuple(
            LandedFile(name=scan.name, size=scan.size, stamp=f"{start + at}-1")
            for at, scan in enumerate(batch)
        )
        ledger.write(number, Batch(files=files, scans=tuple(batch)))


def _tree(store: Store, files: dict[str, Artifact], name: str) -> Artifact:
    manifest = {"tree": {path: file.model_dump() for path, file in files.items()}}
    return store.put(json.dumps(manifest).encode(), name)


def _named(text: str, name: str) -> Artifact:
    return Artifact(sha256=hashlib.sha256(text.encode()).hexdigest(), size=8 << 20, name=name)


def _write_plainly(path: Path, data: bytes) -> None:
    """As the store would, without its temporary names: a million objects in minutes."""
    try:
        path.write_bytes(data)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _make_old(root: Path, then: float) -> None:
    for folder, _, names in os.walk(root):
        for name in names:
            os.utime(f"{folder}/{name}", (then, then))
