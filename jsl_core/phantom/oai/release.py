"""Writes the synthetic release, and the truth beside it."""

import io
import zipfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import pandas as pd

from jsl_core.config import PhantomSettings
from jsl_core.errors import JslError
from jsl_core.phantom.cohort import claim_folder
from jsl_core.phantom.oai.case import VISIT_MONTHS, Case, PlannedFilm, draw_case
from jsl_core.phantom.oai.films import FilmMaker, make_phantom_film, member_path, write_film, write_zip
from jsl_core.phantom.oai.followup import ALL_VISITS, add_visits, finish_truth
from jsl_core.phantom.oai.quirks import quirk_of
from jsl_core.phantom.oai.tables import format_contents_csv, format_image03, make_release_tables
from jsl_core.phantom.oai.visit_quirks import remove_lists_of_visits, visit_quirk_of
from jsl_core.system.files import write_atomically

__all__ = ["Index", "write_oai_release"]

Index = Literal["contents", "image03", "barcodes", "headers"]

_ASSESSMENTS = "X-Ray Image Assessments_ASCII"
_LOST_WITHOUT_LISTS = {"view_contradiction", "not_dicom"}


def write_oai_release(
    dst: Path,
    settings: PhantomSettings,
    index: Index = "contents",
    make_film: FilmMaker | None = make_phantom_film,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write `release/`, and beside it `truth.csv`, `truth_excluded.csv` and `truth_scans.csv`, into `dst`.

    Half of the tables lie in a zip; some films in a zip, or in an archive of their own. The first 80
    participants carry every quirk. With the later visits of the settings, every visit has films and readings,
    participants carry the quirks of visits instead, and the truth has a row a knee and visit.

    Args:
        dst: The folder, made where it is missing.
        settings: Of the phantom.
        index: What lists the films: contents.csv, image03.txt, the barcodes in the tables, or nothing but
            their own headers.
        make_film: Makes the films; None: the release has none.
        progress: Called with the participants done and their number.

    Raises:
        JslError: Where `dst` holds a release of other settings, or these name some visits and not all.
        StoreError: Where `dst` is a file or cannot be written.
    """
    if settings.visits not in ((0,), months := tuple(VISIT_MONTHS[visit] for visit in ALL_VISITS)):
        raise JslError(f"a release has visits {' '.join(map(str, months))}; set visits to these, or to 0")
    same = {"outcome"} if settings.outcome == "jsl" else set()  # as releases have it that know no other
    own = settings.model_dump(mode="json", exclude=same)
    claim_folder(dst, {"index": index, **own}, "release", dst / "release")
    cases = [_make_case(settings, number, index) for number in range(settings.patients)]
    tables = make_release_tables(cases, clinics_list=index != "headers")
    assessments = {name: data for name, data in tables.items() if name.startswith(_ASSESSMENTS)}
    _write(dst / "release" / f"{_ASSESSMENTS}.zip", _pack_zip(assessments))
    for name in tables.keys() - assessments.keys():
        _write(dst / "release" / name, tables[name])
    _write_lists(dst / "release", [film for case in cases for film in case.films], index)
    if make_film:
        _write_films(dst / "release", cases, settings, make_film, progress)
    _write_truth(dst, cases)


def _make_case(settings: PhantomSettings, number: int, index: Index) -> Case:
    case = draw_case(settings, number)
    quirk = quirk_of(number)
    if len(settings.visits) > 1:
        add_visits(case, settings)
        quirk = visit_quirk_of(number)
    if quirk:
        quirk(case)
    if case.at_visits:
        if index == "headers":
            remove_lists_of_visits(case)
        finish_truth(case)
    elif index == "headers":
        _remove_lists(case)
    return case


def _remove_lists(case: Case) -> None:
    """Remove from the truth what only lists say: which film was read or accepted, and which is missing."""
    for row in case.sq:
        row["V00BARCDBU"] = ""
    for side, (step, reason) in case.excluded.items():
        if reason in _LOST_WITHOUT_LISTS:
            case.excluded[side] = (step, "no_film")
    baseline = [f for f in case.films if f.taken_at == "00" and f.description == case.films[0].description]
    if case.baseline_film:
        case.baseline_film = max(baseline, key=lambda film: film.taken)
        for row in filter(None, case.truth.values()):
            row["Barcode"] = case.baseline_film.barcode


def _write_lists(release: Path, films: Sequence[PlannedFilm], index: Index) -> None:
    by_folder: dict[str, list[PlannedFilm]] = defaultdict(list)
    for film in films:
        by_folder[film.folder].append(film)
    for folder, of_folder in by_folder.items():
        if index == "contents":
            _write(release / folder / "contents.csv", format_contents_csv(of_folder))
    if index == "image03":
        _write(release / "image03.txt", format_image03(films))


def _write_films(
    release: Path,
    cases: Sequence[Case],
    settings: PhantomSettings,
    make_film: FilmMaker,
    progress: Callable[[int, int], None] | None,
) -> None:
    zipped = []
    for count, case in enumerate(cases, start=1):
        for film in case.films:
            ds, syntax = make_film(settings, case.index, case.number, VISIT_MONTHS[film.taken_at])
            if film.storage == "zip":
                zipped.append((film, ds, syntax))
            else:
                write_film(release / film.folder, film, ds, syntax)
        if progress:
            progress(count, len(cases))
    if zipped:
        write_zip(release / "images" / "00m" / "more.zip", zipped)


def _write_truth(dst: Path, cases: Sequence[Case]) -> None:
    rows = [row for case in cases for row in case.truth.values() if row]
    excluded = [(f"{c.number}_{side}", *why) for c in cases for side, why in sorted(c.excluded.items())]
    scans = [(case.number, _name_in_release(case.baseline_film)) for case in cases if case.baseline_film]
    tables = {
        "truth.csv": pd.DataFrame(rows),
        "truth_excluded.csv": pd.DataFrame(excluded, columns=["ID", "step", "reason"]),
        "truth_scans.csv": pd.DataFrame(scans, columns=["participant", "file"]),
    }
    if any(case.at_visits for case in cases):
        tables = _truth_of_visits(cases)
    for name, table in tables.items():
        _write(dst / name, table.convert_dtypes().to_csv(index=False, lineterminator="\n").encode())


def _truth_of_visits(cases: Sequence[Case]) -> dict[str, pd.DataFrame]:
    """The same with a visit beside each knee or participant."""
    rows, excluded, scans = [], [], []
    for case in cases:
        assert case.at_visits is not None
        rows += [row for side in (1, 2) for (_, knee), row in case.at_visits.truth.items() if knee == side]
        excluded += [
            (f"{case.number}_{side}", visit, *why) for (visit, side), why in case.at_visits.excluded.items()
        ]
        scans += [
            (case.number, film.taken_at, _name_in_release(film))
            for film in case.films
            if film.barcode in {row["Barcode"] for row in case.at_visits.truth.values()}
        ]
    return {
        "truth.csv": pd.DataFrame(rows),
        "truth_excluded.csv": pd.DataFrame(excluded, columns=["ID", "visit", "step", "reason"]),
        "truth_scans.csv": pd.DataFrame(scans, columns=["participant", "visit", "file"]),
    }


def _name_in_release(film: PlannedFilm) -> str:
    """The film's name in the release, `archive!/member` within an archive."""
    member, folder = member_path(film), film.folder
    if film.storage == "zip":
        return f"{folder}/more.zip!/{member}"
    if film.storage == "tar":
        return f"{folder}/{member.removesuffix('/001')}.tar.gz!/{film.barcode}/001"
    return f"{folder}/{member}"


def _pack_zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return buffer.getvalue()


def _write(path: Path, data: bytes) -> None:
    with write_atomically(path) as file:
        file.write(data)
