"""Films among files that are none: what 20,000 stray files beside 20 films cost `jsl convert`.

    python tests/benchmarks/junk.py [--files 20000] [--films 20]

Text, tables, half-copied archives, empty files, thumbnails: what shares collect. The same folder is converted
with the films alone, with the stray files, and again; limit: 3 s more, and no file for any of them.
"""

import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from results import bars, keep, options, show

from jsl_core.config import PhantomSettings
from jsl_core.phantom import write_phantom

_JSL = (sys.executable, "-P", "-c", "from flows.cli.main import main; main()")
_SUFFIXES = (".txt", ".csv", ".xml", ".dcm", "", ".log", ".jpg.part", ".db", ".lnk", ".ini")
_LIMIT = 3.0  # seconds; issue 24


def main() -> None:
    parser = options(__doc__, "junk")
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--films", type=int, default=20)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_phantom(folder, PhantomSettings(patients=chosen.films, seed=3, long_side=(400, 500)), jobs=1)
        scans = folder / "scans"
        rows = [("films alone", *_convert(scans, folder / "alone"))]
        _strew(scans, chosen.files)
        rows += [
            ("with stray files", *_convert(scans, folder / "all")),
            ("a second time", *_convert(scans, folder / "all")),
        ]
        films = {path.name for path in (folder / "alone").rglob("*.png")}
        assert {path.name for path in (folder / "all").rglob("*.png")} == films
    show(["jsl convert", "wall s", "processor s", "files"], rows)
    extra = rows[1][1] - rows[0][1]
    more = rows[1][3] - rows[0][3]
    print(f"{chosen.files} stray files: {extra:.1f} s more, limit {_LIMIT:.0f} s; {more} files more")
    figures = {label: {"wall": wall, "cpu": cpu, "files": files} for label, wall, cpu, files in rows}
    drawn = bars(
        "jsl convert", list(figures), {"s": [figure["wall"] for figure in figures.values()]}, "seconds"
    )
    keep(chosen.out, figures, drawn)


def _strew(folder: Path, count: int) -> None:
    """Write so many files that are no films, a hundred to a folder."""
    rng = random.Random(0)
    for number in range(count):
        place = folder / f"share {number // 100}"
        place.mkdir(exist_ok=True)
        data = rng.randbytes(rng.choice((0, 10, 200, 4000)))
        if number % 3 == 0:
            data = b"knee;grade\n" * (len(data) // 11)
        (place / f"file {number}{_SUFFIXES[number % len(_SUFFIXES)]}").write_bytes(data)


def _convert(source: Path, target: Path) -> tuple[float, float, int]:
    """Wall seconds, processor seconds and the number of files that there are afterwards."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([*_JSL, "convert", str(source), str(target)], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, cpu, sum(path.is_file() for path in target.rglob("*"))


if __name__ == "__main__":
    main()
