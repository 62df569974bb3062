"""Films per second from DICOM to two half PNGs: `jsl split`, DCMTK with ImageMagick, and the bare minimum.

    python tests/benchmarks/imaging_speed.py --films 48

Films are 2,000 x 2,500 px of 12, 14 and 16 bits, with a film's grain, in files that have been read before.
"""

import argparse
import io
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pydicom

sys.path.insert(0, str(Path(__file__).parents[1] / "imaging"))

from films import dicom, legs, save, stored

from jsl_core.config import ConvertSettings, SplitSettings
from jsl_core.imaging import split_folder
from jsl_core.imaging.stages import split_scan
from jsl_core.parallel import parallel_map

THEIRS = (
    'dcmj2pnm +Wi 1 +on "$1" "$2/$(basename "$1").png" && '
    'convert "$2/$(basename "$1").png" -crop 50%x100% +repage "$2/$(basename "$1")-%d.png"'
)


def make(folder: Path, count: int) -> list[Path]:
    paths = []
    for number in range(count):
        bits = (12, 14, 16)[number % 3]
        window = {
            "WindowCenter": 1 << (bits - 1),
            "WindowWidth": 1 << bits,
            "PatientID": str(1000001 + number),
        }
        film = dicom(stored(legs(2000, 2500, seed=number), bits), bits=bits, **window)
        paths.append(save(film, folder / f"{number:03d}.dcm"))
    return paths


def bare(path: Path) -> None:
    """Decode, bring to 8 bits, encode the two halves: nothing that a pipeline needs besides."""
    ds = pydicom.dcmread(io.BytesIO(path.read_bytes()))
    pixels = (ds.pixel_array >> (ds.BitsStored - 8)).astype(np.uint8)
    middle = pixels.shape[1] // 2
    for half in (pixels[:, :middle], pixels[:, middle:]):
        cv2.imencode(".png", np.ascontiguousarray(half))


def memory(path: Path) -> int:
    """The most memory in KiB that a worker has held once it has split a film."""
    split_scan(path.read_bytes(), path.name, {}, ConvertSettings(), SplitSettings())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--films", type=int, default=48)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        paths = make(root / "scans", options.films)
        list(parallel_map(bare, paths, options.jobs))  # warms the files and starts the fork server

        def ours() -> None:
            settings = SplitSettings(), ConvertSettings()
            rows = split_folder(root / "scans", root / "knees", *settings, jobs=options.jobs)
            assert sum(not row["reason"] for row in rows) == 2 * options.films

        def theirs() -> None:
            (root / "theirs").mkdir()
            command = [
                "xargs",
                "-P",
                str(options.jobs),
                "-I",
                "{}",
                "sh",
                "-c",
                THEIRS,
                "-",
                "{}",
                root / "theirs",
            ]
            subprocess.run(command, input="\n".join(map(str, paths)), text=True, check=True)

        seconds = {"jsl split": timed(ours)}
        seconds["bare decode + encode"] = timed(lambda: list(parallel_map(bare, paths, options.jobs)))
        if shutil.which("dcmj2pnm") and shutil.which("convert"):
            seconds["dcmj2pnm + convert -crop"] = timed(theirs)
        worker = max(parallel_map(memory, paths[:4], options.jobs)) / 1024
        sizes = sum(path.stat().st_size for path in (root / "knees").glob("*.png")) / options.films / 1e6
    for what, value in seconds.items():
        ratio = value / seconds["jsl split"]
        print(f"{what:26s} {options.films / value:6.1f} films/s   {ratio:5.2f} x the time of jsl split")
    print(f"{sizes:.2f} MB of PNG per film; {worker:.0f} MiB per worker; OpenCV {cv2.__version__}")


if __name__ == "__main__":
    main()
