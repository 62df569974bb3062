"""A store with all kinds of records, small, for tests that damage it."""

import json
import os
from pathlib import Path

from jsl_core.landing import Batch, LandedFile, Ledger
from jsl_core.scans.buckets import assign_buckets
from jsl_core.storage import Artifact, FolderStore, Memo, Registry, Store, Version, put_tree
from jsl_core.storage.history import History, Step
from jsl_core.storage.results import write_result

LINE = "kl"
DAY = 86400.0


class Place:
    """A landing that is only a name."""

    url = "place"


def ledger_of(store: Store) -> Ledger:
    """The ledger of the one landing."""
    return Ledger(store, Place())  # type: ignore[arg-type]


def fill(store: Store, folder: Path) -> dict[str, Artifact]:
    """Two runs, of which the first made two models that were champions, a landing, an order; by name."""
    made: dict[str, Artifact] = {}
    for run in ("old", "new"):
        History(store).begin(run, f"name-{run}", "pipeline")
        scan = Artifact.of_bytes(run.encode(), f"{run}.dcm")
        assign_buckets([scan], store)
        png = store.put(f"png {run}".encode(), "film.png")
        row = {"file": scan.name, "participant": f"10000{len(run)}", "png": png.model_dump()}
        Memo(store, "convert").put(scan.name, [row])
        table = store.put(json.dumps([row]).encode(), "converted.json")
        record(store, run, "convert", table, scans=[scan.model_dump()])
        made |= {f"png-{run}": png, f"table-{run}": table}
        History(store).end(run)
    for number in range(2):
        bundle = folder / f"bundle-{number}"
        bundle.mkdir(parents=True)
        (bundle / "model.safetensors").write_bytes(f"weights {number}".encode() * 10)
        made[f"model-{number}"] = put_tree(store, bundle, "kl.json")
        made[f"weights-{number}"] = Artifact.of_file(bundle / "model.safetensors")
        registry = Registry(store)
        version = registry.register(LINE, made[f"model-{number}"], {"dataset": table.model_dump()})
        registry.promote(LINE, version.name, {"why": f"number {number}"})
    Registry(store).freeze_test(LINE, ["1000001", "1000002"])
    ledger = ledger_of(store)
    ledger.write(1, Batch(files=(LandedFile(name="a", size=1, stamp="1"),), scans=()))
    ledger.record_joints(1, made["table-old"])
    return made


def record(store: Store, run: str, stage: str, result: Artifact, **parameters: object) -> Step:
    """One step with its result."""
    step = Step(stage=stage, digest=f"{stage}-{run}", code={"jsl_core": "a"}, parameters=parameters)
    History(store).record_step(run, step)
    value = {"metadata": {}, "result": json.dumps({"__class__": "x", "data": result.model_dump()})}
    write_result(store, step.key, value)
    return step


def age(store: FolderStore, days: float, only: str = "") -> None:
    """Everything, or what is below one key, was written so long before."""
    for path in (store.root / only).rglob("*"):
        if path.is_file():
            then = path.stat().st_mtime - days * DAY
            os.utime(path, (then, then))


def lab(tmp_path: Path) -> tuple[FolderStore, dict[str, Artifact]]:
    """A filled store that is a month old, its second run a day younger."""
    store = FolderStore(tmp_path / "store")
    made = fill(store, tmp_path / "bundles")
    age(store, 30)
    age(store, 1, "history/old")
    return store, made


def champion(store: Store) -> Version | None:
    """The champion of the one line."""
    return Registry(store).champion(LINE)
