"""What Prefect costs: `prepare` beside the same functions in a plain loop; what it costs to run again.

    python tests/benchmarks/orchestration.py [--films 100 1000] [--side 600] [--deployments] [--folder FOLDER]

Phantom films of so many pixels, no two the same. Both sides keep the same records and results in a store of
their own and use the same worker processes; what differs is Prefect: server, database, tasks and flows. The
server's start and end are counted in. With --deployments the same films go through `prepare` on a running lab
of `jsl up` as well, asked for over REST: from then to the end of the run. FOLDER keeps the films for another
time (a film of 2,000 pixels has 6 MB).
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from results import keep, options, show

sys.path.insert(0, str(Path(__file__).parents[1] / "deployments"))

from lab import ENDED, start, wait_until

from jsl_core.config import PhantomSettings, PipelineSettings
from jsl_core.scans.buckets import assign_buckets
from jsl_core.system.machine import describe_machine

if TYPE_CHECKING:  # every worker process loads this file, too
    import pydicom
    from matplotlib.axes import Axes

_MODELS = 20  # phantom films that the many are made of


def make_films(folder: Path, count: int, side: int) -> "list[pydicom.Dataset]":
    """Films `000000.dcm` … of as many participants, and a table of their knees; what more can be made of."""
    import pandas as pd
    import pydicom

    from jsl_core.phantom import write_phantom

    phantoms = PhantomSettings(patients=_MODELS, seed=1, long_side=(side, side + side // 4))
    write_phantom(folder / "phantom", phantoms)
    films = [pydicom.dcmread(path) for path in sorted((folder / "phantom" / "scans").iterdir())]
    for film in films:
        if film.file_meta.TransferSyntaxUID.is_compressed:
            film.decompress()
    knees = pd.read_csv(folder / "phantom" / "JSL.csv", dtype={"ID": str})
    there = len(list((folder / "scans").glob("*")))
    for number in range(count, there):  # what an earlier measurement has added
        (folder / "scans" / f"{number:06d}.dcm").unlink()
    add_films(folder, films, range(there, count))
    rows = [
        knees.iloc[2 * (number % _MODELS) + side - 1].to_dict() | {"ID": f"{2000001 + number}_{side}"}
        for number in range(count + count // 50 + 2)
        for side in (1, 2)
    ]
    pd.DataFrame(rows).to_csv(folder / "JSL.csv", index=False)
    return films


def add_films(folder: Path, films: "list[pydicom.Dataset]", numbers: range) -> None:
    (folder / "scans").mkdir(exist_ok=True)
    for number in numbers:
        film = films[number % _MODELS]
        pixels = film.pixel_array.copy()
        pixels.flat[number % pixels.size] ^= 1  # one bit makes it another film
        film.PixelData, film.PatientID = pixels.tobytes(), str(2000001 + number)
        film.SOPInstanceUID = film.file_meta.MediaStorageSOPInstanceUID = f"2.25.{number + 1}"
        film.save_as(folder / "scans" / f"{number:06d}.dcm")


def settings_of(folder: Path, store: Path, size: int = 64, seed: int = 0) -> PipelineSettings:
    places = {"scans": str(folder / "scans"), "cohort": str(folder / "JSL.csv"), "store": str(store)}
    return PipelineSettings.model_validate(
        places | {"pack": {"size": size, "seed": seed}, "max_rejected": 1.0}
    )


def plain(settings: PipelineSettings) -> None:
    """The stages' functions, bucket after bucket, two buckets at a time as the flow does."""
    from tasks.caching import Placement
    from tasks.convert import convert
    from tasks.crop import crop
    from tasks.fetch import list_all
    from tasks.fit import fit
    from tasks.gather import gather
    from tasks.pack import pack
    from tasks.split import split

    place = Placement.of(settings)
    buckets = assign_buckets(list_all(settings, place), place.open())
    with ThreadPoolExecutor(2) as pool:
        films = list(pool.map(partial(convert.fn, settings=settings.convert, placement=place), buckets))
        halves = list(pool.map(partial(split.fn, settings=settings.split, placement=place), films))
        joints = list(pool.map(partial(crop.fn, settings=settings.crop, placement=place), halves))
        fitted = list(pool.map(partial(fit.fn, size=settings.pack.size, placement=place), joints))
    gathered = gather.fn(films, halves, joints, place)
    cohort = place.open().put_file(Path(settings.cohort))
    pack.fn(gathered.joints, fitted, [], cohort, settings.pack, place)


def flow(settings: PipelineSettings) -> None:
    from flows.server.embedded import embedded_prefect

    with embedded_prefect(Path(settings.store, "prefect"), "flows.prepare"):
        from flows.prepare import prepare
        from tasks.caching import results_block

        prepare.with_options(result_storage=results_block(settings.store))(settings)


def measured(how: str, folder: Path, store: Path, size: int = 64, seed: int = 0) -> dict[str, float]:
    """Seconds by the clock and of all processors, and the largest process's peak memory in MB."""
    words = [sys.executable, __file__, "--child", how, str(folder), str(store), str(size), str(seed)]
    started = time.perf_counter()
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures | {"seconds": time.perf_counter() - started}


def child(how: str, folder: Path, store: Path, size: int, seed: int) -> None:
    {"plain": plain, "flow": flow}[how](settings_of(folder, store, size, seed))
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    print(json.dumps({"cpu": cpu, "peak_mb": max(usage.ru_maxrss for usage in usages) / 1024}))


def deployed(folder: Path, home: Path) -> dict[str, float]:
    """Seconds from asking a running lab for `prepare` to its end."""
    lab = start(home, "--store", str(home / "store"))
    try:
        asked = time.time()
        parameters = settings_of(folder, home / "store").model_dump(mode="json", exclude_defaults=True)
        run = lab.run("prepare", {"settings": parameters})
        # Asking costs the server what it would have for the run; it knows when that ended.
        wait_until(lambda: lab.state(run)["type"] in ENDED, seconds=36_000, pause=5.0)
        state = lab.state(run)
        if state["type"] != "COMPLETED":
            sys.exit(f"prepare ended: {state['message']}")
        return {"seconds": datetime.fromisoformat(state["timestamp"]).timestamp() - asked}
    finally:
        lab.process.terminate()
        lab.process.wait()


def compare(folder: Path, count: int, side: int, with_lab: bool) -> dict[str, Any]:
    films = make_films(folder, count, side)
    for name in ("plain", "flow", "lab"):
        shutil.rmtree(folder / name, ignore_errors=True)
    runs = {"plain": measured("plain", folder, folder / "plain")}
    shutil.rmtree(folder / "plain")
    if with_lab:
        runs["deployed"] = deployed(folder, folder / "lab")
        shutil.rmtree(folder / "lab")
    runs["flow"] = measured("flow", folder, folder / "flow")
    database = sum(path.stat().st_size for path in (folder / "flow" / "prefect").glob("*.db*"))
    runs["again"] = measured("flow", folder, folder / "flow")
    runs["other split"] = measured("flow", folder, folder / "flow", seed=1)
    runs["other size"] = measured("flow", folder, folder / "flow", size=72)
    add_films(folder, films, range(count, count + 1))
    runs["one new"] = measured("flow", folder, folder / "flow")
    add_films(folder, films, range(count + 1, count + 1 + max(count // 100, 1)))
    runs["1 % new"] = measured("flow", folder, folder / "flow")
    shutil.rmtree(folder / "flow")
    result = {"films": count, "side": side, "database_mb": database / 1e6, "runs": runs}
    print_table(result)
    return result


def print_table(result: dict[str, Any]) -> None:
    runs = result["runs"]
    plain, cold = runs["plain"]["seconds"], runs["flow"]["seconds"]
    print(
        f"\n{result['films']} films of {result['side']} pixels and more; "
        f"Prefect's database {result['database_mb']:.1f} MB"
    )
    heads = ("run", "seconds", "÷ plain", "÷ cold", "processor s", "peak MB")
    rows = [
        (
            name,
            run["seconds"],
            run["seconds"] / plain,
            run["seconds"] / cold,
            run.get("cpu"),
            run.get("peak_mb"),
        )
        for name, run in runs.items()
    ]
    show(heads, rows)


def print_growth(few: dict[str, Any], many: dict[str, Any]) -> None:
    cold = [result["runs"]["flow"] for result in (few, many)]
    growth = {name: cold[1][name] / cold[0][name] for name in ("seconds", "peak_mb")}
    print(
        f"\n{many['films'] / few['films']:g} times the films: {growth['seconds']:.2f} times the seconds, "
        f"{growth['peak_mb']:.2f} times the peak memory, "
        f"{many['database_mb'] / few['database_mb']:.2f} times the database"
    )


def paint(results: list[dict[str, Any]], axes: "Axes") -> None:
    for name in results[0]["runs"]:
        counts = [result["films"] for result in results]
        axes.plot(counts, [result["runs"][name]["seconds"] for result in results], "o-", label=name)
    axes.set(xscale="log", yscale="log", xlabel="films", ylabel="seconds", title="prepare, phantom films")
    axes.legend()


def main() -> None:
    parser = options(__doc__, "orchestration")
    parser.add_argument("--films", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--side", type=int, default=600)
    parser.add_argument("--deployments", action="store_true")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--child", nargs=5, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        how, folder, store, size, seed = chosen.child
        child(how, Path(folder), Path(store), int(size), int(seed))
        return
    print(describe_machine())
    with ExitStack() as stack:
        folder = chosen.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        counts = sorted(chosen.films)
        results = [compare(folder, count, chosen.side, chosen.deployments) for count in counts]
    for few, many in pairwise(results):
        print_growth(few, many)
    keep(chosen.out, {"results": results}, partial(paint, results))


if __name__ == "__main__":
    main()
