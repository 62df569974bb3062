"""Everything that goes wrong, at random, on one bucket: the results are those of a run that saw none of it.

    python tests/benchmarks/soak.py [--minutes 30] [--seed 0] [--films 16]

Films land while runs are at work, at most two at a time; meanwhile runs, their Prefect servers and the
bucket's server are killed and started again, bits of objects are flipped, objects grow old, the machine's
copies are lost, and `jsl gc` and `jsl verify --mend` go on beside it. Each command must end well, or be
refused in one line. At the end the digests of dataset, joints, models and report tables must be those of a
run on a folder that nothing happened to.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from results import bars, keep, options

sys.path.insert(0, str(Path(__file__).parents[1] / "storage"))

from servers import BUCKET, MortalServer

from jsl_core.config import PhantomSettings
from jsl_core.phantom import write_phantom
from jsl_core.storage import Store, open_store

_JSL = (sys.executable, "-P", "-c", "from flows.cli.main import main; main()")
_SETTINGS = (  # fewest seconds from films to a report
    *("--preset", "demo", "--pack.size", "32", "--pack.val", "0.25", "--pack.test", "0.25"),
    *("--training.regimes", "kl", "--training.augment", "none", "--training.kl.epochs", "3"),
    *("--evaluate.bootstrap", "20", "--evaluate.gallery", "0", "--max-rejected", "1", "--jobs", "1"),
)
_DAY = 86400.0
_MOST_RUNS = 2  # at a time
_LONGEST_AWAY = 10.0  # seconds of the bucket's server
_FLIPPED = ("cas", "memo", "results", "history", "archives", "scans")
_REFUSED = 1  # exit code of one line


@dataclass
class Soak:
    """A bucket, what is at work on it, and what has happened to it."""

    home: Path
    films: list[Path]
    server: MortalServer
    rng: random.Random
    runs: dict["subprocess.Popen[bytes]", Path] = field(default_factory=dict)  # with their logs
    counts: Counter[str] = field(default_factory=Counter)
    killed: set[int] = field(default_factory=set)

    @property
    def store(self) -> str:
        """The URL of the store."""
        return f"s3://{BUCKET}/soak"

    @property
    def environment(self) -> dict[str, str]:
        """What commands find in their environment."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        own |= {"JSL_CACHE_DIR": str(self.home / "cache"), "JSL_SOAK": str(self.home)}
        return own | {"OMP_NUM_THREADS": "1", "COLUMNS": "300"} | self.server.server.environment

    def command(self, store: str) -> list[str]:
        """A run on what has landed."""
        cohort = self.home / "phantom" / "JSL.csv"
        return [
            *_JSL, "run", *_SETTINGS, "--scans", str(self.home / "landing"), "--cohort", str(cohort),
            "--store", store, "--work", str(self.home / "work" / store.rpartition("/")[2]),
        ]  # fmt: skip

    # What happens, each by its name.

    def land(self) -> None:
        """Let up to three films land, each whole at once."""
        for _ in range(self.rng.randrange(1, 4)):
            if self.films:
                film = self.films.pop()
                shutil.copy(film, self.home / film.name)
                os.replace(self.home / film.name, self.home / "landing" / film.name)

    def run(self) -> None:
        """Start a run where fewer than two are at work."""
        self.reap()
        if len(self.runs) < _MOST_RUNS:
            log = self.home / "logs" / f"{self.counts['run']}.log"
            with log.open("wb") as file:
                run = subprocess.Popen(
                    self.command(self.store), env=self.environment, stdout=file, stderr=file
                )
            self.runs[run] = log
            self.counts["run"] += 1

    def kill(self) -> None:
        """Kill a run's process."""
        if self.runs:
            victim = self.rng.choice(list(self.runs))
            victim.kill()
            self.killed.add(victim.pid)

    def kill_prefect(self) -> None:
        """Kill a Prefect server beside a run."""
        servers = [each for each in self.processes() if b"flows.server.embedded" in _read(each / "cmdline")]
        if servers:
            with suppress(ProcessLookupError):
                os.kill(int(self.rng.choice(servers).name), signal.SIGKILL)

    def restart(self) -> None:
        """Kill the bucket's server, and start it again a while later."""
        self.server.kill()
        time.sleep(self.rng.uniform(0, _LONGEST_AWAY))
        self.server.start()

    def flip(self) -> None:
        """Flip a bit each in up to five objects."""
        folder = self.home / "buckets" / BUCKET / "soak"
        files = sorted(path for kind in _FLIPPED for path in (folder / kind).rglob("*") if path.is_file())
        for path in self.rng.sample(files, min(self.rng.randrange(1, 6), len(files))):
            with suppress(FileNotFoundError):
                data = bytearray(path.read_bytes())
                if data:
                    data[self.rng.randrange(len(data))] ^= 1 << self.rng.randrange(8)
                    path.write_bytes(bytes(data))

    def age(self) -> None:
        """Make all objects two days older, where no run would wonder."""
        self.reap()
        if not self.runs:
            for path in (self.home / "buckets").rglob("*"):
                with suppress(FileNotFoundError):
                    os.utime(path, (path.stat().st_mtime - 2 * _DAY,) * 2)

    def forget(self) -> None:
        """Lose this machine's copies, where no run is reading them."""
        self.reap()
        if not self.runs:
            for name in ("cache", "work"):
                shutil.rmtree(self.home / name, ignore_errors=True)

    def collect(self) -> None:
        """Collect garbage, beside runs or not."""
        self.ask("gc", "--keep-last", "2", "--store", self.store)

    def verify(self) -> None:
        """Read everything, and mend what can be mended."""
        self.ask("verify", self.store, "--mend")

    def ask(self, *words: str) -> str:
        """A command that ends well, or is refused in one line; what it prints."""
        done = subprocess.run([*_JSL, *words], env=self.environment, capture_output=True, text=True)
        refusal = [line for line in done.stderr.splitlines() if line.startswith("jsl: ")]
        is_refused = done.returncode == _REFUSED and len(refusal) >= 1
        if "Traceback" in done.stderr or "internal error" in done.stderr:
            is_refused = False
        if done.returncode and not is_refused:
            sys.exit(f"jsl {words[0]} ended with code {done.returncode}: {done.stderr}")
        return done.stdout

    def reap(self, wait: bool = False) -> None:
        """Look which runs have ended, and how."""
        for run in [run for run in self.runs if wait or run.poll() is not None]:
            code, log = run.wait(), self.runs.pop(run).read_text()
            refused_at_start = code == _REFUSED and "/probe/" in log and "cannot be reached" in log
            if code and not refused_at_start and run.pid not in self.killed:
                sys.exit(f"a run ended with code {code}: {log[-3000:]}")
            self.counts["run that ended well"] += not code
            self.counts["run refused at its start"] += refused_at_start

    def processes(self) -> list[Path]:
        """The processes of runs of this soak."""
        mark = f"JSL_SOAK={self.home}\0".encode()
        return [file.parent for file in Path("/proc").glob("[0-9]*/environ") if mark in _read(file)]


_EVENTS: dict[Callable[[Soak], None], float] = {  # how often, in proportion
    Soak.run: 6, Soak.land: 3, Soak.kill: 1, Soak.kill_prefect: 2, Soak.restart: 4, Soak.flip: 4,
    Soak.age: 1, Soak.forget: 1, Soak.collect: 1, Soak.verify: 1,
}  # fmt: skip


def main() -> None:
    parser = options(__doc__, "soak")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--films", type=int, default=16)
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder, MortalServer(Path(folder, "buckets")) as server:
        os.environ |= server.server.environment
        counts, differences = _soak(Path(folder), server, chosen)
    figures = {
        "seed": chosen.seed,
        "minutes": chosen.minutes,
        "same": not differences,
        "counts": dict(counts),
    }
    events = [name for name in counts if name]
    drawn = bars("soak", events, {"times": [counts[name] for name in events]}, "times")
    keep(chosen.out, figures, drawn)
    print("the same results" if not differences else f"not the same: {differences}")
    sys.exit(bool(differences))


def _soak(home: Path, server: MortalServer, chosen: argparse.Namespace) -> tuple[Counter[str], list[str]]:
    """Let things happen for so many minutes; what happened how often, and which results differ."""
    for name in ("landing", "logs"):
        (home / name).mkdir()
    cohort = PhantomSettings(patients=chosen.films, seed=3, long_side=(400, 500))
    write_phantom(home / "phantom", cohort, jobs=1)
    films = sorted((home / "phantom" / "scans").iterdir())
    soak = Soak(home, films[: len(films) // 3], server, random.Random(chosen.seed))
    for film in films[len(films) // 3 :]:
        shutil.copy(film, home / "landing")
    end = time.monotonic() + 60 * chosen.minutes
    soak.run()
    soak.run()  # two first runs on a new store
    while time.monotonic() < end:
        (happens,) = soak.rng.choices(list(_EVENTS), list(_EVENTS.values()))
        print(f"{end - time.monotonic():5.0f} s left: {happens.__name__}", flush=True)
        happens(soak)
        soak.counts[happens.__name__] += happens is not Soak.run
        soak.reap()
        time.sleep(soak.rng.uniform(0, 8))
    while soak.films:
        soak.land()
    soak.reap(wait=True)
    soak.verify()
    soak.run()
    soak.reap(wait=True)
    verified = soak.ask("verify", soak.store)
    print(verified, flush=True)
    if "everything is as it was written" not in verified:
        sys.exit("damage is left after it was mended and a run has gone on")
    calm = home / "calm"
    subprocess.run(soak.command(str(calm)), env=soak.environment, check=True, stdout=subprocess.DEVNULL)
    wild, quiet = (_results(open_store(url)) for url in (soak.store, str(calm)))
    return soak.counts, [name for name in quiet if wild.get(name) != quiet[name]]


def _results(store: Store) -> dict[str, Any]:
    """What the newest run made: keys that name digests, and the digests of its tables."""
    folder = json.loads(store.read("runs/latest.json") or b"{}")["run"]
    record = json.loads(store.read(f"{folder}/run.json") or b"{}")
    tables = {
        key.rpartition("/")[2]: digest
        for place in (folder, record["dataset"])
        for key, digest in json.loads(store.read(f"{place}/published.json") or b"{}").items()
        if key.endswith((".csv", ".json")) and not key.endswith("settings.json")
    }
    return {name: record[name] for name in ("dataset", "joints", "models")} | tables


def _read(file: Path) -> bytes:
    with suppress(OSError):
        return file.read_bytes()
    return b""


if __name__ == "__main__":
    main()
