"""How fast a release is read: 60,000 knee-visits' tables, 9,600 knees', and the headers of 5,000 films.

python tests/benchmarks/oai.py [FOLDER]   # a folder on the disk to be measured; a temporary one otherwise
python tests/benchmarks/oai.py --visits   # the tables of all visits alone
"""

import tempfile
import time
from pathlib import Path
from typing import get_args

import numpy as np
from pydicom import Dataset
from results import bars, keep, options, show

from jsl_core.cohort.oai import read_release, write_cohort
from jsl_core.cohort.oai.files import list_entries
from jsl_core.cohort.oai.headers import read_headers
from jsl_core.cohort.oai.specs import MONTHS_OF
from jsl_core.config import OaiSettings, PhantomSettings
from jsl_core.config.oai import Visit
from jsl_core.phantom.dicom import make_film_dataset
from jsl_core.phantom.encoding import draw_encoding
from jsl_core.phantom.oai import write_oai_release

_FILMS, _PARTICIPANTS, _VISITORS = 5000, 4800, 4300
_SIDE = 700  # pixels: films of 1 MB, so that reading whole files would show


def _film(settings: PhantomSettings, index: int, participant: str, _month: int = 0) -> tuple[Dataset, str]:
    encoding = draw_encoding(np.random.default_rng(index))
    pixels = np.zeros((_SIDE, _SIDE), np.uint16)
    return make_film_dataset(pixels, participant, 0.2, encoding), "ExplicitVRLittleEndian"


def _widen(table: Path, columns: int = 1200) -> None:
    """As many columns as the true table has."""
    header, *rows = table.read_bytes().splitlines()
    more = b"".join(b"|V00EXTRA%04d" % number for number in range(columns))
    rest = b"|1: Yes" * columns
    table.write_bytes(b"\r\n".join([header + more, *(row + rest for row in rows)]) + b"\r\n")


def main() -> None:
    parser = options(__doc__, "oai")
    parser.add_argument("folder", nargs="?", help="on the disk to be measured")
    parser.add_argument("--visits", action="store_true", help="only the tables of all visits")
    chosen = parser.parse_args()
    took: dict[str, float] = {}
    if not chosen.visits:
        _measure_enrolment(chosen.folder, took)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        settings = PhantomSettings(patients=_VISITORS, visits=tuple(MONTHS_OF.values()))
        write_oai_release(root, settings, "contents", None)
        _widen(root / "release" / "OAICompleteData_ASCII" / "AllClinical00.txt")
        start, before = time.perf_counter(), time.process_time()
        several = read_release(root / "release", OaiSettings(visits=get_args(Visit)))
        write_cohort(several, root / "JSL.csv")
        took[f"the tables of {len(several.table):,} knee-visits"] = time.perf_counter() - start
        processor = time.process_time() - before
    show(("what is read", "seconds"), list(took.items()))
    print(f"{processor:.1f} processor seconds of the last row")
    keep(
        chosen.out,
        {"seconds": took, "processor_seconds_of_visits": processor},
        bars("A release", list(took), {"": list(took.values())}, "seconds"),
    )


def _measure_enrolment(disk: str | None, took: dict[str, float]) -> None:
    with tempfile.TemporaryDirectory(dir=disk) as folder:
        root = Path(folder)
        write_oai_release(root, PhantomSettings(patients=_FILMS), "headers", _film)
        entries, _ = list_entries(root / "release" / "images")
        films = [entry for entry in entries if entry.basename == "001"]
        start = time.perf_counter()
        headers = read_headers(films)
        took[f"{len(headers)} headers"] = time.perf_counter() - start
        start = time.perf_counter()
        read_release(root / "release", OaiSettings())
        took[f"the whole release of {_FILMS} participants"] = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_oai_release(root, PhantomSettings(patients=_PARTICIPANTS), "contents", None)
        _widen(root / "release" / "OAICompleteData_ASCII" / "AllClinical00.txt")
        start = time.perf_counter()
        cohort = read_release(root / "release", OaiSettings())
        write_cohort(cohort, root / "JSL.csv")
        took[f"the tables of {2 * _PARTICIPANTS} knees"] = time.perf_counter() - start
    print(f"{len(headers) / next(iter(took.values())):.0f} headers a second; {len(cohort.table)} knees kept")


if __name__ == "__main__":
    main()
