"""Kill -9 at random, for a running lab: nothing is lost, nothing done twice, and the model is the same.

    python tests/benchmarks/kills.py [--kills 20] [--seed 0]

Scans land in a lab of `jsl up` while random processes of it are killed: runs in the middle of their work,
workers, or both at once, so that nobody is left to say so. At the end every scan must have been taken and
worked on exactly once, no run may be left over, and the last dataset and model must be those of a lab in
which nobody was killed.
"""

import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from results import bars, keep, options

sys.path.insert(0, str(Path(__file__).parents[1] / "deployments"))

from conftest import SETTINGS
from lab import Lab, is_scheduled, start

from jsl_core.config import PhantomSettings, load_lab
from jsl_core.landing import Batch
from jsl_core.phantom import write_phantom
from jsl_core.storage import Artifact, Registry, Store, open_store
from jsl_core.storage.kept_twice import read_record

_FILMS, _FIRST = 60, 20
_PATIENCE = 900  # seconds for the lab to come to rest: a death that nobody sees is noticed after 100


def main() -> None:
    parser = options(__doc__, "kills")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cohort = Path(folder, "phantom")
        write_phantom(cohort, PhantomSettings(patients=_FILMS, seed=3, long_side=(400, 500)), jobs=1)
        calm = _lab(Path(folder, "calm"), cohort, kills=0, seed=chosen.seed)
        wild = _lab(Path(folder, "wild"), cohort, kills=chosen.kills, seed=chosen.seed)
    same = calm["digests"] == wild["digests"]
    print(f"the same dataset and model: {same}")
    killed = wild["killed"]
    drawn = bars("kill -9", list(killed), {"kills": list(killed.values())}, "times")
    keep(chosen.out, {"same": same, "calm": calm, "wild": wild}, drawn)
    sys.exit(not same)


def _lab(home: Path, cohort: Path, kills: int, seed: int) -> dict[str, Any]:
    """Run a lab with so many kills, check its books, and return the figures and its last digests."""
    (home / "landing").mkdir(parents=True)
    shutil.copy(cohort / "JSL.csv", home)
    # Only the last retraining sees all labels, whatever happened before.
    settings = SETTINGS.format(store=home / "store").replace("retrain_after = 8", "retrain_after = 1000")
    (home / "lab.toml").write_text(settings)
    lab = start(home, "--settings", str(home / "lab.toml"))
    try:
        films = sorted((cohort / "scans").iterdir())
        _land(lab, films[:_FIRST])  # the frozen test participants are drawn from these
        lab.run("watch")
        lab.run("retrain")
        _rest(lab)
        killed = _land_and_kill(lab, films[_FIRST:], kills, random.Random(seed))
        lab.run("watch")
        _rest(lab)
        lab.run("retrain")
        _rest(lab)
        store = open_store(load_lab(home / "lab.toml").settings.store)
        figures = _check(lab, store)
        version = Registry(store).versions("multitask")[-1]
        digests = [version.facts["dataset"]["sha256"], version.model.sha256]
        return figures | {"killed": killed, "digests": digests}
    finally:
        lab.process.terminate()
        lab.process.wait()


def _land_and_kill(lab: Lab, films: list[Path], kills: int, dice: random.Random) -> Counter[str]:
    rounds = max(kills, 1)
    killed: Counter[str] = Counter()
    for number in range(rounds):
        _land(lab, films[number * len(films) // rounds : (number + 1) * len(films) // rounds])
        lab.run("watch")
        if dice.random() < 0.3:
            lab.run("watch")  # two at once
        if number == rounds // 2:
            lab.run("retrain")
        if kills:
            time.sleep(dice.uniform(0, 15))
            killed[_kill(lab, dice)] += 1
    print("killed:", dict(killed), flush=True)
    return killed


def _land(lab: Lab, films: list[Path]) -> None:
    for film in films:
        hidden = lab.home / "landing" / f".{film.name}"
        shutil.copy(film, hidden)
        os.replace(hidden, hidden.with_name(film.name))


def _kill(lab: Lab, dice: random.Random) -> str:
    """Kill a run's process, a worker, or a worker with all its runs; which of them."""
    while lab.process.poll() is None:
        runs = [each for each in lab.processes() if _is_run(each)]
        workers = [each for each in lab.processes() if _is_worker(each)]
        what = dice.choice(["run", "run", "run", "worker", "both"])
        victims = {"run": runs and [dice.choice(runs)], "worker": workers and [dice.choice(workers)]}.get(
            what, workers and runs and [*workers, *runs]
        )
        if victims:
            for victim in victims:
                with suppress(ProcessLookupError):
                    os.kill(int(victim.name), signal.SIGKILL)
            return what
        time.sleep(0.2)
    sys.exit("the lab has ended")


def _is_run(process: Path) -> bool:
    return b"PREFECT__FLOW_RUN_ID=" in _read(process / "environ")


def _is_worker(process: Path) -> bool:
    words = _read(process / "cmdline").split(b"\0")
    return b"worker" in words and b"deployments.supervisor" not in words and not _is_run(process)


def _read(file: Path) -> bytes:
    with suppress(OSError):
        return file.read_bytes()
    return b""


def _rest(lab: Lab) -> None:
    """Wait until every run has ended."""
    unfinished = {"flow_runs": {"state": {"type": {"not_any_": ["COMPLETED", "CANCELLED", "FAILED"]}}}}
    deadline = time.monotonic() + _PATIENCE
    left = None
    while left != []:
        if time.monotonic() > deadline:
            sys.exit(f"left over: {left}")
        time.sleep(1)
        runs = lab.ask("/flow_runs/filter", unfinished)
        if isinstance(runs, int):  # a refusal
            left = [f"the server answers {runs}"]
        else:
            waiting = [run for run in runs if not is_scheduled(run)]
            left = [(run["name"], run["state_name"], run["run_count"]) for run in waiting]


def _check(lab: Lab, store: Store) -> dict[str, Any]:
    failed = [run for run in lab.ask("/flow_runs/filter", {}) if run["state_type"] == "FAILED"]
    if failed:
        sys.exit(f"failed: {[(run['name'], run['state']['message']) for run in failed]}")
    keys = [key for key in store.keys("landing") if key.endswith(".json")]
    books = [key for key in keys if "/joints/" not in key]
    entries = [read_record(store, key, Batch.model_validate) for key in books]
    taken = Counter(scan.sha256 for entry in entries if entry for scan in entry.scans)
    there = {Artifact.of_file(film).sha256 for film in (lab.home / "landing").iterdir()}
    runs = lab.runs("intake")
    resumed = sum(
        run["run_count"] > 1 for name in ("watch", "intake", "retrain", "train") for run in lab.runs(name)
    )
    figures = {
        "scans landed": len(there),
        "scans taken": len(taken),
        "most often": max(taken.values()),
        "batches": len(books),
        "intakes": len(runs),
        "intakes done": len(keys) - len(books),
        "runs resumed": resumed,
    }
    print(", ".join(f"{name} {count}" for name, count in figures.items()), flush=True)
    if (
        set(taken) != there
        or set(taken.values()) != {1}
        or not len(books) == len(runs) == len(keys) - len(books)
    ):
        sys.exit("something was lost, or done twice")
    return figures


if __name__ == "__main__":
    main()
