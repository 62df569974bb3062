"""Scans are found wherever they lie, and nothing in an archive leads out of it or fills the memory."""

import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from jsl_core.errors import BadScan
from jsl_core.imaging import read_scan, walk_scans

FILM = b"a film " * 900


def zipped(files: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE):
            member = tarfile.TarInfo(f"no file {kind!r}")
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
    return data.getvalue()


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def reason(folder: Path, name: str) -> str:
    with pytest.raises(BadScan) as caught:
        read_scan(folder, name)
    return f"{caught.value.code}: {caught.value}"


def test_folders_archives_and_archives_within_them_are_walked(tmp_path: Path) -> None:
    films = {f"{number}.dcm": FILM + bytes([number]) for number in range(7)}
    inner = zipped({"in/2.dcm": films["2.dcm"], "3.dcm": films["3.dcm"]})
    files = {
        "a/b/001": films["0.dcm"],
        "a/films.zip": zipped({"1.dcm": films["1.dcm"], "deep/inner.zip": inner}),
        "films.tar.gz": tarred({"4.dcm": films["4.dcm"], "in.tar.gz": tarred({"5.dcm": films["5.dcm"]})}),
        "six.dcm": films["6.dcm"],
    }
    found = {scan.name: scan.read() for scan in walk_scans(write(tmp_path, files))}
    assert found == {
        "a/b/001": films["0.dcm"],
        "a/films.zip!/1.dcm": films["1.dcm"],
        "a/films.zip!/deep/inner.zip!/in/2.dcm": films["2.dcm"],
        "a/films.zip!/deep/inner.zip!/3.dcm": films["3.dcm"],
        "films.tar.gz!/4.dcm": films["4.dcm"],
        "films.tar.gz!/in.tar.gz!/5.dcm": films["5.dcm"],
        "six.dcm": films["6.dcm"],
    }
    for name, content in found.items():
        assert read_scan(tmp_path, name) == content
    alone = tmp_path / "a" / "films.zip"
    assert next(scan.name for scan in walk_scans(alone)) == "films.zip!/1.dcm"
    assert read_scan(alone, "films.zip!/1.dcm") == films["1.dcm"]


def test_names_that_lead_out_of_an_archive_or_occur_twice(tmp_path: Path) -> None:
    outwards = {"../../one.dcm": b"1", "/etc/two.dcm": b"2", "C:\\three.dcm": b"3", "one.dcm": b"4"}
    write(tmp_path, {"a.zip": zipped(outwards), "b.tar.gz": tarred(outwards)})
    inside = {"one.dcm": b"1", "etc/two.dcm": b"2", "C:/three.dcm": b"3", "one.dcm~2": b"4"}
    assert {scan.name: scan.read() for scan in walk_scans(tmp_path)} == {
        f"{archive}!/{name}": content for archive in ("a.zip", "b.tar.gz") for name, content in inside.items()
    }
    with pytest.raises(BadScan):
        read_scan(tmp_path / "a.zip", "../secret")


def test_an_archive_that_holds_itself_comes_to_an_end(tmp_path: Path) -> None:
    archive = zipped({"film.dcm": FILM})
    for _ in range(6):
        archive = zipped({"again.zip": archive})
    names = [scan.name for scan in walk_scans(write(tmp_path, {"a.zip": archive}))]
    assert names == ["a.zip!/again.zip!/again.zip!/again.zip"]


def test_archives_that_cannot_be_read_are_reasons_that_say_so(tmp_path: Path) -> None:
    whole = zipped({"film.dcm": os.urandom(5000)})
    start = whole.index(b"PK\x01\x02")
    locked = bytearray(whole)
    locked[6] |= 1  # the flag of encryption, in both headers of the file
    locked[start + 8] |= 1
    bomb = bytearray(whole)
    bomb[start + 24 : start + 28] = (1 << 31).to_bytes(4, "little")  # its size
    damaged = whole[:1000] + bytes(500) + whole[1500:]
    files = {"cut.zip": whole[:-30], "cut.tar.gz": tarred({"film.dcm": FILM})[:-40], "none.zip": zipped({})}
    for name in write(tmp_path, files | {"empty.tar": b""}).iterdir():
        assert reason(tmp_path, name.name).startswith("undecodable: the archive is damaged or empty")
    write(tmp_path, {"locked.zip": bytes(locked), "bomb.zip": bytes(bomb), "damaged.zip": damaged})
    assert "locked" in reason(tmp_path, "locked.zip!/film.dcm")
    assert reason(tmp_path, "bomb.zip!/film.dcm").startswith("too_large")
    assert reason(tmp_path, "damaged.zip!/film.dcm").startswith("undecodable")
    assert {scan.name for scan in walk_scans(tmp_path)} >= {"cut.zip", "empty.tar", "bomb.zip!/film.dcm"}


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    write(tmp_path, {"elsewhere/film.dcm": FILM, "scans/own.dcm": FILM})
    (tmp_path / "scans" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "scans")
    (tmp_path / "scans" / "broken").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "scans" / "pipe")
    assert [scan.name for scan in walk_scans(tmp_path / "scans")] == ["link/film.dcm", "own.dcm"]
