"""The store in a bucket: large files beside the AWS CLI, small ones by requests; a whole run done again.

    python tests/benchmarks/store.py transfer --gigabytes 1 --aws /path/to/aws
    python tests/benchmarks/store.py crops --crops 10000
    python tests/benchmarks/store.py warm --patients 1000 [--local]

The server is rclone's `serve s3` on this machine; its log and its buckets lie in a temporary folder. A run is
`jsl run --preset demo` on small phantom films, with all regimes or those of --regimes; --local: in a folder,
without a bucket. Writes OUT.json and OUT.png.
"""

import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1] / "storage"))

from results import bars, keep, options, show
from servers import BUCKET, Server, rclone_server

from jsl_core.config import PhantomSettings
from jsl_core.phantom import write_phantom
from jsl_core.storage import Artifact, open_store
from jsl_core.storage import open as open_module

if TYPE_CHECKING:
    from jsl_core.evaluation.report.style import Paint

OURS = {
    "up": "from pathlib import Path; from jsl_core.storage import open_store\n"
    "import sys; open_store(sys.argv[1]).put_file(Path(sys.argv[2]))",
    "down": "from pathlib import Path; from jsl_core.storage import Artifact, open_store\n"
    "import sys; open_store(sys.argv[1]).fetch(Artifact.model_validate_json(sys.argv[3]), Path(sys.argv[2]))",
}


def seconds(command: Sequence[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def transfer(folder: Path, gigabytes: float, aws: str) -> dict[str, float]:
    """Seconds for one file there and back, by us (with both digests) and by the AWS CLI; whole processes."""
    source = folder / "large"
    with source.open("wb") as file:
        for _ in range(int(gigabytes * 1e9) // (1 << 20)):
            file.write(os.urandom(1 << 20))
    artifact, url = Artifact.of_file(source), f"s3://{BUCKET}/ours"
    python = [sys.executable, "-c"]
    took = {
        "up_cli": seconds([aws, "s3", "cp", str(source), f"s3://{BUCKET}/theirs"]),
        "up_ours": seconds([*python, OURS["up"], url, str(source)]),
        "down_cli": seconds([aws, "s3", "cp", f"s3://{BUCKET}/theirs", str(folder / "back")]),
        "down_ours": seconds([*python, OURS["down"], url, str(folder / "back"), artifact.model_dump_json()]),
    }
    assert Artifact.of_file(folder / "back", "large") == artifact
    return took | {way: took[f"{way}_cli"] / took[f"{way}_ours"] for way in ("up", "down")}


def crops(folder: Path, count: int, bucket: int = 128) -> dict[str, float]:
    """Requests, and seconds, to bring that many crops of 4 kB to a machine that has none."""
    url = f"s3://{BUCKET}/crops"
    store = open_store(url)
    tables = []
    for start in range(0, count, bucket):
        bodies = [
            hashlib.sha256(f"{number}".encode()).digest() * 128
            for number in range(start, min(count, start + bucket))
        ]
        made = [store.put(body, "crop.png") for body in bodies]
        rows = json.dumps([{"png": one.model_dump()} for one in made]).encode()
        tables.append((store.put(rows, "cropped.json"), made))
        store.write_archive(*tables[-1])
    os.environ["JSL_CACHE_DIR"] = str(folder / "another machine")
    open_module._open_bucket.cache_clear()
    far = open_store(url)
    requests = []
    far._far._client.meta.events.register("before-send.s3", lambda **_: requests.append(1))  # type: ignore[attr-defined]
    started = time.perf_counter()
    for table, made in tables:
        far.get(table)
        far.prefetch(table, made)
        for one in made:
            far.get(one)
    return {"crops": count, "requests": len(requests), "seconds": time.perf_counter() - started}


def warm(folder: Path, patients: int, regimes: Sequence[str], store: str) -> dict[str, float]:
    """Seconds of a run of the command in a store, and of the same run again; of all processors, too."""
    write_phantom(folder, PhantomSettings(patients=patients, seed=0, long_side=(600, 700)))
    words = ["--scans", folder / "scans", "--cohort", folder / "JSL.csv", "--store", store]
    jsl = [sys.executable, "-c", "from flows.cli.main import main; main()"]
    words += ["--work", folder / "work", "--max-rejected", 1]
    words += [word for regime in regimes for word in ("--training.regimes", regime)]
    run = [*jsl, "run", "--preset", "demo", *map(str, words)]
    before = _processor_seconds()
    cold, between = seconds(run), _processor_seconds()
    again, after = seconds(run), _processor_seconds()
    return {
        "scans": len(list((folder / "scans").iterdir())),
        "cold": cold,
        "warm": again,
        "share": again / cold,
        "cold, processors": between - before,
        "warm, processors": after - between,
    }


def _processor_seconds() -> float:
    """Of the processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measured(what: str, size: float, aws: str, regimes: Sequence[str], local: bool) -> dict[str, float]:
    """One of the three, with a server and a folder of its own; `size` in GB, crops or participants."""
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory())
        server = None if local else stack.enter_context(rclone_server(Path(name, "buckets")))
        _use(server, Path(name))
        if what == "transfer":
            return transfer(Path(name), size, aws)
        if what == "crops":
            return crops(Path(name), int(size))
        return warm(Path(name), int(size), regimes, f"s3://{BUCKET}/lab" if server else f"{name}/store")


def _use(server: Server | None, folder: Path) -> None:
    os.environ["JSL_CACHE_DIR"] = str(folder / "cache")
    if server:
        region = {"AWS_ENDPOINT_URL": server.endpoint, "AWS_DEFAULT_REGION": "us-east-1"}
        os.environ |= server.environment | region


def main() -> None:
    parser = options(__doc__, "store")
    parser.add_argument("what", choices=("transfer", "crops", "warm"))
    parser.add_argument("--gigabytes", type=float, default=1)
    parser.add_argument("--crops", type=int, default=10000)
    parser.add_argument("--patients", type=int, default=1000)
    parser.add_argument("--regimes", nargs="+", default=[], help="all, if none is named")
    parser.add_argument("--local", action="store_true", help="warm: the store is a folder")
    parser.add_argument("--aws", default="aws", help="the AWS command line's program")
    chosen = parser.parse_args()
    size = {"transfer": chosen.gigabytes, "crops": chosen.crops, "warm": chosen.patients}[chosen.what]
    local = chosen.local and chosen.what == "warm"
    figures = measured(chosen.what, size, chosen.aws, chosen.regimes, local)
    show(tuple(figures), [tuple(figures.values())])
    keep(
        chosen.out,
        {"what": chosen.what, "size": size, "local": local, **figures},
        *_pictures(chosen.what, figures),
    )


def _pictures(what: str, figures: dict[str, float]) -> list["Paint"]:
    if what == "transfer":
        sides = {"AWS CLI": "cli", "JSL, with digests": "ours"}
        series = {side: [figures[f"{way}_{key}"] for way in ("up", "down")] for side, key in sides.items()}
        return [bars("one large file", ["up", "down"], series, "seconds")]
    if what == "crops":
        return [
            bars(
                "crops to another machine",
                ["crops", "requests"],
                {"": [figures["crops"], figures["requests"]]},
                "",
            )
        ]
    title = f"a run of {figures['scans']:.0f} scans"
    return [bars(title, ["cold", "warm"], {"": [figures["cold"], figures["warm"]]}, "seconds")]


if __name__ == "__main__":
    main()
