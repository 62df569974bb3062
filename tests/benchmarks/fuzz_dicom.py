"""Mutated DICOM files through `jsl convert`: every one converted or rejected with a reason, and no crash.

    python tests/benchmarks/fuzz_dicom.py --count 10000 --seed 0

Other DICOM files to start from, such as compressed ones, may be given by --files FOLDER.
"""

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "imaging"))

from mutations import mutated, whole_files
from results import bars, keep, options, show

from jsl_core.config import ConvertSettings
from jsl_core.detection.look import look_at_film
from jsl_core.imaging import convert_folder


def main() -> None:
    parser = options(__doc__, "fuzz_dicom")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--files", type=Path)
    chosen = parser.parse_args()
    files = whole_files()
    if chosen.files:
        files += [path.read_bytes() for path in sorted(chosen.files.rglob("*")) if path.is_file()]
    with tempfile.TemporaryDirectory() as folder:
        scans, started = Path(folder, "scans"), time.monotonic()
        for number in range(chosen.count):
            path = scans / f"{number // 1000:03d}" / f"film{number:06d}.dcm"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(mutated(number, chosen.seed, files))
        settings = ConvertSettings(min_side=16, any_view=True, seconds_per_scan=10)
        rows = convert_folder(scans, Path(folder, "out"), settings, look_at_film)
        seconds = time.monotonic() - started
    reasons = Counter(row["reason"] or "converted" for row in rows).most_common()
    show(("outcome", "files"), reasons)
    print(f"{len(rows)} files in {seconds:.0f} s")
    names, counts = zip(*reasons, strict=True)
    keep(chosen.out, {"outcomes": dict(reasons)}, bars("Mutated files", names, {"": counts}, "files"))
    sys.exit(len(rows) != chosen.count)


if __name__ == "__main__":
    main()
