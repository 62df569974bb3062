"""How soon a lab reacts: from a film that lands to its run, from an event to a run on pool gpu.

    python tests/benchmarks/reaction.py [--rounds 5]

A lab of `jsl up`, asked over REST. `watch` waits five seconds for the film to settle, as it does by default.
Scheduled: the server has made the run; running: a worker has taken it, started its process, loaded the flow.
"""

import os
import shutil
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from results import bars, keep, options, show

sys.path.insert(0, str(Path(__file__).parents[1] / "deployments"))

from conftest import SETTINGS
from lab import Lab, start, wait_until

from jsl_core.config import PhantomSettings
from jsl_core.phantom import write_phantom

_EVENT = "jsl.benchmark"


def main() -> None:
    parser = options(__doc__, "reaction")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "lab")
        write_phantom(home, PhantomSettings(patients=chosen.rounds, seed=3, long_side=(400, 500)))
        (home / "landing").mkdir()
        settings = SETTINGS.format(store=home / "store").replace("settle_seconds = 0.2", "settle_seconds = 5")
        (home / "lab.toml").write_text(settings)
        lab = start(home, "--settings", str(home / "lab.toml"))
        try:
            films = sorted((home / "scans").iterdir())
            seconds = [landed(lab, film) for film in films]
            reacted = automated(lab, chosen.rounds)
        finally:
            lab.process.terminate()
            lab.process.wait()
    steps = {name: [each[name] for each in seconds] for name in seconds[0]}
    steps["event to run on pool gpu scheduled"] = reacted
    rows = [(name, statistics.median(values), max(values)) for name, values in steps.items()]
    show(("seconds", "median", "longest"), rows)
    series = {"median": [row[1] for row in rows], "longest": [row[2] for row in rows]}
    keep(
        chosen.out, {"seconds": steps}, bars("a lab's reactions", [row[0] for row in rows], series, "seconds")
    )


def landed(lab: Lab, film: Path) -> dict[str, float]:
    """Seconds between the steps of one film that lands."""
    before = {run["id"] for run in lab.runs("intake")}
    hidden = lab.home / "landing" / f".{film.name}"
    shutil.copy(film, hidden)
    os.replace(hidden, hidden.with_name(film.name))
    asked = lab.run("watch")
    mine: list[Any] = []

    def running() -> bool:
        mine[:] = [run for run in lab.runs("intake") if run["id"] not in before and run["start_time"]]
        return bool(mine)

    wait_until(running)
    (watch,) = [run for run in lab.runs("watch") if run["id"] == asked]
    (intake,) = mine
    fired, scheduled, began = (
        _time(text) for text in (watch["start_time"], intake["created"], intake["start_time"])
    )
    wait_until(lambda: lab.state(intake["id"])["type"] == "COMPLETED")
    return {
        "watch asked for to running": fired - _time(watch["created"]),
        "watch running to intake scheduled": scheduled - fired,
        "intake scheduled to running": began - scheduled,
        "watch running to intake running": began - fired,
    }


def automated(lab: Lab, rounds: int) -> list[float]:
    """Seconds from events to the making of the runs of `train` for which an automation asks."""
    mine = {"deployments": {"name": {"any_": ["train"]}}}
    (train,) = lab.ask("/deployments/filter", mine)
    nothing = "0" * 64  # the run is made, which is all
    lab.ask(
        "/automations/",
        {
            "name": "benchmark",
            "trigger": {
                "type": "event",
                "posture": "Reactive",
                "expect": [_EVENT],
                "threshold": 1,
                "within": 0,
            },
            "actions": [
                {
                    "type": "run-deployment",
                    "deployment_id": train["id"],
                    "parameters": {"dataset": nothing, "settings": {}},
                }
            ],
        },
    )
    time.sleep(5)  # the server's triggers hear of a new automation by and by
    seconds = []
    for _ in range(rounds):
        before = len(lab.runs("train"))
        now = datetime.now(UTC)
        event = {"id": str(uuid4()), "occurred": now.isoformat(), "event": _EVENT, "payload": {}}
        lab.ask("/events", [event | {"resource": {"prefect.resource.id": "jsl.benchmark"}}])
        wait_until(lambda before=before: len(lab.runs("train")) > before)
        seconds.append(_time(lab.runs("train")[-1]["created"]) - now.timestamp())
    return seconds


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


if __name__ == "__main__":
    main()
