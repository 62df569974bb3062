"""Mutated DICOM files through `jsl convert`: every one converted or rejected with a reason, and no crash.

    python tests/benchmarks/fuzz_dicom.py --count 10000 --seed 0

Other DICOM files to start from, such as compressed ones, may be given by --files FOLDER.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "imaging"))

from mutations import mutated, whole_files

from jsl_core.config import ConvertSettings
from jsl_core.imaging import convert_folder


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--files", type=Path)
    options = parser.parse_args()
    files = whole_files()
    if options.files:
        files += [path.read_bytes() for path in sorted(options.files.rglob("*")) if path.is_file()]
    with tempfile.TemporaryDirectory() as folder:
        scans, started = Path(folder, "scans"), time.monotonic()
        for number in range(options.count):
            path = scans / f"{number // 1000:03d}" / f"film{number:06d}.dcm"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(mutated(number, options.seed, files))
        settings = ConvertSettings(min_side=16, any_view=True, seconds_per_scan=10)
        rows = convert_folder(scans, Path(folder, "out"), settings)
        seconds = time.monotonic() - started
    reasons = Counter(row["reason"] or "converted" for row in rows)
    for reason, count in reasons.most_common():
        print(f"{reason:20s} {count}")
    print(f"{len(rows)} files in {seconds:.0f} s")
    sys.exit(len(rows) != options.count)


if __name__ == "__main__":
    main()
