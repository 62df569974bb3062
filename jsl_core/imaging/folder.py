"""Folders in, folders out: `jsl convert` and `jsl split` without a server.

The tables name files, participants and closed-list facts only; what `Place` remembers does too.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from jsl_core.config import ConvertSettings, SplitSettings
from jsl_core.errors import BadScan, JslError
from jsl_core.imaging.names import Pseudonyms, output_names
from jsl_core.imaging.output_folder import Place, Progress, Row
from jsl_core.imaging.sources import walk
from jsl_core.imaging.stages import convert_scan, split_scan
from jsl_core.system.files import write_atomically
from jsl_core.system.parallel import parallel_map

__all__ = ["convert_folder", "split_folder", "write_mapping"]

_SCANS, _KNEES, _REJECTED = "scans.csv", "knees.csv", "rejected.csv"
_SCAN_COLUMNS = (
    *("file", "png", "participant", "view", "spacing_mm", "spacing_source", "width", "height", "bits"),
    *("photometric", "transfer_syntax", "reason"),
)
_KNEE_COLUMNS = ("file", "ID", "side", "x1", "y1", "x2", "y2", "how", "reason")
_REJECTED_COLUMNS = ("file", "ID", "reason", "sentence")


def convert_folder(
    source: Path,
    target: Path,
    settings: ConvertSettings,
    *,
    jobs: int = 0,
    pseudonyms: Pseudonyms | None = None,
    progress: Progress = lambda done, total: None,
) -> list[Row]:
    """Every scan below `source` to a PNG below `target`, with `scans.csv` and `rejected.csv`.

    Returns a row per scan; one that cannot be used has a `reason`, a `sentence` and no PNG. Raises JslError
    if there are no scans or if the target cannot be written.
    """
    files = _files(source, target)
    pngs = [f"{pseudonyms(file)}.png" for file in files] if pseudonyms else output_names(files)
    place = Place(source, target, pseudonyms)
    work = partial(_convert, place=place, settings=settings)
    do = _doing(work, list(zip(files, pngs, strict=True)), jobs, settings.seconds_per_scan)
    rows = place.fill(files, do, progress)
    _write_table(target / _SCANS, _SCAN_COLUMNS, rows)
    _write_table(target / _REJECTED, _REJECTED_COLUMNS, [row for row in rows if row["reason"]])
    return rows


def split_folder(
    source: Path,
    target: Path,
    split: SplitSettings,
    convert: ConvertSettings,
    *,
    jobs: int = 0,
    pseudonyms: Pseudonyms | None = None,
    progress: Progress = lambda done, total: None,
) -> list[Row]:
    """Every film below `source`, DICOM or picture, to `target/<participant>_<side>.png` with `knees.csv`.

    What a `scans.csv` in the source tells of its PNGs is used. Rows and errors are as of `convert_folder`.
    """
    facts = _read_scans(source)
    files = [file for file in _files(source, target) if not facts or file not in (_SCANS, _REJECTED)]
    place = Place(source, target, pseudonyms)
    work = partial(_split, place=place, split=split, convert=convert)
    do = _doing(work, [(file, facts.get(file, {})) for file in files], jobs, convert.seconds_per_scan)
    rows = place.fill(files, do, progress)
    _write_table(target / _KNEES, _KNEE_COLUMNS, rows)
    _write_table(target / _REJECTED, _REJECTED_COLUMNS, [row for row in rows if row["reason"]])
    return rows


def write_mapping(path: Path, rows: Iterable[Row]) -> None:
    """The table of who the pseudonyms in `rows` stand for, for its owner's eyes; keep it from the outputs."""
    named = {alias: name for row in rows for alias, name in row["stand_for"].items()}
    rows = [{"pseudonym": alias, "name": name} for alias, name in sorted(named.items())]
    _write_table(path, ["pseudonym", "name"], rows, mode=0o600)


def _doing(
    work: Callable[..., list[Row]], items: Sequence[Any], jobs: int, seconds: float
) -> Callable[[Sequence[int], bool], Iterator[list[Row] | BadScan]]:
    """What does the work on the items of some numbers, freshly or not, in worker processes."""
    return lambda numbers, fresh: parallel_map(
        partial(work, fresh=fresh), [items[number] for number in numbers], jobs, seconds
    )


def _convert(item: tuple[str, str], fresh: bool, place: Place, settings: ConvertSettings) -> list[Row]:
    file, png = item

    def work(data: bytes) -> list[tuple[Row, bytes]]:
        record, picture = convert_scan(data, file, settings)
        spacing = " ".join(f"{mm:g}" for mm in dict.fromkeys(record.spacing_mm or ()))
        own = {"png": png, "view": record.words}
        return [(record.model_dump() | own | {"spacing_mm": spacing}, picture)]

    return place.once(file, [item, settings.model_dump(mode="json")], work, fresh)


def _split(
    item: tuple[str, Mapping[str, str]],
    fresh: bool,
    place: Place,
    split: SplitSettings,
    convert: ConvertSettings,
) -> list[Row]:
    file, facts = item

    def work(data: bytes) -> list[tuple[Row, bytes]]:
        record, knees = split_scan(data, file, facts, convert, split)
        made = []
        for knee, picture in knees:
            name = f"{place.alias(record.participant)}_{knee.side}"
            own = {"ID": name, "png": f"{name}.png", "pixels": record.pixels}
            made.append((knee.model_dump() | own, picture))
        return made

    settings = [split.model_dump(mode="json"), convert.model_dump(mode="json")]
    return place.once(file, [file, dict(facts), settings], work, fresh)


def _files(source: Path, target: Path) -> list[str]:
    """The names of all scans, without what an earlier run put into a target below the source."""
    if target.exists() and not target.is_dir():
        raise JslError(f"{target}: is a file; name a folder for the pictures")
    root, own = source.absolute(), target.absolute()
    files = [scan.name for scan in walk(source)]
    if own != root and own.is_relative_to(root):
        files = [file for file in files if own not in (root / file).parents]
    if not files:
        raise JslError(f"scans {source}: the folder is empty; give the folder that holds the scans")
    return files


def _read_scans(source: Path) -> dict[str, dict[str, str]]:
    """The rows of the source's `scans.csv` by their PNG, if it has one."""
    path = source / _SCANS
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {row["png"]: row for row in csv.DictReader(file) if row.get("png")}


def _write_table(path: Path, columns: Sequence[str], rows: Iterable[Row], mode: int = 0o644) -> None:
    text = io.StringIO()
    table = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    with write_atomically(path, mode) as file:
        file.write(text.getvalue().encode())
