"""Participants and files of any name go through folders: the true name in tables, a safe one on the disk."""

import csv
import gzip
import io
import os
import socket
import tarfile
import zipfile
from pathlib import Path

import numpy.typing as npt
import pytest
from films import as_bytes, dicom, legs, save, stored

from flows.cli.main import main
from jsl_core.config import ConvertSettings, SplitSettings
from jsl_core.imaging import FilmLook, Pseudonyms, convert_folder, split_folder
from jsl_core.imaging.names import decode_name
from jsl_core.system.spreadsheet import unescape_cell

pytestmark = pytest.mark.slow

SETTINGS, HALF = ConvertSettings(min_side=64), SplitSettings(at="half")
PARTICIPANTS = (
    *("PN 108776", "=12/345", "Müller-7", "ANON^0012", "+49", "-7", "@x", "CON", "Ab", "AB", "ab", "N" * 74),
    *(
        "**********",
        "../../etc/passwd",
        ".hidden",
        "'quoted",
        "'=1",
        "ü" * 64,
        'a"b,c',
        "a\\b",
        "x.png",
        "NA",
    ),
)
FILES = ("..dcm", "-rf.dcm", "=1.dcm", "con.dcm", "a b.dcm", "Film.dcm", "film.dcm", "ü.dcm", "a.dcm.gz")
MARK = "QZX"


def nothing_seen(image: npt.NDArray) -> FilmLook:
    return FilmLook()


def jsl(*words: object) -> object:
    """The exit code of the command."""
    with pytest.raises(SystemExit) as caught:
        main([str(word) for word in words])
    return caught.value.code


def film(number: int, participant: str) -> bytes:
    tags = {"SpecificCharacterSet": "ISO_IR 192", "PatientID": participant}
    return as_bytes(dicom(stored(legs(90, 120, seed=number), 12), bits=12, **tags))


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@", "\t"))]
    return [{name: unescape_cell(cell) for name, cell in row.items()} for row in rows]


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film a participant, in files whose names tell nothing, and a film a file's name, which tell whose."""
    source = tmp_path_factory.mktemp("scans")
    for number, participant in enumerate(PARTICIPANTS):
        (source / f"{number:03}").write_bytes(film(number, participant))
    (source / "named").mkdir()
    for number, name in enumerate(FILES, len(PARTICIPANTS)):
        data = film(number, "")
        (source / "named" / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return source


def test_every_participant_has_knees_under_a_name_that_tells_it(scans: Path, tmp_path: Path) -> None:
    split_folder(scans, tmp_path, HALF, SETTINGS, nothing_seen, jobs=2)
    rows = table(tmp_path / "knees.csv")
    assert {row["reason"] for row in rows} == {""}
    knees = {f"{participant}_{side}" for participant in PARTICIPANTS for side in (1, 2)}
    named = {row["ID"] for row in rows if row["file"].startswith("named/")}
    assert {row["ID"] for row in rows} - named == knees
    assert len(named) == 2 * len(FILES)
    pictures = [path.name for path in tmp_path.iterdir() if path.suffix == ".png"]
    assert len(pictures) == len({name.lower() for name in pictures}) == len(rows)
    decoded = {
        decode_name(name.removesuffix(".png")) for name in pictures if "~" not in name or len(name) < 200
    }
    assert decoded == {row["ID"] for row in rows if "üü" not in row["ID"]}
    again = split_folder(scans, tmp_path, HALF, SETTINGS, nothing_seen, jobs=2)
    assert {row["png"] for row in again} == set(pictures), "what is remembered has the same names"


def test_pictures_stay_below_their_folder_and_are_found_again(scans: Path, tmp_path: Path) -> None:
    png, knees = tmp_path / "png", tmp_path / "knees"
    convert_folder(scans, png, SETTINGS, nothing_seen, jobs=2)
    rows = table(png / "scans.csv")
    assert {row["reason"] for row in rows} == {""}
    paths = {path.relative_to(png).as_posix() for path in png.rglob("*.png")}
    assert paths == {row["png"] for row in rows}
    assert len({path.lower() for path in paths}) == len(PARTICIPANTS) + len(FILES)
    assert list(tmp_path.iterdir()) == [png]
    split_folder(png, knees, HALF, SETTINGS, nothing_seen, jobs=2)
    participants = {row["ID"][:-2] for row in table(knees / "knees.csv") if not row["reason"]}
    assert participants == {row["participant"] for row in rows}, "scans.csv tells whose each picture is"


def test_every_entry_of_a_folder_is_an_output_or_a_row(tmp_path: Path) -> None:
    source = tmp_path / "scans"
    save(dicom(stored(legs(90, 120, seed=1), 12), bits=12), source / "film.dcm")
    (source / "dangling.dcm").symlink_to("gone.dcm")
    (source / "circle").symlink_to(source)
    os.mkfifo(source / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(source / "socket"))
    (source / "device").symlink_to("/dev/zero")
    Path(os.fsdecode(os.fsencode(source) + b"/M\xfcller.dcm")).write_bytes(film(2, "2"))
    deep = io.BytesIO()
    with zipfile.ZipFile(deep, "w") as archive:
        archive.writestr("film.dcm", film(3, "3"))
    for _ in range(4):
        inner, deep = deep.getvalue(), io.BytesIO()
        with zipfile.ZipFile(deep, "w") as archive:
            archive.writestr("in.zip", inner)
    (source / "deep.zip").write_bytes(deep.getvalue())
    with tarfile.open(source / "links.tar", "w") as tar:
        link = tarfile.TarInfo("link.dcm")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    rows = convert_folder(source, tmp_path / "png", SETTINGS, nothing_seen, jobs=2)
    assert {row["file"]: row["reason"] for row in rows} == {
        "M\\xfcller.dcm": "",
        "circle": "not_a_file",
        "dangling.dcm": "not_a_file",
        "deep.zip!/in.zip!/in.zip!/in.zip": "too_deep",
        "device": "not_a_file",
        "film.dcm": "",
        "links.tar!/link.dcm": "not_a_file",
        "pipe": "not_a_file",
        "socket": "not_a_file",
    }


@pytest.mark.parametrize("command", ["convert", "split"])
def test_with_pseudonyms_no_name_is_seen_anywhere(
    command: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "scans", tmp_path / "out"
    folder = source / f"{MARK} folder"
    folder.mkdir(parents=True)
    (folder / f"{MARK}1.dcm").write_bytes(film(1, f"{MARK}/1"))
    (folder / f"{MARK}2.dcm").write_bytes(film(2, ""))
    (folder / f"{MARK}3.dcm").write_bytes(film(1, f"{MARK}/1"))  # a duplicate, whose sentence names the first
    (folder / f"{MARK}.dcm").symlink_to(f"{MARK}gone")
    with zipfile.ZipFile(source / f"{MARK}.zip", "w") as archive:
        archive.writestr(f"{MARK}.dcm", film(4, f"={MARK}"))
        archive.writestr(f"{MARK}.txt", b"no film")
    key = Pseudonyms(b"k" * 16)
    if command == "split":
        split_folder(source, target, HALF, SETTINGS, nothing_seen, jobs=1, pseudonyms=key)
    else:
        convert_folder(source, target, SETTINGS, nothing_seen, jobs=1, pseudonyms=key)
    seen = [path for path in target.rglob("*") if MARK in str(path.relative_to(target))]
    seen += [path for path in target.rglob("*") if path.is_file() and MARK.encode() in path.read_bytes()]
    assert seen == []
    assert len(table(target / "rejected.csv")) >= 3
    assert MARK not in "".join(capfd.readouterr())


def test_an_error_line_names_a_pseudonym_by_the_key_in_a_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / f"{MARK}.dcm").write_text("no film")
    (tmp_path / "key").write_text("k" * 16 + "\n")
    words = ("convert", tmp_path / "scans", tmp_path / "out", "--pseudonymise", "--pseudonym-key")
    assert jsl(*words, tmp_path / "key") == 1
    spoken = "".join(capfd.readouterr())
    assert Pseudonyms(b"k" * 16)(f"{MARK}.dcm") in spoken
    assert MARK not in spoken
    assert jsl(*words, "gone") == 1
    assert "cannot be read (No such file or directory); name a file with the key" in capfd.readouterr().err
