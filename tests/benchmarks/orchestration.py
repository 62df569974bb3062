"""What Prefect costs: `prepare` beside the same functions in a plain loop; what it costs to run again.

python tests/benchmarks/orchestration.py [--films 100 1000] [--out orchestration]

Small phantom films, each with its own noise. Both sides keep the same records and results in a store of their
own and use the same worker processes; what differs is Prefect: its server, database, task and flow runs. The
server's start and end are counted in. Prints a table and writes OUT.json and OUT.png.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
import pydicom

from jsl_core.config import PhantomSettings, PipelineSettings
from jsl_core.phantom import write_phantom
from jsl_core.scans import in_buckets, list_scans

_MODELS = 20  # phantom films that the many are made of


def make_films(folder: Path, count: int) -> None:
    """Films `000000.dcm` … of as many participants, and a table of their knees."""
    write_phantom(folder / "phantom", PhantomSettings(patients=_MODELS, seed=1, long_side=(600, 640)))
    films = [pydicom.dcmread(path) for path in sorted((folder / "phantom" / "scans").iterdir())]
    for film in films:
        if film.file_meta.TransferSyntaxUID.is_compressed:
            film.decompress()
    knees = pd.read_csv(folder / "phantom" / "JSL.csv", dtype={"ID": str})
    add_films(folder, films, range(count))
    rows = [
        knees.iloc[2 * (number % _MODELS) + side - 1].to_dict() | {"ID": f"{2000001 + number}_{side}"}
        for number in range(count + count // 50 + 2)
        for side in (1, 2)
    ]
    pd.DataFrame(rows).to_csv(folder / "JSL.csv", index=False)


def add_films(folder: Path, films: list[pydicom.Dataset], numbers: range) -> None:
    (folder / "scans").mkdir(exist_ok=True)
    for number in numbers:
        film = films[number % _MODELS]
        pixels = film.pixel_array.copy()
        pixels.flat[number % pixels.size] ^= 1  # one bit makes it another film
        film.PixelData, film.PatientID = pixels.tobytes(), str(2000001 + number)
        film.SOPInstanceUID = film.file_meta.MediaStorageSOPInstanceUID = f"2.25.{number + 1}"
        film.save_as(folder / "scans" / f"{number:06d}.dcm")


def settings_of(folder: Path, store: Path, size: int = 64) -> PipelineSettings:
    places = {"scans": str(folder / "scans"), "cohort": str(folder / "JSL.csv"), "store": str(store)}
    return PipelineSettings.model_validate(places | {"pack": {"size": size}, "max_rejected": 1.0})


def plain(settings: PipelineSettings) -> None:
    """The stages' functions, bucket after bucket, two buckets at a time as the flow does."""
    from tasks.caching import Placement
    from tasks.convert import convert
    from tasks.crop import crop
    from tasks.gather import gather
    from tasks.pack import pack
    from tasks.split import split

    place = Placement.of(settings)
    buckets = in_buckets(list_scans(Path(settings.scans)))
    with ThreadPoolExecutor(2) as pool:
        films = list(pool.map(partial(convert.fn, settings=settings.convert, place=place), buckets))
        halves = list(pool.map(partial(split.fn, settings=settings.split, place=place), films))
        joints = list(pool.map(partial(crop.fn, settings=settings.crop, place=place), halves))
    gathered = gather.fn(films, halves, joints, place)
    pack.fn(gathered.joints, place.open().put_file(Path(settings.cohort)), settings.pack, place)


def flow(settings: PipelineSettings) -> None:
    from flows.embedded import embedded_prefect

    with embedded_prefect(Path(settings.store, "prefect")):
        from flows.prepare import prepare
        from tasks.caching import results_block

        prepare.with_options(result_storage=results_block(settings.store))(settings)


def measured(how: str, folder: Path, store: Path, size: int = 64) -> dict[str, float]:
    """Seconds by the clock and of all processors, and the largest process's peak memory in MB."""
    words = [sys.executable, __file__, "--child", how, str(folder), str(store), str(size)]
    started = time.perf_counter()
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told | {"seconds": time.perf_counter() - started}


def child(how: str, folder: Path, store: Path, size: int) -> None:
    {"plain": plain, "flow": flow}[how](settings_of(folder, store, size))
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    print(json.dumps({"cpu": cpu, "peak_mb": max(usage.ru_maxrss for usage in usages) / 1024}))


def compare(count: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_films(folder, count)
        once = measured("plain", folder, folder / "plain")
        cold = measured("flow", folder, folder / "flow")
        database = sum(path.stat().st_size for path in (folder / "flow" / "prefect").glob("*.db*"))
        warm = measured("flow", folder, folder / "flow")
        last = measured("flow", folder, folder / "flow", size=72)
        films = [pydicom.dcmread(path) for path in sorted((folder / "scans").iterdir())[:_MODELS]]
        add_films(folder, films, range(count, count + 1))
        one = measured("flow", folder, folder / "flow")
        add_films(folder, films, range(count + 1, count + 1 + max(count // 100, 1)))
        percent = measured("flow", folder, folder / "flow")
        shutil.rmtree(folder / "plain")
    runs = {
        "plain": once,
        "flow": cold,
        "again": warm,
        "last stage": last,
        "one new": one,
        "1 % new": percent,
    }
    return {"films": count, "database_mb": database / 1e6, "runs": runs}


def show(results: list[dict[str, Any]], out: Path) -> None:
    for result in results:
        runs, cold = result["runs"], result["runs"]["flow"]
        print(f"\n{result['films']} films; Prefect's database {result['database_mb']:.1f} MB")
        print("run           seconds   ÷ plain   ÷ cold   processor s   peak MB")
        for name, run in runs.items():
            print(
                f"{name:12}  {run['seconds']:7.1f}   {run['seconds'] / runs['plain']['seconds']:7.3f}"
                f"   {run['seconds'] / cold['seconds']:6.3f}   {run['cpu']:11.1f}   {run['peak_mb']:7.0f}"
            )
    out.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")
    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4))
    for name in results[0]["runs"]:
        counts = [result["films"] for result in results]
        axes.plot(counts, [result["runs"][name]["seconds"] for result in results], "o-", label=name)
    axes.set(xscale="log", yscale="log", xlabel="films", ylabel="seconds", title="prepare, phantom films")
    axes.legend()
    figure.savefig(out.with_suffix(".png"), dpi=120, bbox_inches="tight")


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--films", type=int, nargs="+", default=[100, 1000])
    options.add_argument("--out", type=Path, default=Path("orchestration"))
    options.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.child:
        how, folder, store, size = chosen.child
        child(how, Path(folder), Path(store), int(size))
        return
    print(f"{os.cpu_count()} processor cores")
    show([compare(count) for count in chosen.films], chosen.out)


if __name__ == "__main__":
    main()
