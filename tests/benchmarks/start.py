"""What the commands that users type most cost to start: one film each, as whole processes, and their imports.

Processor seconds count the worker processes too; they are the ones to compare on a busy machine.
"""

import ctypes
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from results import bars, keep, options, show

from jsl_core.config import PhantomSettings
from jsl_core.phantom.anatomy import make_generator
from jsl_core.phantom.dicom import encode_film
from jsl_core.phantom.encoding import draw_encoding, stored_values
from jsl_core.phantom.film import make_film

_JSL = "from flows.cli.main import main; main()"
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
# What each command imports before it begins, and what it is given for one film.
_IMPORTS = {
    "jsl": "import flows.cli.main",
    "convert": "import flows.cli.main, flows.cli.commands.imaging, jsl_core.imaging, jsl_core.detection.look",
    "crop": "import flows.cli.main, flows.cli.commands.detection, jsl_core.detection.folder",
}
_COMMANDS = {
    "jsl --version": ("--version",),
    "jsl convert": ("convert", "{film}", "{out}"),
    "jsl split": ("split", "{film}", "{out}"),
    "jsl crop --full-film": ("crop", "{film}", "{out}", "--full-film"),
}


def run(command: Sequence[str]) -> tuple[float, float]:
    """Wall-clock and processor seconds of a process and all that it started."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall = time.perf_counter() - start
    while True:  # the server of its workers, which outlives it by a moment and is ours then
        try:
            os.wait()
        except ChildProcessError:
            break
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure_commands(film: Path, rounds: int) -> dict[str, tuple[float, float]]:
    """The shortest times of each command; the first round reads the programs from the disk."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in _COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        for _ in range(rounds + 1):
            for name, words in _COMMANDS.items():
                shutil.rmtree(out, ignore_errors=True)
                arguments = [word.format(film=film, out=out) for word in words]
                taken[name].append(run([sys.executable, "-c", _JSL, *arguments]))
    return {name: tuple(map(min, zip(*times[1:], strict=True))) for name, times in taken.items()}


def measure_imports(rounds: int) -> dict[str, tuple[float, float]]:
    """The shortest times of the imports alone, Python's own start among them."""
    taken = {
        name: [run([sys.executable, "-c", code]) for _ in range(rounds + 1)]
        for name, code in _IMPORTS.items()
    }
    return {
        f"imports of {name}": tuple(map(min, zip(*times[1:], strict=True))) for name, times in taken.items()
    }


def draw_film() -> bytes:
    """A phantom's film as clinics' archives have it: 2,000 pixels and more, compressed without loss."""
    film = make_film(9, 0, PhantomSettings(long_side=(2000, 2500)))
    drawn = draw_encoding(make_generator(9, 0, "encoding"))
    encoding = replace(drawn, windowed=True, flipped=False, syntax="JPEGLosslessSV1", spacing="PixelSpacing")
    return encode_film(stored_values(film, encoding), "1000001", film.spacing_mm, encoding)


def main() -> None:
    parser = options(__doc__, "start")
    parser.add_argument("--rounds", type=int, default=5, help="the shortest time of so many counts")
    chosen = parser.parse_args()
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "scans" / "1000001.dcm"
        film.parent.mkdir()
        film.write_bytes(draw_film())
        taken = measure_imports(chosen.rounds) | measure_commands(film.parent, chosen.rounds)
    show(("", "seconds", "processor seconds"), [(name, *times) for name, times in taken.items()])
    series = {
        "seconds": [wall for wall, _ in taken.values()],
        "processor seconds": [cpu for _, cpu in taken.values()],
    }
    keep(chosen.out, {"seconds": taken}, bars("One film, whole processes", list(taken), series, "s"))


if __name__ == "__main__":
    main()
