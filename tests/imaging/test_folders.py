"""`jsl convert` and `jsl split`: folders in, folders out, once and only once."""

import csv
import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from films import as_bytes, dicom, legs, save, stored
from mutations import mutated, whole_files

from jsl_core.config import ConvertSettings, SplitSettings
from jsl_core.detection.look import look_at_film
from jsl_core.errors import BadScan, BadTable, JslError
from jsl_core.imaging import (
    Pseudonyms,
    convert_folder,
    decode_png,
    encode_png,
    folder,
    folder_run,
    split_folder,
    write_mapping,
)
from jsl_core.imaging.names import output_names
from jsl_core.system.parallel import parallel_map

pytestmark = pytest.mark.slow

SCANS = (
    "file,png,participant,view,spacing_mm,spacing_source,width,height,bits,photometric,transfer_syntax,"
    "polarity_from,joints_seen,note,reason"
)
KNEES = "file,ID,side,side_from,x1,y1,x2,y2,how,polarity_from,joints_seen,note,reason"
SETTINGS = ConvertSettings(min_side=64)


def film(number: int, **tags: object) -> pydicom.Dataset:
    return dicom(stored(legs(90, 120, seed=number), 12), bits=12, PatientID=str(1000000 + number), **tags)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def states(path: Path) -> dict[str, int]:
    return {str(file): file.stat().st_mtime_ns for file in sorted(path.rglob("*.png"))}


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    source = tmp_path / "scans"
    save(film(1), source / "a" / "001")
    save(film(2, PatientOrientation=["R", "F"]), source / "a" / "film.two.dcm")
    save(film(3), source / "b" / "1.2.840.77")
    save(film(4), source / "b" / "1.2.840.78")
    save(film(5, Modality="MR"), source / "b" / "mr.dcm")
    shutil.copy(source / "a" / "001", source / "b" / "copy.dcm")
    (source / "notes.txt").write_text("no scan")
    with zipfile.ZipFile(source / "more.zip", "w") as archive:
        archive.writestr("inner/film.dcm", as_bytes(film(6)))
    return source


def test_convert_keeps_folders_and_stems_and_lists_every_file(scans: Path, tmp_path: Path) -> None:
    target = tmp_path / "png"
    convert_folder(scans, target, SETTINGS, look_at_film, jobs=2)
    assert (target / "scans.csv").read_text().splitlines()[0] == SCANS
    rows = {row["file"]: row for row in table(target / "scans.csv")}
    assert {file: row["reason"] for file, row in rows.items()} == {
        "a/001": "",
        "a/film.two.dcm": "",
        "b/1.2.840.77": "",
        "b/1.2.840.78": "",
        "b/copy.dcm": "duplicate",
        "b/mr.dcm": "wrong_modality",
        "more.zip!/inner/film.dcm": "",
        "notes.txt": "not_dicom",
    }
    pngs = {path.relative_to(target).as_posix() for path in target.rglob("*.png")}
    assert pngs == {row["png"] for row in rows.values() if row["png"]}
    assert {"a/001.png", "a/film.two.png", "b/1.2.840.77.png", "more.zip!/inner/film.png"} <= pngs
    assert rows["a/001"]["participant"] == "1000001"
    assert [row["reason"] for row in table(target / "rejected.csv")] == [
        "duplicate",
        "wrong_modality",
        "not_dicom",
    ]


def test_a_second_run_does_nothing_and_a_changed_scan_costs_one(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "png"
    first = convert_folder(scans, target, SETTINGS, look_at_film, jobs=2)
    before = states(target)
    done: list[str] = []
    convert = folder.convert_scan
    monkeypatch.setattr(folder, "convert_scan", lambda *all: done.append(all[1]) or convert(*all))
    monkeypatch.setattr(folder_run, "parallel_map", _map_in_process)
    assert convert_folder(scans, target, SETTINGS, look_at_film) == first
    assert done == []
    assert states(target) == before
    done.clear()
    save(film(9), scans / "b" / "1.2.840.77")
    (target / "a" / "001.png").unlink()
    convert_folder(scans, target, SETTINGS, look_at_film)
    assert done == ["b/1.2.840.77", "a/001"]
    assert set(states(target)) == set(before)


def _map_in_process(work, items, jobs, seconds):  # type: ignore[no-untyped-def]
    for item in items:
        try:
            yield work(item)
        except BadScan as error:
            yield error


def test_split_of_dicom_and_of_its_pngs_give_the_same_knees(scans: Path, tmp_path: Path) -> None:
    shutil.rmtree(scans / "b")
    direct, png, later = tmp_path / "direct", tmp_path / "png", tmp_path / "later"
    split_folder(scans, direct, SplitSettings(), SETTINGS, look_at_film, jobs=2)
    convert_folder(scans, png, SETTINGS, look_at_film, jobs=2)
    split_folder(png, later, SplitSettings(), SETTINGS, look_at_film, jobs=2)
    assert (direct / "knees.csv").read_text().splitlines()[0] == KNEES
    names = sorted(path.name for path in direct.glob("*.png"))
    assert names == [f"{1000000 + n}_{side}.png" for n in (1, 2, 6) for side in (1, 2)]
    for name in names:  # the flipped film too: scans.csv says that it is
        assert np.array_equal(
            decode_png((direct / name).read_bytes()), decode_png((later / name).read_bytes())
        )
    boxes = [
        [row[key] for key in ("ID", "x1", "x2", "how")] for row in table(direct / "knees.csv") if row["ID"]
    ]
    assert boxes == [[row[key] for key in ("ID", "x1", "x2", "how")] for row in table(later / "knees.csv")]


def test_of_two_films_of_one_knee_the_first_is_kept(tmp_path: Path) -> None:
    save(film(1), tmp_path / "scans" / "1.dcm")
    other = film(2)
    other.PatientID = "1000001"
    save(other, tmp_path / "scans" / "2.dcm")
    rows = split_folder(
        tmp_path / "scans", tmp_path / "knees", SplitSettings(), SETTINGS, look_at_film, jobs=1
    )
    assert [(row["file"], row["reason"]) for row in rows] == [
        ("1.dcm", ""), ("1.dcm", ""), ("2.dcm", "duplicate"), ("2.dcm", "duplicate"),
    ]  # fmt: skip


def test_names_stay_apart_where_stems_are_the_same() -> None:
    files = ["a/film.dcm", "a/film.ima", "b/film.dcm", "1.2.840.1", "1.2.840.2", ".dcm", "a/film.dcm.x"]
    assert output_names(files) == [
        "a/film.dcm.png", "a/film.ima.png", "b/film.png", "1.2.840.1.png", "1.2.840.2.png", "%2Edcm.png",
        "a/film.dcm.x.png",
    ]  # fmt: skip


def test_no_name_is_too_long_for_a_disk_or_taken_by_a_folder() -> None:
    files = ["n" * 255, "m" * 190, "/".join(["deep"] * 300), "film", "film.png/other"]
    names = output_names(files)
    assert names[1] == "m" * 190 + ".png"
    assert names[4] == "film.png/other.png"
    assert names[0].startswith("nnnn")
    assert len(set(names)) == 5
    assert all(len(part) <= 255 for name in names for part in name.split("/"))


def test_pseudonyms_name_files_and_participants_and_the_mapping_says_whom(
    scans: Path, tmp_path: Path
) -> None:
    shutil.rmtree(scans / "b")
    target = tmp_path / "knees"
    rows = split_folder(
        scans,
        target,
        SplitSettings(),
        SETTINGS,
        look_at_film,
        jobs=2,
        pseudonyms=Pseudonyms(b"k" * 16, reveal=True),
    )
    write_mapping(tmp_path / "mapping.csv", rows)
    names = {row["name"] for row in table(tmp_path / "mapping.csv")}
    assert {"1000001", "1000002", "1000006", "a/001", "notes.txt"} <= names
    mapping = (tmp_path / "mapping.csv").read_bytes()
    assert stat.S_IMODE((tmp_path / "mapping.csv").stat().st_mode) == 0o600
    files = [path for path in target.rglob("*") if path.suffix in (".csv", ".json")]
    assert any(".jsl" in path.parts for path in files), "what is remembered is looked at, too"
    everything = "".join(path.read_text() for path in files) + str(list(target.rglob("*")))
    assert not any(name in everything for name in names)
    once_more = split_folder(
        scans,
        target,
        SplitSettings(),
        SETTINGS,
        look_at_film,
        jobs=2,
        pseudonyms=Pseudonyms(b"k" * 16, reveal=True),
    )
    write_mapping(tmp_path / "mapping.csv", once_more)
    assert (tmp_path / "mapping.csv").read_bytes() == mapping
    again = split_folder(
        scans, tmp_path / "other", SplitSettings(), SETTINGS, look_at_film, pseudonyms=Pseudonyms(b"x" * 16)
    )
    assert {row["file"] for row in again}.isdisjoint(row["file"] for row in rows)
    assert all("stand_for" not in row for row in again)


def test_a_target_that_is_a_file_is_one_clear_line(scans: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JslError, match="is a file; name a folder"):
        convert_folder(scans, tmp_path / "file", SETTINGS, look_at_film)


def test_stray_files_trouble_no_worker_and_have_their_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "scans"
    save(film(1), source / "b.dcm")
    strays = {"a.txt": b"grade;knee", "c": b"", "d.db": bytes(300)}
    for name, data in strays.items():
        (source / name).write_bytes(data)
    given: list[str] = []

    def record(work: Any, items: list[tuple[str, Any]], *more: Any) -> Any:
        given.extend(name for name, _ in items)
        return parallel_map(work, items, *more)

    monkeypatch.setattr(folder_run, "parallel_map", record)
    converted = convert_folder(source, tmp_path / "pngs", SETTINGS, look_at_film, jobs=1)
    split = split_folder(source, tmp_path / "knees", SplitSettings(), SETTINGS, look_at_film, jobs=1)
    assert given == ["b.dcm", "b.dcm"]
    for rows in (converted, split):
        assert [row["file"] for row in rows] == sorted(row["file"] for row in rows)
        reasons = {row["file"]: row["reason"] for row in rows}
        assert reasons == {"b.dcm": "", **dict.fromkeys(strays, "not_dicom")}


def test_missing_and_empty_sources_are_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for source in ("empty", "missing"):
        with pytest.raises(JslError, match=source) as caught:
            convert_folder(tmp_path / source, tmp_path / "png", SETTINGS, look_at_film)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [SCANS.encode() + b"\nM\xfcller,m.png\n", b"\xff\xfe" + SCANS.encode("utf-16-le"), b'"' + b"x" * 200_000],
    ids=["latin-1", "utf-16", "no-csv"],
)
def test_a_table_of_scans_that_cannot_be_read_is_one_clear_line(content: bytes, tmp_path: Path) -> None:
    save(film(1), tmp_path / "scans" / "1.dcm")
    (tmp_path / "scans" / "scans.csv").write_bytes(content)
    with pytest.raises(BadTable, match=r"scans\.csv: cannot be read .*; mend it") as caught:
        split_folder(tmp_path / "scans", tmp_path / "knees", SplitSettings(), SETTINGS, look_at_film, jobs=1)
    assert "\n" not in str(caught.value)


def test_a_table_of_scans_that_may_not_be_read_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(film(1), tmp_path / "scans.csv")

    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(BadTable, match=r"scans\.csv: cannot be read \(Permission denied\); mend it"):
        split_folder(tmp_path, tmp_path / "knees", SplitSettings(), SETTINGS, look_at_film, jobs=1)


def test_a_folder_named_like_the_table_of_scans_is_a_folder(tmp_path: Path) -> None:
    save(film(1), tmp_path / "scans" / "scans.csv" / "1.dcm")
    rows = split_folder(
        tmp_path / "scans", tmp_path / "knees", SplitSettings(), SETTINGS, look_at_film, jobs=1
    )
    assert [row["ID"] for row in rows] == ["1000001_1", "1000001_2"]
    (tmp_path / "pngs" / "scans.csv").mkdir(parents=True)
    with pytest.raises(JslError, match=r"scans\.csv: is a folder or a device; name a file"):
        convert_folder(tmp_path / "scans", tmp_path / "pngs", SETTINGS, look_at_film, jobs=1)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1.dcm,film.png,1000001,PA,0.2,,,,,,,,and,more,cells", ""),
        ("1.dcm,film.png", ""),
        ("1.dcm,film.png,1000001,PA,about 0.2", "bad_spacing"),
        ("1.dcm,film.png,1000001,PA,0", "bad_spacing"),
        ("1.dcm,film.png,1000001,PA,0.2 nan", "bad_spacing"),
    ],
)
def test_a_row_of_scans_that_is_amiss_costs_no_more_than_its_film(
    row: str, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "film.png").write_bytes(encode_png(stored(legs(90, 120, seed=1), 8).astype(np.uint8)))
    (tmp_path / "scans.csv").write_text(f"{SCANS}\n{row}\n")
    rows = split_folder(tmp_path, tmp_path / "knees", SplitSettings(), SETTINGS, look_at_film, jobs=1)
    assert {row["reason"] for row in rows} == {reason}


def test_a_source_of_tables_alone_is_empty(tmp_path: Path) -> None:
    (tmp_path / "scans.csv").write_text(f"{SCANS}\n1.dcm,film.png\n")
    with pytest.raises(JslError, match="there are no films"):
        split_folder(tmp_path, tmp_path / "knees", SplitSettings(), SETTINGS, look_at_film, jobs=1)


def test_two_knees_of_the_same_pixels_are_both_written(tmp_path: Path) -> None:
    knee = legs(90, 60, seed=1)
    save(dicom(stored(np.hstack([knee, knee]), 12), bits=12, PatientID="1000001"), tmp_path / "a" / "1.dcm")
    rows = split_folder(
        tmp_path / "a", tmp_path / "knees", SplitSettings(at="half"), SETTINGS, look_at_film, jobs=1
    )
    assert [row["reason"] for row in rows] == ["", ""]
    assert len({(tmp_path / "knees" / row["png"]).read_bytes() for row in rows}) == 1


def test_mutated_files_are_converted_or_rejected_with_a_reason(tmp_path: Path) -> None:
    files = whole_files()
    for number in range(150):
        (tmp_path / f"film{number}.dcm").write_bytes(mutated(number, 7, files))
    settings = ConvertSettings(min_side=16, any_view=True, seconds_per_scan=300)
    rows = convert_folder(tmp_path, tmp_path / "png", settings, look_at_film, jobs=2)
    assert len(rows) == 150
    for row in rows:
        assert row["reason"] or (tmp_path / "png" / row["png"]).is_file()
    assert {"timeout", "worker_killed"}.isdisjoint(row["reason"] for row in rows)
    assert 10 < sum(not row["reason"] for row in rows) < 100


def test_a_killed_run_leaves_nothing_half_written_and_is_taken_up(tmp_path: Path) -> None:
    for number in range(1, 25):
        save(film(number), tmp_path / "scans" / f"{number}.dcm")
    command = [sys.executable, "-c", _RUN, str(tmp_path / "scans"), str(tmp_path / "png")]
    run = subprocess.Popen(command, start_new_session=True)
    while not list((tmp_path / "png").rglob("*.png")):
        assert run.poll() is None
        time.sleep(0.01)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    for path in (tmp_path / "png").rglob("*.png"):
        decode_png(path.read_bytes())
    assert not (tmp_path / "png" / "scans.csv").exists() or len(table(tmp_path / "png" / "scans.csv")) == 24
    rows = convert_folder(tmp_path / "scans", tmp_path / "png", SETTINGS, look_at_film, jobs=2)
    assert [row["reason"] for row in rows] == [""] * 24
    assert len(list((tmp_path / "png").glob("*.png"))) == 24


_RUN = """
import sys
from pathlib import Path
from jsl_core.config import ConvertSettings
from jsl_core.detection.look import look_at_film
from jsl_core.imaging import convert_folder
if __name__ == "__main__":
    convert_folder(Path(sys.argv[1]), Path(sys.argv[2]), ConvertSettings(min_side=64), look_at_film, jobs=2)
"""
