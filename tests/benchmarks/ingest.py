"""Films per second from DICOM to joints, stage by stage: JSL, a chain of others' tools, the bare minimum.

    python tests/benchmarks/ingest.py [--films 48] [--jobs 2] [--out ingest]

The same phantom films of 2,000 to 2,500 pixels, uncompressed, and the same network's weights on all sides:

- JSL: `jsl convert`, `jsl split` and `jsl crop`, as typed in a shell;
- theirs: DCMTK's dcmj2pnm, ImageMagick's convert, and a script round OpenCV's Darknet importer, which loads
  the network once a process; xargs runs as many of each as there are jobs;
- bare: decode, scale to 8 bits, encode, and one pass of the network a knee, in as many processes; nothing
  that a pipeline needs besides (windows, gate, sides, records, resuming).

Programs take their time to start. Rates are of one film more: the time of all films less that of one alone,
both the shortest of some rounds.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
import pydicom
from opencv_crops import Importer
from results import bars, keep, options, show

from jsl_core.config import CropSettings, PhantomSettings
from jsl_core.phantom.anatomy import make_generator
from jsl_core.phantom.dicom import encode_film
from jsl_core.phantom.encoding import draw_encoding, stored_values
from jsl_core.phantom.film import make_film
from jsl_core.system.parallel import parallel_map

MODELS = 12  # phantom films that the many are made of
STAGES = {
    "read, render": "DICOM to a film's PNG",
    "split": "a film's PNG to two knees",
    "read, render, split": "DICOM to two knees",
    "crop": "a knee to its joint",
    "all": "DICOM to two joints",
}
READ = 'dcmj2pnm +Wi 1 +on "$1" "$2/$(basename "$1" .dcm).png"'
SPLIT = 'convert "$1" -crop 50%x100% +repage "$2/$(basename "$1" .png)_%d.png"'


@dataclass
class Place:
    """A folder of scans, and where each side puts what it makes of them."""

    root: Path
    jobs: int
    films: list[Path] = field(init=False)

    def __post_init__(self) -> None:
        self.films = sorted((self.root / "scans").iterdir())

    def fresh(self, name: str) -> Path:
        shutil.rmtree(self.root / name, ignore_errors=True)
        (self.root / name).mkdir()
        return self.root / name

    def made(self, name: str) -> list[Path]:
        return sorted((self.root / name).glob("*.png"))


def draw(root: Path, count: int, model: int) -> None:
    """Films number `model`, `model` + MODELS, … below `count`: one picture, one bit apart."""
    settings = PhantomSettings(seed=9, long_side=(2000, 2500))
    film = make_film(settings.seed, model, settings)
    drawn = draw_encoding(make_generator(settings.seed, model, "encoding"))
    encoding = replace(
        drawn, windowed=True, flipped=False, spacing="PixelSpacing", syntax="ExplicitVRLittleEndian"
    )
    for number in range(model, count, MODELS):
        values = stored_values(film, encoding)
        values.flat[number] ^= 1
        name = str(1000001 + number)
        (root / "scans" / f"{name}.dcm").write_bytes(encode_film(values, name, film.spacing_mm, encoding))


def ours(command: str, source: str, target: str, place: Place) -> None:
    jsl = [
        sys.executable,
        "-c",
        "from flows.cli.main import main; main()",
        command,
        "--jobs",
        str(place.jobs),
    ]
    folders = [str(place.root / source), str(place.fresh(target))]
    subprocess.run([*jsl, *folders], check=True, capture_output=True)


def shell(script: str, files: list[Path], target: Path, jobs: int) -> None:
    command = ["xargs", "-P", str(jobs), "-I", "{}", "sh", "-c", script, "-", "{}", str(target)]
    subprocess.run(command, input="\n".join(map(str, files)), text=True, check=True)


def importer(net: Path, files: list[Path], target: Path, jobs: int) -> None:
    each = str(-(-len(files) // jobs))
    script = [sys.executable, str(Path(__file__).with_name("opencv_crops.py"))]
    command = ["xargs", "-P", str(jobs), "-n", each, *script, *map(str, network_files(net)), str(target)]
    subprocess.run(command, input="\n".join(map(str, files)), text=True, check=True)


def network_files(net: Path) -> tuple[Path, Path]:
    return net / "knee.cfg", net / "knee.weights"


@cache
def imported(net: Path) -> Importer:
    return Importer(*map(str, network_files(net)))


def shown(path: Path) -> np.ndarray:
    ds = pydicom.dcmread(path)
    return (ds.pixel_array >> (ds.BitsStored - 8)).astype(np.uint8)


def halves(film: np.ndarray) -> list[np.ndarray]:
    middle = film.shape[1] // 2
    return [np.ascontiguousarray(half) for half in (film[:, :middle], film[:, middle:])]


def write(image: np.ndarray, target: Path, name: str) -> None:
    cv2.imwrite(str(target / name), image)


def bare_read(target: Path, path: Path) -> None:
    write(shown(path), target, f"{path.stem}.png")


def bare_halves(target: Path, path: Path) -> None:
    film = shown(path) if path.suffix == ".dcm" else cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    for number, half in enumerate(halves(film)):
        write(half, target, f"{path.stem}_{number}.png")


def bare_joint(target: Path, net: Path, path: Path) -> None:
    write(imported(net).cut(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)), target, path.name)


def bare_all(knees: Path, joints: Path, net: Path, path: Path) -> None:
    """From file to joints in one go: what stands between the stages stays in memory, and is written too."""
    for number, half in enumerate(halves(shown(path))):
        write(half, knees, f"{path.stem}_{number}.png")
        write(imported(net).cut(half), joints, f"{path.stem}_{number}.png")


def bare(work: Callable[[Path], None], files: list[Path], jobs: int) -> None:
    list(parallel_map(work, files, jobs))


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure(place: Place, net: Path, theirs: bool) -> dict[str, dict[str, float]]:
    """Seconds by side and stage, each after the one that it takes its files from."""
    jobs, films = place.jobs, place.films
    took: dict[str, dict[str, float]] = {"JSL": {}, "bare": {}}
    mine, plain = took["JSL"], took["bare"]
    mine["read, render"] = timed(lambda: ours("convert", "scans", "films", place))
    mine["split"] = timed(lambda: ours("split", "films", "halves", place))
    mine["read, render, split"] = timed(lambda: ours("split", "scans", "knees", place))
    mine["crop"] = timed(lambda: ours("crop", "knees", "joints", place))
    mine["all"] = mine["read, render, split"] + mine["crop"]
    assert len(place.made("joints")) == 2 * len(films), "JSL did not find every joint"
    folder = place.fresh("bare-films")
    plain["read, render"] = timed(lambda: bare(partial(bare_read, folder), films, jobs))
    folder = place.fresh("bare-halves")
    plain["split"] = timed(lambda: bare(partial(bare_halves, folder), place.made("bare-films"), jobs))
    folder = place.fresh("bare-knees")
    plain["read, render, split"] = timed(lambda: bare(partial(bare_halves, folder), films, jobs))
    folder = place.fresh("bare-joints")
    plain["crop"] = timed(lambda: bare(partial(bare_joint, folder, net), place.made("bare-knees"), jobs))
    both = place.fresh("bare-knees"), place.fresh("bare-joints")
    plain["all"] = timed(lambda: bare(partial(bare_all, *both, net), films, jobs))
    if theirs:
        other = took["theirs"] = {}
        folder = place.fresh("their-films")
        other["read, render"] = timed(lambda: shell(READ, films, folder, jobs))
        folder = place.fresh("their-knees")
        other["split"] = timed(lambda: shell(SPLIT, place.made("their-films"), folder, jobs))
        other["read, render, split"] = other["read, render"] + other["split"]
        folder = place.fresh("their-joints")
        other["crop"] = timed(lambda: importer(net, place.made("their-knees"), folder, jobs))
        other["all"] = other["read, render, split"] + other["crop"]
        assert len(place.made("their-joints")) == 2 * len(films), "the shell's chain lost a joint"
    return took


def least(rounds: Sequence[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """The shortest time of each side and stage: what others on the machine took away is left out."""
    return {
        side: {stage: min(took[side][stage] for took in rounds if side in took) for stage in stages}
        for side, stages in rounds[0].items()
    }


def export(net: Path) -> None:
    """The shipped network in Darknet's format."""
    from jsl_core.detection.detector import load_chosen_model
    from jsl_core.detection.export import export_detector

    export_detector(load_chosen_model(CropSettings()), net, "darknet")


def main() -> None:
    parser = options(__doc__, "ingest")
    parser.add_argument("--films", type=int, default=48)
    parser.add_argument(
        "--rounds", type=int, default=2, help="the shortest time of so many counts; theirs has one"
    )
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    chosen = parser.parse_args()
    theirs = bool(shutil.which("dcmj2pnm") and shutil.which("convert"))
    if not theirs:
        print("dcmj2pnm and convert are not installed: no chain of others' tools to compare with")
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for folder in ("one/scans", "scans"):
            (root / folder).mkdir(parents=True)
        list(parallel_map(partial(draw, root, chosen.films), range(min(MODELS, chosen.films)), chosen.jobs))
        shutil.copy(min((root / "scans").iterdir()), root / "one" / "scans")
        export(root / "net")
        places = Place(root / "one", chosen.jobs), Place(root, chosen.jobs)
        measure(places[0], root / "net", theirs)  # reads the programs from the disk
        taken = [
            [measure(place, root / "net", theirs and number == 0) for place in places]  # theirs takes minutes
            for number in range(chosen.rounds)
        ]
    one, every = (least(rounds) for rounds in zip(*taken, strict=True))
    more = {
        side: {stage: (every[side][stage] - one[side][stage]) / (chosen.films - 1) for stage in STAGES}
        for side in every
    }
    rates = {side: {stage: 1 / seconds for stage, seconds in stages.items()} for side, stages in more.items()}
    print(f"{chosen.films} films, {chosen.jobs} jobs; films per second, and times as fast as …")
    rows = []
    for stage, what in STAGES.items():
        mine, other, plain = (rates.get(side, {}).get(stage) for side in ("JSL", "theirs", "bare"))
        start = one["JSL"][stage] - more["JSL"][stage]
        rows.append((what, mine, other, plain, mine / other if other else None, plain / mine, start))
    show(("", "JSL", "theirs", "bare", "JSL ÷ theirs", "JSL's time ÷ bare time", "JSL's start, s"), rows)
    figures = {"films": chosen.films, "jobs": chosen.jobs, "one_film_s": one, "all_films_s": every}
    series = {side: list(stages.values()) for side, stages in rates.items()}
    paint = bars(f"From DICOM to joints, {chosen.jobs} processes", list(STAGES.values()), series, "films/s")
    keep(chosen.out, figures | {"films_per_s": rates}, paint, height=5)


if __name__ == "__main__":
    main()
