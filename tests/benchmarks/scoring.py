"""Scoring a folder of films with the shipped grader beside what it is made of: ingest and bare passes.

    python tests/benchmarks/scoring.py [--films 1000] [--jobs 2] [--rounds 2] [--out scoring]

The same phantom films of 2,000 to 2,500 pixels, uncompressed, on both sides, in turns:

- `jsl score`, as typed in a shell;
- ingest, `jsl split` and `jsl crop`, as typed in a shell; and the grader's passes over the joints, both views
  of each knee, in one process with as many threads as there are jobs.

The shorter time of some rounds counts.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from ingest import MODELS, draw
from results import bars, keep, options, show

from jsl_core.dataset import fit_crop
from jsl_core.learning.model.grader import Grader
from jsl_core.scoring.crops import crop_centre
from jsl_core.system.parallel import parallel_map

_BATCH = 64


def jsl(*arguments: object) -> None:
    command = [sys.executable, "-c", "from flows.cli.main import main; main()", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)


def ingest(root: Path, jobs: int, number: int) -> Path:
    halves, joints = (root / f"{name}-{number}" for name in ("halves", "joints"))
    jsl("split", root / "scans", halves, "--jobs", jobs)
    jsl("crop", halves, joints, "--jobs", jobs)
    return joints


def grade(joints: Path, jobs: int) -> int:
    """The grader's passes over all joints; how many there were."""
    cv2.setNumThreads(jobs)
    grader = Grader.load()
    files = sorted(joints.rglob("*.png"))
    for start in range(0, len(files), _BATCH):
        pictures = [cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) for file in files[start : start + _BATCH]]
        crops = [fit_crop(crop_centre(picture, grader.crop_field), grader.size) for picture in pictures]
        grader.predict(np.stack(crops), pd.DataFrame({"side": [1] * len(crops)}), flip=True)
    return len(files)


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    """Measure, print and keep."""
    parser = options(__doc__, "scoring")
    parser.add_argument("--films", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    chosen = parser.parse_args()
    taken: dict[str, list[float]] = {"jsl score": [], "ingest": [], "passes": []}
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "scans").mkdir()
        list(parallel_map(partial(draw, root, chosen.films), range(min(MODELS, chosen.films)), chosen.jobs))
        for number in range(chosen.rounds):
            out = root / f"scores-{number}.csv"
            score = partial(jsl, "score", root / "scans", "--out", out, "--jobs", chosen.jobs)
            taken["jsl score"].append(timed(score))
            taken["ingest"].append(timed(partial(ingest, root, chosen.jobs, number)))
            taken["passes"].append(timed(partial(grade, root / f"joints-{number}", chosen.jobs)))
            scored = int(pd.read_csv(out)["kl_grade"].notna().sum())
            assert scored == len(list((root / f"joints-{number}").rglob("*.png"))), "a knee was lost"
    least = {name: min(seconds) for name, seconds in taken.items()}
    ratio = least["jsl score"] / (least["ingest"] + least["passes"])
    print(f"{chosen.films} films, {scored} knees, {chosen.jobs} jobs, the shortest of {chosen.rounds} rounds")
    show(("", "s"), [*least.items(), ("jsl score ÷ the two others", ratio)])
    paint = bars(f"{chosen.films} films", list(least), {"": list(least.values())}, "s")
    keep(chosen.out, {"films": chosen.films, "knees": scored, "seconds": taken, "ratio": ratio}, paint)


if __name__ == "__main__":
    main()
