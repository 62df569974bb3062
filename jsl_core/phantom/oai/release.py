"""The synthetic release on disk, and the truth beside it."""

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from jsl_core.config import PhantomSettings
from jsl_core.errors import JslError
from jsl_core.phantom.oai.case import Case, PlannedFilm, draw_case
from jsl_core.phantom.oai.films import Draw, member_of, phantom_film, write_film, write_zip
from jsl_core.phantom.oai.quirks import quirk_of
from jsl_core.phantom.oai.tables import contents_csv, image03_txt, release_tables
from jsl_core.system.files import write_atomically

__all__ = ["Index", "write_oai_release"]

Index = Literal["contents", "image03", "barcodes", "headers"]

_ASSESSMENTS = "X-Ray Image Assessments_ASCII"
_LOST_WITHOUT_LISTS = {"view_contradiction", "not_dicom"}


def write_oai_release(
    dst: Path,
    settings: PhantomSettings,
    index: Index = "contents",
    draw: Draw | None = phantom_film,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write `release/`, and beside it `truth.csv`, `truth_excluded.csv` and `truth_scans.csv`, into `dst`.

    Half of the tables lie in a zip; some films in a zip, or in an archive of their own. `index` says how
    films are to be found: by contents.csv, by image03.txt, by the barcodes in the tables, or by nothing but
    their headers. `draw` makes the films, the phantom's own unless told otherwise; with None there are none.
    The first 80 participants carry every quirk. Raises JslError where `dst` holds a release of other
    settings, StoreError where it cannot be written.
    """
    _claim(dst, {"index": index, **settings.model_dump(mode="json")})
    cases = [_case(settings, number, index) for number in range(settings.patients)]
    tables = release_tables(cases, clinics_list=index != "headers")
    assessments = {name: data for name, data in tables.items() if name.startswith(_ASSESSMENTS)}
    _write(dst / "release" / f"{_ASSESSMENTS}.zip", _zipped(assessments))
    for name in tables.keys() - assessments.keys():
        _write(dst / "release" / name, tables[name])
    _write_lists(dst / "release", [film for case in cases for film in case.films], index)
    if draw:
        _write_films(dst / "release", cases, settings, draw, progress)
    _write_truth(dst, cases)


def _claim(dst: Path, mine: dict[str, Any]) -> None:
    """Note whose release the folder holds before its first file, so that two never mix."""
    note = dst / "settings.json"
    theirs = json.loads(note.read_text()) if note.exists() else None
    if theirs not in (None, mine) or (theirs is None and (dst / "release").exists()):
        raise JslError(f"{dst}: holds a release of other settings; give an empty folder")
    _write(note, (json.dumps(mine) + "\n").encode())


def _case(settings: PhantomSettings, number: int, index: Index) -> Case:
    case = draw_case(settings, number)
    if quirk := quirk_of(number):
        quirk(case)
    if index == "headers":
        _forget_lists(case)
    return case


def _forget_lists(case: Case) -> None:
    """Without lists nobody knows which film was read or accepted, nor that a film should be there."""
    for row in case.sq:
        row["V00BARCDBU"] = ""
    for side, (step, reason) in case.out.items():
        if reason in _LOST_WITHOUT_LISTS:
            case.out[side] = (step, "no_film")
    baseline = [f for f in case.films if f.release[0] == "0" and f.description == case.films[0].description]
    if case.used:
        case.used = max(baseline, key=lambda film: film.taken)
        for row in filter(None, case.truth.values()):
            row["Barcode"] = case.used.barcode


def _write_lists(release: Path, films: Sequence[PlannedFilm], index: Index) -> None:
    for visit, months in (("0", "00m"), ("6", "48m")):
        of_visit = [film for film in films if film.release[0] == visit]
        if index == "contents" and of_visit:
            _write(release / "images" / months / "contents.csv", contents_csv(of_visit))
    if index == "image03":
        _write(release / "image03.txt", image03_txt(films))


def _write_films(
    release: Path,
    cases: Sequence[Case],
    settings: PhantomSettings,
    draw: Draw,
    progress: Callable[[int, int], None] | None,
) -> None:
    zipped = []
    for count, case in enumerate(cases, start=1):
        for film in case.films:
            ds, syntax = draw(settings, case.index, case.number)
            if film.storage == "zip":
                zipped.append((film, ds, syntax))
            else:
                write_film(release / "images" / _months(film), film, ds, syntax)
        if progress:
            progress(count, len(cases))
    if zipped:
        write_zip(release / "images" / "00m" / "more.zip", zipped)


def _write_truth(dst: Path, cases: Sequence[Case]) -> None:
    rows = [row for case in cases for row in case.truth.values() if row]
    out = [(f"{c.number}_{side}", *why) for c in cases for side, why in sorted(c.out.items())]
    scans = [(case.number, _place(case.used)) for case in cases if case.used]
    for name, table in (
        ("truth.csv", pd.DataFrame(rows)),
        ("truth_excluded.csv", pd.DataFrame(out, columns=["ID", "step", "reason"])),
        ("truth_scans.csv", pd.DataFrame(scans, columns=["participant", "file"])),
    ):
        _write(dst / name, table.convert_dtypes().to_csv(index=False, lineterminator="\n").encode())


def _place(film: PlannedFilm) -> str:
    """The film's name in the release, `archive!/member` within an archive."""
    member, folder = member_of(film), f"images/{_months(film)}"
    if film.storage == "zip":
        return f"{folder}/more.zip!/{member}"
    if film.storage == "tar":
        return f"{folder}/{member.removesuffix('/001')}.tar.gz!/{film.barcode}/001"
    return f"{folder}/{member}"


def _months(film: PlannedFilm) -> str:
    return "00m" if film.release[0] == "0" else "48m"


def _zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return buffer.getvalue()


def _write(path: Path, data: bytes) -> None:
    with write_atomically(path) as file:
        file.write(data)
