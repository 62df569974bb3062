"""How a store's commands grow with the store, and `watch` with what has landed: 10,000 to 1,000,000 objects.

    python tests/benchmarks/limits.py [--objects 10000 100000 1000000] [--landed 1000 10000 100000]

Stores of small objects (`large_store.py`), each question in a process of its own: processor seconds, as a
busy machine says the same, and the exponent of their growth from the store before: 1 is as much as there is
more, 2 its square. The file system's own memory is warm. Landed films are a kilobyte each; server and intakes
are left out, the rest is `watch`'s.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from large_store import FIRST_KNEE, build_store, memo_items
from results import keep, options, show

from jsl_core.landing import Batch, FolderLanding, Ledger, stable_files, take_new_files
from jsl_core.storage import Artifact, FolderStore, Store
from jsl_core.storage.memo import Memo
from jsl_core.system.machine import describe_machine

if TYPE_CHECKING:  # a question's process loads what it needs, and no more
    from matplotlib.axes import Axes

_KNEES = 1_536  # of one bucket
_KEPT = 5  # runs that garbage collection keeps


def _keys(store: Store) -> int:
    return sum(1 for _ in store.keys(""))


def _runs(store: Store) -> int:
    from jsl_core.evaluation.run_list import list_runs

    return len(list_runs(store))


def _models(store: Store) -> int:
    from jsl_core.evaluation.run_list import published_models
    from jsl_core.storage.registry import Registry

    registry = Registry(store)
    known = [version for regime in registry.regimes() for version in registry.versions(regime)]
    champions = [registry.champion(regime) for regime in registry.regimes()]
    return len(known) + len(champions) + len(list(published_models(store)))


def _lineage(store: Store) -> int:
    from jsl_core.scans.find_digest import find_digest
    from jsl_core.storage.lineage import Lineage, as_text

    return len(as_text(Lineage(store).trace(find_digest(store, FIRST_KNEE))))


def _garbage(store: Store) -> int:
    from jsl_core.storage.gc import find_garbage

    return len(find_garbage(store, _KEPT).keys)


def _collect(store: Store) -> int:
    from jsl_core.storage.gc import collect_garbage

    return len(collect_garbage(store, _KEPT).keys)


def _undo(store: Store) -> int:
    from jsl_core.storage.gc import undo_collection

    return undo_collection(store)


def _verify(store: Store) -> int:
    from jsl_core.storage.verify import verify_store

    findings = verify_store(store, mend=False)
    if findings:
        sys.exit(f"{len(findings)} objects are not whole, such as {findings[0]}")
    return len(findings)


def _review(store: Store) -> int:
    from deployments.review.desk import Desk

    return len(Desk(store, "latest").entries)


def _look_up(store: Store) -> int:
    """A bucket's records, all of them known."""
    memo = Memo(store, "crop by this code")
    found = memo.get_all(memo_items(store, _KNEES))
    if None in found:
        sys.exit("a record was not found")
    return len(found)


_QUESTIONS: dict[str, Callable[[Store], int]] = {
    "all keys": _keys,
    "jsl runs": _runs,
    "jsl models list": _models,
    "jsl lineage of a knee": _lineage,
    "jsl review, to the first page": _review,
    "a stage's records of a bucket": _look_up,
    "jsl verify": _verify,
    "jsl gc --dry-run": _garbage,
    "jsl gc": _collect,
    "jsl gc --undo": _undo,
}


def land_films(landing: Path, count: int) -> None:
    """Write so many films of a kilobyte; no two are alike."""
    head = b"\0" * 128 + b"DICM"
    for number in range(count):
        folder = landing / f"{number // 1000:03d}"
        if number % 1000 == 0:
            folder.mkdir(parents=True)
        (folder / f"{number:06d}.dcm").write_bytes(head + f"{number:06d}".encode() * 150)


def _watch(store: Store, landing: Path) -> dict[str, float]:
    """One pass of `watch`: seconds to the first claim and in all, files taken."""
    landed, started, first = FolderLanding(landing), time.perf_counter(), math.nan

    def claim(number: int, batch: Batch) -> Batch:
        nonlocal first
        first = time.perf_counter() - started if math.isnan(first) else first
        artifact = store.put(batch.model_dump_json().encode(), "batch.json")
        return Batch.model_validate_json(store.get(Artifact.model_validate(artifact.model_dump())))

    stable = stable_files(landed, 0)
    batches = take_new_files(landed, Ledger(store, landed), stable, claim, lambda number, batch: None)
    return {
        "first": first,
        "seconds": time.perf_counter() - started,
        "count": sum(len(batch.files) for batch in batches),
    }


def measured(what: str, store: Path, landing: Path | None = None) -> dict[str, float]:
    words = [sys.executable, __file__, "--child", what, str(store), *([str(landing)] if landing else [])]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def child(what: str, root: str, landing: str = "") -> None:
    store, started, spent = FolderStore(Path(root)), time.perf_counter(), time.process_time()
    figures = _watch(store, Path(landing)) if landing else {"count": _QUESTIONS[what](store)}
    # ru_maxrss is never less than that of the process that started this one.
    status = Path("/proc/self/status").read_text().splitlines()
    (peak,) = (line.split()[1] for line in status if line.startswith("VmHWM"))
    own = {"cpu": time.process_time() - spent, "peak_mb": int(peak) / 1024}
    print(json.dumps({"seconds": time.perf_counter() - started} | figures | own))


def ask_store(folder: Path, objects: int) -> dict[str, Any]:
    root = folder / f"store of {objects}"
    os.environ["JSL_CACHE_DIR"] = str(folder / "cache")
    store = build_store(root, objects)
    count = sum(1 for _ in store.keys(""))
    print(f"\n{count:,} objects", flush=True)
    answers = {what: _shown(what, measured(what, root)) for what in _QUESTIONS}
    return {"objects": count, "answers": answers}


def land(folder: Path, count: int) -> dict[str, Any]:
    landing, root = folder / f"landing of {count}", folder / f"ledger of {count}"
    land_films(landing, count)
    print(f"\n{count:,} files", flush=True)
    answers = {"watch, all new": _shown("watch, all new", measured("watch", root, landing))}
    if answers["watch, all new"]["count"] != count:
        sys.exit(f"{answers['watch, all new']['count']} of {count} files were taken")
    answers["watch, nothing new"] = _shown("watch, nothing new", measured("watch", root, landing))
    return {"objects": count, "answers": answers}


def _shown(what: str, answer: dict[str, float]) -> dict[str, float]:
    """A line at once: a run that is interrupted has told what it knows, and deleting a store takes long."""
    print(f"{what}: {answer['cpu']:.2f} processor seconds of {answer['seconds']:.2f}", flush=True)
    return answer


def print_growth(title: str, results: Sequence[dict[str, Any]]) -> None:
    print(f"\n{title}")
    heads = ["processor seconds", *(f"{result['objects']:,}" for result in results)]
    heads += [*["growth"] * (len(results) - 1), "by the clock", "peak MB"]
    rows: list[list[object]] = []
    for what in results[0]["answers"]:
        answers = [result["answers"][what] for result in results]
        row: list[object] = [what, *(answer["cpu"] for answer in answers)]
        row += [_exponent(few, many, what) for few, many in pairwise(results)]
        rows.append([*row, answers[-1]["seconds"], answers[-1]["peak_mb"]])
    show(heads, rows)


def _exponent(few: dict[str, Any], many: dict[str, Any], what: str) -> float:
    times = many["answers"][what]["cpu"] / few["answers"][what]["cpu"]
    return math.log(times) / math.log(many["objects"] / few["objects"])


def paint(results: list[dict[str, Any]], axes: "Axes") -> None:
    for what in results[0]["answers"]:
        counts = [result["objects"] for result in results]
        axes.plot(counts, [result["answers"][what]["cpu"] for result in results], "o-", label=what)
    axes.set(
        xscale="log", yscale="log", xlabel="objects", ylabel="processor seconds", title="a store's commands"
    )
    axes.legend(fontsize=6)


def main() -> None:
    parser = options(__doc__, "limits")
    parser.add_argument("--objects", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--landed", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--folder", type=Path, help="where the stores are made and deleted")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        child(*chosen.child)
        return
    print(describe_machine())
    if chosen.folder:
        chosen.folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=chosen.folder)))
        stores = [ask_store(folder, count) for count in sorted(chosen.objects)]
        landings = [land(folder, count) for count in sorted(chosen.landed)]
        if stores:
            print_growth("a store of so many objects", stores)
        if landings:
            print_growth("a landing of so many files", landings)
            for result in landings:
                first = result["answers"]["watch, all new"]["first"]
                print(f"{result['objects']:,} files: the first intake starts after {first:.2f} s")
        print("deleting what was made", flush=True)
    keep(chosen.out, {"stores": stores, "landings": landings}, *[partial(paint, stores)] * bool(stores))


if __name__ == "__main__":
    main()
