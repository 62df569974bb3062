"""Results as DICOM files: a picture for every scored film, and one report for every study."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from pydicom import Dataset, dcmwrite

from jsl_core.config import ConvertSettings
from jsl_core.errors import BadScan
from jsl_core.imaging import Pseudonyms, read_scan
from jsl_core.imaging.dicom import read_header
from jsl_core.imaging.look import Look
from jsl_core.imaging.picture_file import is_picture_file
from jsl_core.imaging.silence_libraries import silence_libraries
from jsl_core.imaging.split import find_knees, to_conventional
from jsl_core.imaging.stages import read_film
from jsl_core.pacs.capture import make_capture
from jsl_core.pacs.deidentify import deidentify
from jsl_core.pacs.findings import Film, ModelIdentity, knee_finding, mirror_box
from jsl_core.pacs.header import result_header
from jsl_core.pacs.report import FilmFindings, make_report
from jsl_core.scans.rows import Row
from jsl_core.system.files import write_atomically
from jsl_core.system.parallel import parallel_map

__all__ = ["ResultsJob", "Widths", "read_scored_film", "result_path", "write_results"]

Widths = Mapping[tuple[str, int], Mapping[str, float]]
"""Of a film by its name and a side, 1 right or 2 left: joint space widths in mm by name."""


@dataclass(frozen=True)
class ResultsJob:
    """What results are made of.

    Attributes:
        source: Folder or archive of the films.
        out: Folder for the files.
        model: Which model scored.
        look: Looks at a film's picture.
        convert: How films are rendered.
        pseudonyms: What participants are called; None for their own names.
        widths: Joint space widths, where they were measured.
    """

    source: Path
    out: Path
    model: ModelIdentity
    look: Look
    convert: ConvertSettings = field(default_factory=ConvertSettings)
    pseudonyms: Pseudonyms | None = None
    widths: Widths | None = None


def write_results(
    rows: Sequence[Row],
    job: ResultsJob,
    jobs: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[list[Path], list[Row]]:
    """Write the results of scored films; a result that is there already stays as it is.

    Args:
        rows: Of `score_crops`, with the films' names; those with a reason are left out.
        job: What results are made of.
        jobs: Worker processes; 0 for one per processor core.
        progress: Called with the films done and the films in all.

    Returns:
        All files, the pictures first; and a row for every film that has no results, with its reason.
    """
    by_film: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if not row.get("reason"):
            by_film[row["file"]].append(row)
    films = list(by_film.items())
    paths: list[Path] = []
    rejected: list[Row] = []
    studies: dict[str, list[FilmFindings]] = defaultdict(list)
    outcomes = parallel_map(partial(_write_capture, job=job), films, jobs, job.convert.seconds_per_scan)
    for done, ((file, _), outcome) in enumerate(zip(films, outcomes, strict=True), 1):
        if isinstance(outcome, BadScan):
            rejected.append({"file": file, "reason": outcome.code, "sentence": str(outcome)})
        else:
            path, findings = outcome
            paths.append(path)
            studies[str(findings[0].StudyInstanceUID)].append(findings)
        progress(done, len(films))
    for findings_of_study in studies.values():
        with silence_libraries():  # highdicom warns with the names that it finds unlikely
            report = make_report(findings_of_study, job.model)
        paths.append(_write(report, job.out))
    return paths, rejected


def read_scored_film(file: str, rows: Sequence[Row], job: ResultsJob) -> Film:
    """Read a film again, with what the rows of `score_crops` say of its knees.

    Raises:
        BadScan: `no_study` where it is a picture without a header, or with a reason of the quality gate.
    """
    data = read_scan(job.source, file)
    if is_picture_file(data):
        raise BadScan("no_study", "a picture without a DICOM header belongs to no study")
    settings = job.convert.model_copy(update={"bits": 8})
    record, image = read_film(data, file, {}, settings, job.look)
    header = read_header(data, settings)
    if job.pseudonyms:
        header = deidentify(header, job.pseudonyms)
    picture = to_conventional(image, record)
    boxes = {
        knee.side: mirror_box((knee.joint.x1, knee.joint.y1, knee.joint.x2, knee.joint.y2), record)
        for knee in find_knees(picture, record)
        if knee.joint is not None
    }
    widths = job.widths or {}
    knees = [
        knee_finding(row, boxes.get(row["side"]), widths.get((file, row["side"])))
        for row in sorted(rows, key=lambda row: int(row["side"]))
    ]
    return Film(result_header(header, record.pixels), record, tuple(knees), picture)


def result_path(ds: Dataset, out: Path) -> Path:
    """Where an object lies below the folder of results: by its study."""
    return out / str(ds.StudyInstanceUID) / f"{ds.SOPInstanceUID}.dcm"


def _write_capture(item: tuple[str, Sequence[Row]], job: ResultsJob) -> tuple[Path, FilmFindings]:
    with silence_libraries():
        film = read_scored_film(*item, job)
        path = _write(make_capture(film, job.model), job.out)
    return path, (film.header, film.record.pixels, film.knees)


def _write(ds: Dataset, out: Path) -> Path:
    path = result_path(ds, out)
    if not path.exists():  # made before: its time stays, as a UID names one object for good
        with silence_libraries(), write_atomically(path, durable=True) as file:
            dcmwrite(file, ds, enforce_file_format=True)
    return path
