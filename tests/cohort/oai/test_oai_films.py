"""Which film is a participant's baseline film, and which films are never used."""

import io
import tarfile
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path

from jsl_core.cohort.oai.claims import BILATERAL_PA, Claim
from jsl_core.cohort.oai.files import list_entries
from jsl_core.cohort.oai.films import Film, find_films
from jsl_core.cohort.oai.headers import Header, read_headers
from jsl_core.config import PhantomSettings
from jsl_core.phantom.oai.case import PlannedFilm
from jsl_core.phantom.oai.films import make_header_only_film, member_path, write_film

_FILM = PlannedFilm("1000001", date(2005, 7, 8), "00331201")
_NAME = "0.C.2/1000001/20050708/00331201/001"


def _write(folder: Path, *films: PlannedFilm) -> None:
    for film in films:
        write_film(folder, film, *make_header_only_film(PhantomSettings(), 0, film.participant))


def _find(folder: Path, *claims: Claim) -> list[Film]:
    entries, _ = list_entries(folder)
    by_barcode: dict[str, list[Claim]] = {}
    for claim in claims:
        by_barcode.setdefault(claim.barcode, []).append(claim)
    return find_films(entries, by_barcode, jobs=1)[0]


def _reasons(films: list[Film]) -> dict[str, str]:
    return {film.file: film.reason for film in films}


def test_headers_are_read_without_the_pixels(tmp_path: Path) -> None:
    _write(tmp_path, _FILM)
    path = tmp_path / _NAME
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"\x20\x00\x0d\x00")])  # StudyInstanceUID: after patient and trial
    [header] = read_headers(list_entries(tmp_path)[0])
    assert isinstance(header, Header)
    assert (header.participant, header.date, header.barcode) == ("1000001", "20050708", "016600331201")


def test_a_header_cut_off_before_it_says_anything_is_no_header(tmp_path: Path) -> None:
    _write(tmp_path, _FILM)
    path = tmp_path / _NAME
    path.write_bytes(path.read_bytes()[:300])
    listed = Claim("contents.csv", "1000001", "20050708", "00331201", BILATERAL_PA)
    assert _reasons(_find(tmp_path, listed)) == {_NAME: "not_dicom"}


def test_a_film_is_the_same_in_a_folder_a_zip_a_tar_and_a_series_archive(tmp_path: Path) -> None:
    _write(tmp_path / "folder", _FILM)
    data = (tmp_path / "folder" / _NAME).read_bytes()
    (tmp_path / "zip").mkdir()
    with zipfile.ZipFile(tmp_path / "zip" / "films.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member_path(_FILM), data)
    (tmp_path / "tar").mkdir()
    with tarfile.open(tmp_path / "tar" / "films.tar", "w") as tar:
        info = tarfile.TarInfo(f"./{member_path(_FILM)}")
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    _write(tmp_path / "series", replace(_FILM, storage="tar"))
    by_kind = {kind.name: _find(kind) for kind in sorted(tmp_path.iterdir())}
    assert {
        kind: [film.participant for film in films if not film.reason] for kind, films in by_kind.items()
    } == {kind: ["1000001"] for kind in ("folder", "series", "tar", "zip")}
    assert by_kind["series"][0].file == f"{_NAME.removesuffix('/001')}.tar.gz!/00331201/001"
    assert by_kind["zip"][0].file == f"films.zip!/{_NAME}"


def test_magnetic_resonance_series_are_not_even_listed(tmp_path: Path) -> None:
    _write(tmp_path, _FILM, replace(_FILM, barcode="10331201"))
    assert [entry.name for entry in list_entries(tmp_path)[0]] == [_NAME]


def test_a_barcode_under_two_participants_is_used_for_neither(tmp_path: Path) -> None:
    _write(tmp_path, _FILM, replace(_FILM, participant="1000002"))
    assert set(_reasons(_find(tmp_path)).values()) == {"barcode_of_two_participants"}


def test_a_reading_of_this_barcode_under_another_participant_rejects_the_film(tmp_path: Path) -> None:
    _write(tmp_path, _FILM)
    reading = Claim("kxr_sq_bu00.txt", "1000002", "", "00331201", BILATERAL_PA, True)
    assert _reasons(_find(tmp_path, reading)) == {_NAME: "participant_contradiction"}


def test_a_list_of_another_day_rejects_the_film(tmp_path: Path) -> None:
    _write(tmp_path, _FILM)
    listed = Claim("contents.csv", "1000001", "20050709", "00331201", BILATERAL_PA)
    assert _reasons(_find(tmp_path, listed)) == {_NAME: "date_contradiction"}


def test_a_copy_of_a_film_is_left_out(tmp_path: Path) -> None:
    _write(tmp_path / "a", _FILM)
    _write(tmp_path / "b", _FILM)
    films, findings = find_films(list_entries(tmp_path)[0], {}, jobs=1)
    assert _reasons(films) == {f"a/{_NAME}": ""}
    assert [(finding.kind, finding.where) for finding in findings] == [("film_twice", f"b/{_NAME}")]


def test_films_of_later_visits_and_of_other_parts_are_no_baseline_films(tmp_path: Path) -> None:
    later = replace(_FILM, release="6.C.1", time_point="48 month Annual Visit")
    _write(tmp_path, later, replace(_FILM, barcode="00331202", description="PA Right Hand"))
    assert _find(tmp_path) == []


def test_a_film_in_a_plain_folder_is_found_by_its_header(tmp_path: Path) -> None:
    _write(tmp_path / "true", _FILM)
    (tmp_path / "flat").mkdir()
    (tmp_path / "true" / _NAME).rename(tmp_path / "flat" / "knees.dcm")
    [film] = _find(tmp_path / "flat")
    assert (film.participant, film.barcode, film.how, film.reason) == ("1000001", "00331201", "header", "")
