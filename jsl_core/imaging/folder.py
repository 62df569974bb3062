"""Folders in, folders out: `jsl convert` and `jsl split` without a server.

The tables name files, participants and closed-list facts only; what a run remembers does too.
"""

import csv
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

from jsl_core.config import ConvertSettings, SplitSettings
from jsl_core.errors import BadTable
from jsl_core.imaging.dicom import check_start
from jsl_core.imaging.folder_run import FolderRun, Progress, Row, write_table
from jsl_core.imaging.look import Look
from jsl_core.imaging.names import Pseudonyms, encode_name, output_names
from jsl_core.imaging.stages import check_film_start, convert_scan, split_scan
from jsl_core.system.code_key import code_key
from jsl_core.system.spreadsheet import unescape_cell

__all__ = ["convert_folder", "split_folder", "write_mapping"]

_SCANS, _KNEES, _REJECTED = "scans.csv", "knees.csv", "rejected.csv"
_SCAN_COLUMNS = (
    *("file", "png", "participant", "view", "spacing_mm", "spacing_source", "width", "height", "bits"),
    *("photometric", "transfer_syntax", "polarity_from", "joints_seen", "note", "reason"),
)
_KNEE_COLUMNS = (
    *(
        "file",
        "ID",
        "side",
        "side_from",
        "x1",
        "y1",
        "x2",
        "y2",
        "how",
        "polarity_from",
        "joints_seen",
        "note",
    ),
    "reason",
)
_REJECTED_COLUMNS = ("file", "ID", "reason", "sentence")


def convert_folder(
    source: Path,
    target: Path,
    settings: ConvertSettings,
    look: Look,
    *,
    jobs: int = 0,
    pseudonyms: Pseudonyms | None = None,
    progress: Progress = lambda done, total: None,
) -> list[Row]:
    """Convert every scan below `source` to a PNG below `target`, with `scans.csv` and `rejected.csv`.

    Each picture is looked at with `look`, as of `convert_scan`.

    Returns:
        A row per scan; one that cannot be used has a `reason`, a `sentence` and no PNG.

    Raises:
        JslError: If there are no scans or if the target cannot be written.
    """
    run = FolderRun(source, target, pseudonyms)
    files = run.list_files()
    pngs = [f"{pseudonyms(file)}.png" for file in files] if pseudonyms else output_names(files)
    rows = run.process(
        partial(_convert, run=run, settings=settings, look=look),
        dict(zip(files, pngs, strict=True)),
        jobs=jobs,
        seconds_per_file=settings.seconds_per_scan,
        progress=progress,
        check_start=check_start,
    )
    run.write_table(_SCANS, _SCAN_COLUMNS, rows)
    run.write_table(_REJECTED, _REJECTED_COLUMNS, [row for row in rows if row["reason"]])
    return rows


def split_folder(
    source: Path,
    target: Path,
    split: SplitSettings,
    convert: ConvertSettings,
    look: Look,
    *,
    jobs: int = 0,
    pseudonyms: Pseudonyms | None = None,
    progress: Progress = lambda done, total: None,
) -> list[Row]:
    """Split every film below `source`, DICOM or picture, to `<participant>_<side>.png` with `knees.csv`.

    The participant is encoded there as `encode_name` says; `knees.csv` has it as it is. What a `scans.csv`
    in the source says of its PNGs is used.

    Returns:
        A row per knee, or per scan that cannot be used, as of `convert_folder`.

    Raises:
        JslError: If there are no scans or if the target cannot be written.
        BadTable: If `scans.csv` cannot be read.
    """
    run = FolderRun(source, target, pseudonyms)
    facts = _read_scans(source / _SCANS)
    files = run.list_files(skip=lambda file: bool(facts) and file in (_SCANS, _REJECTED))
    rows = run.process(
        partial(_split, run=run, split=split, convert=convert, look=look),
        {file: facts.get(file, {}) for file in files},
        jobs=jobs,
        seconds_per_file=convert.seconds_per_scan,
        progress=progress,
        check_start=check_film_start,
    )
    run.write_table(_KNEES, _KNEE_COLUMNS, rows)
    run.write_table(_REJECTED, _REJECTED_COLUMNS, [row for row in rows if row["reason"]])
    return rows


def write_mapping(path: Path, rows: Iterable[Row]) -> None:
    """Write whom the pseudonyms in `rows` stand for, for its owner's eyes; keep it from the outputs."""
    names = {alias: name for row in rows for alias, name in row["stand_for"].items()}
    table = [{"pseudonym": alias, "name": name} for alias, name in sorted(names.items())]
    write_table(path, ["pseudonym", "name"], table, mode=0o600)


def _convert(
    item: tuple[str, str], *, fresh: bool, run: FolderRun, settings: ConvertSettings, look: Look
) -> list[Row]:
    file, png = item

    def make(data: bytes) -> list[tuple[Row, bytes]]:
        record, picture = convert_scan(data, file, settings, look)
        spacing = " ".join(f"{mm:g}" for mm in dict.fromkeys(record.spacing_mm or ()))
        own = {"png": png, "view": record.words, "spacing_mm": spacing, "joints_seen": record.joints_seen}
        return [(record.model_dump(exclude={"look"}) | own, picture)]

    key = [item, settings.model_dump(mode="json"), code_key(look).digest]
    return run.make_or_recall(file, key, make, fresh=fresh)


def _split(
    item: tuple[str, Mapping[str, str]],
    *,
    fresh: bool,
    run: FolderRun,
    split: SplitSettings,
    convert: ConvertSettings,
    look: Look,
) -> list[Row]:
    file, facts = item

    def make(data: bytes) -> list[tuple[Row, bytes]]:
        record, knees = split_scan(data, file, facts, convert, split, look)
        rows = []
        for knee, picture in knees:
            name = f"{run.alias(record.participant)}_{knee.side}"
            own = {"ID": name, "png": f"{encode_name(name)}.png", "pixels": record.pixels}
            rows.append((knee.model_dump() | own, picture))
        return rows

    settings = [split.model_dump(mode="json"), convert.model_dump(mode="json"), code_key(look).digest]
    return run.make_or_recall(file, [file, dict(facts), settings], make, fresh=fresh)


def _read_scans(table: Path) -> dict[str, dict[str, str]]:
    """The rows of a source's `scans.csv` by their PNG, if it has one."""
    try:
        if not table.is_file():
            return {}
        with table.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, restkey="", restval=""))
    except (OSError, ValueError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else "no CSV in UTF-8"
        raise BadTable(
            f"{table}: cannot be read ({reason}); mend it, or move it away to go by the films alone"
        ) from None
    plain = [{name: unescape_cell(row[name]) for name in row if name} for row in rows]
    return {row["png"]: row for row in plain if row.get("png")}
