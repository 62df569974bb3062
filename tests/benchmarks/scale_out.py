"""More processes: `prepare` on 1, 2 and 4 of them, training shared by two: the same results, in what time.

    python tests/benchmarks/scale_out.py [--films 48] [--out scale_out]

Preparing: the functions of the stages without Prefect. Convert and split deal their scans to worker
processes; crop and pack use threads. Every dataset's digest must be the same.

Training: torchrun with two processes (gloo) of one thread each, beside one process of one thread and of two.
Without batch statistics, dropout and augmentation, which each process has of its own, two processes learn
what one learns; how far their predictions differ is shown.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from results import bars, keep, options, show

from jsl_core.config import PackSettings, PhantomSettings, PipelineSettings, RegimeSettings, TrainingSettings
from jsl_core.phantom import write_phantom
from jsl_core.scans.listing import list_scans
from jsl_core.storage import Artifact

WORKERS = (1, 2, 4)
EPOCH = re.compile(r"([\d.]+) s$")


def prepare(folder: Path, jobs: int) -> dict[str, Any]:
    """Seconds of each stage, and the digest of the dataset; a first film has started the processes."""
    places = {"scans": str(folder / "scans"), "cohort": str(folder / "JSL.csv"), "jobs": jobs}
    scans = list_scans(folder / "scans", folder / "digests.json")
    for name, some in (("warm", scans[:1]), ("store", scans)):
        settings = PipelineSettings.model_validate(
            places | {"store": str(folder / f"{name}-{jobs}"), "pack": {"size": 112}}
        )
        seconds, dataset = through(some, settings)
    return {"workers": jobs, "seconds": seconds, "dataset": dataset}


def through(scans: list[Artifact], settings: PipelineSettings) -> tuple[dict[str, float], str]:
    from tasks.caching import Placement
    from tasks.convert import convert
    from tasks.crop import crop
    from tasks.fit import fit
    from tasks.gather import gather
    from tasks.pack import pack
    from tasks.split import split

    place = Placement.of(settings)
    cohort = place.open().put_file(Path(settings.cohort))
    marks = [time.perf_counter()]
    films = convert.fn(scans, settings.convert, place)
    marks.append(time.perf_counter())
    halves = split.fn(films, settings.split, place)
    marks.append(time.perf_counter())
    joints = crop.fn(halves, settings.crop, place)
    gathered = gather.fn([films], [halves], [joints], place)
    fitted = fit.fn(joints, settings.pack.size, place)
    dataset = pack.fn(gathered.joints, [fitted], [], cohort, settings.pack, place)
    marks.append(time.perf_counter())
    return dict(
        zip(("convert", "split", "crop and pack"), np.diff(marks).tolist(), strict=True)
    ), dataset.sha256


def make_dataset(folder: Path, knees: int, size: int) -> None:
    """Knees that differ by what their grade does to them, packed."""
    from jsl_core.dataset import pack

    rng = np.random.default_rng(0)
    grades = np.arange(knees) % 5
    crops = rng.integers(60, 190, (knees, size, size), np.uint8)
    for crop, grade in zip(crops, grades, strict=True):
        crop[size // 2 - 6 : size // 2 + 6 - grade, :] //= 3
    people, sides = 1000001 + np.arange(knees) // 2, 1 + np.arange(knees) % 2
    names = [f"{who}_{side}" for who, side in zip(people, sides, strict=True)]
    table = pd.DataFrame({"ID": names, "participant": people.astype(str), "side": sides, "split": ""})
    factors = dict.fromkeys(("Age", "Sex", "Race", "BMI", "Knee_Injury", "Alignment_degree"), np.nan)
    table = table.assign(Img_path="", BL_KL_grade=grades.astype(float), JSL_Prog=np.nan, **factors)
    pack(dict(zip(names, crops, strict=True)), table, PackSettings(size=size, val=0.2, test=0.2), folder)


def train(folder: Path, settings: TrainingSettings, processes: int, threads: int) -> dict[str, Any]:
    """Median seconds of the epochs after the first, and the predictions."""
    out = folder / f"{settings.backbone}-{processes}x{threads}"
    (folder / "settings.json").write_text(settings.model_dump_json())
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, *(torchrun if processes > 1 else []), "-m", "jsl_core.learning"]
    command += [str(folder / "dataset"), str(out), "--regimes", "kl"]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(
        [*command, "--settings", str(folder / "settings.json")],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    epochs = [float(found[1]) for line in done.stdout.splitlines() if (found := EPOCH.search(line))]
    predictions = pd.read_csv(out / "kl" / "predictions.csv").filter(like="kl_").to_numpy()
    return {
        "processes": processes,
        "threads": threads,
        "epoch_s": statistics.median(epochs[1:]),
        "predictions": predictions,
    }


def teams(folder: Path, knees: int, epochs: int) -> list[dict[str, Any]]:
    """A network without batch statistics, and the demo's, each alone and shared."""
    make_dataset(folder / "dataset", knees, size=112)
    regime = RegimeSettings(epochs=epochs, batch=16, lr=1e-3, dropout=0)
    rows = []
    for backbone in ("squeezenet1_1", "jslnet"):
        settings = TrainingSettings(
            backbone=backbone, augment="none", precision="fp32", device="cpu", kl=regime
        )
        alone, threaded, shared = (
            train(folder, settings, *processes) for processes in ((1, 1), (1, 2), (2, 1))
        )
        for run in (alone, threaded, shared):
            differ = float(np.abs(run["predictions"] - alone["predictions"]).max())
            rows.append(
                {"network": backbone}
                | {key: run[key] for key in ("processes", "threads", "epoch_s")}
                | {"speed_up": alone["epoch_s"] / run["epoch_s"], "largest_difference": differ}
            )
    return rows


def main() -> None:
    parser = options(__doc__, "scale_out")
    parser.add_argument("--films", type=int, default=48)
    parser.add_argument("--knees", type=int, default=320)
    parser.add_argument("--epochs", type=int, default=4)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_phantom(folder, PhantomSettings(patients=chosen.films, seed=3, long_side=(1200, 1600)))
        child = [sys.executable, __file__, "--child", str(folder)]
        prepared = []
        for jobs in WORKERS:
            done = subprocess.run([*child, str(jobs)], check=True, stdout=subprocess.PIPE, text=True)
            prepared.append(json.loads(done.stdout.splitlines()[-1]))
        trained = teams(folder / "training", chosen.knees, chosen.epochs)
    stages = tuple(prepared[0]["seconds"])
    for run in prepared:
        run["speed_up"] = {
            stage: prepared[0]["seconds"][stage] / seconds for stage, seconds in run["seconds"].items()
        }
    show(
        ("workers", *(f"{stage}, s" for stage in stages), *(f"{stage}, ×" for stage in stages[:2])),
        [
            (run["workers"], *run["seconds"].values(), *(run["speed_up"][stage] for stage in stages[:2]))
            for run in prepared
        ],
    )
    assert len({run["dataset"] for run in prepared}) == 1, "the datasets differ"
    print(f"the same dataset each time ({prepared[0]['dataset'][:12]})\n")
    show(
        ("network", "processes", "threads each", "epoch, s", "speed-up", "predictions differ by at most"),
        [tuple(run.values()) for run in trained],
    )
    workers = bars(
        "prepare",
        [f"{jobs} workers" for jobs in WORKERS],
        {stage: [run["speed_up"][stage] for run in prepared] for stage in stages[:2]},
        "times as fast as one worker",
    )
    chart = bars(
        "training",
        [f"{run['network']}\n{run['processes']} × {run['threads']} threads" for run in trained],
        {"": [run["speed_up"] for run in trained]},
        "times as fast as one process of one thread",
    )
    keep(chosen.out, {"prepare": prepared, "training": trained}, workers, chart, width=11)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(prepare(Path(sys.argv[2]), int(sys.argv[3]))))
    else:
        main()
