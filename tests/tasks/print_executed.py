"""Runs each stage once on a small phantom cohort, and prints the project's modules whose functions it ran.

python print_executed.py FOLDER
"""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from jsl_core.config import PhantomSettings, load_pipeline
from jsl_core.phantom import write_phantom
from jsl_core.scans.listing import list_scans
from jsl_core.storage import Artifact
from tasks import convert, crop, evaluate, fit, gather, pack, publish, split, train
from tasks.caching import Placement

_ROOT = Path(train.__file__).parents[1]
_ROOMS = ("jsl_core", "tasks")
_EXECUTED: dict[str, list[str]] = {}


@contextmanager
def executed(stage: str) -> Iterator[None]:
    """Note the modules of the project whose functions run meanwhile, in whichever thread."""
    files: set[str] = set()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code.co_name != "<module>":
            files.add(frame.f_code.co_filename)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    ours = [Path(file).relative_to(_ROOT) for file in files if file.startswith(str(_ROOT))]
    modules = {".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in ours}
    _EXECUTED[stage] = sorted(module for module in modules if module.split(".")[0] in _ROOMS)


def here(work: Callable[[Any], Any], items: Any, *_: Any, **__: Any) -> Iterator[Any]:
    """Stands in for `parallel_map`: what runs in other processes cannot be watched from this one."""
    return map(work, items)


def main(folder: Path) -> None:
    """Run the stages one after the other, as the flows do, and print what each ran as JSON."""
    write_phantom(folder / "phantom", PhantomSettings(patients=16, seed=3, long_side=(600, 700)))
    tiny: dict[str, Any] = {"epochs": 1}
    options = {
        "scans": str(folder / "phantom" / "scans"),
        "cohort": str(folder / "phantom" / "JSL.csv"),
        "store": str(folder / "store"),
        "pack": {"size": 64, "val": 0.25, "test": 0.25},
        "training": {"augment": "strong", "kl": tiny, "jsl_image": tiny},
        "evaluate": {"bootstrap": 20, "gallery": 1},
    }
    settings = load_pipeline(preset="demo", options=options)
    place = Placement.of(settings)
    store = place.open()
    convert.parallel_map = split.parallel_map = here
    scans = list_scans(Path(place.scans), folder / "digests.json", None)
    with executed("convert.convert"):
        converted = convert.convert.fn(scans, settings.convert, place)
    with executed("split.split"):
        halves = split.split.fn(converted, settings.split, place)
    with executed("crop.crop"):
        joints = crop.crop.fn(halves, settings.crop, place)
    with executed("fit.fit"):
        fitted = fit.fit.fn(joints, settings.pack.size, place)
    with executed("gather.gather"):
        gathered = gather.gather.fn([converted], [halves], [joints], place)
    cohort = store.put_file(Path(settings.cohort))
    with executed("pack.pack"):
        dataset = pack.pack.fn(gathered.joints, [fitted], [], cohort, settings.pack, place)
    models: dict[str, Artifact] = {}
    with executed("train.train"):
        models["kl"] = train.train.fn("kl", dataset, None, settings.training, place)
    image = partial(train.train.fn, "jsl-image", dataset, models["kl"], settings.training, place)
    models["jsl-image"] = image()
    with executed("train.train_on_risk_factors"):
        models["risk-factors"] = train.train_on_risk_factors.fn(dataset, settings.training, place)
    with executed("evaluate.evaluate"):
        figures = evaluate.evaluate.fn(dataset, models, None, settings.evaluate, place)
    with executed("publish.auc_picture"):
        publish.auc_picture.fn(figures, place)
    json.dump(_EXECUTED, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
