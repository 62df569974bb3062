"""Scans are found wherever they lie, and nothing in an archive leads out of it or fills the memory."""

import bz2
import errno
import gzip
import io
import lzma
import os
import socket
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from jsl_core.errors import BadScan, JslError
from jsl_core.imaging import read_scan, walk_scans
from jsl_core.imaging.sources import START_BYTES, read_start

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
    return data.getvalue()


def tarred_links(target: str) -> bytes:
    """A tar of one film, and of members that are none."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        film = tarfile.TarInfo("film.dcm")
        film.size = len(FILM)
        archive.addfile(film, io.BytesIO(FILM))
        for name, kind in (
            ("link", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE), ("pipe", tarfile.FIFOTYPE),
            ("tape", tarfile.CHRTYPE), ("folder", tarfile.DIRTYPE),
        ):  # fmt: skip
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
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
    assert reason(tmp_path, names[0]).startswith("too_deep: an archive within 3 others")


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


def test_archives_within_archives_that_cannot_be_read_are_reasons_that_say_so(tmp_path: Path) -> None:
    scan = bytes(128) + b"DICM" + FILM
    inner = {"cut.zip": zipped({"film.dcm": FILM})[:-30], "none.tar.gz": b"", "scan.zip": scan}
    write(tmp_path, {"a.zip": zipped(inner), "b.tar.gz": tarred(inner)})
    for archive in ("a.zip", "b.tar.gz"):
        assert reason(tmp_path, f"{archive}!/cut.zip").startswith("undecodable: an archive within")
        assert reason(tmp_path, f"{archive}!/none.tar.gz").startswith(
            "undecodable: an archive within another"
        )
        assert read_scan(tmp_path, f"{archive}!/scan.zip") == scan


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    write(tmp_path, {"elsewhere/film.dcm": FILM, "scans/own.dcm": FILM})
    (tmp_path / "scans" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "scans")
    assert [scan.name for scan in walk_scans(tmp_path / "scans")] == ["link/back", "link/film.dcm", "own.dcm"]
    assert reason(tmp_path / "scans", "link/back").startswith("not_a_file: a link to a folder above it")


def test_what_is_no_file_is_walked_and_says_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "broken.dcm").symlink_to(tmp_path / "nowhere")
    (tmp_path / "itself").symlink_to(tmp_path / "itself")
    os.mkfifo(tmp_path / "pipe.zip")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "socket.dcm"))
    (tmp_path / "device").symlink_to("/dev/zero")
    names = [scan.name for scan in walk_scans(tmp_path)]
    assert names == ["broken.dcm", "device", "itself", "pipe.zip", "socket.dcm"]
    assert {reason(tmp_path, name).partition(":")[0] for name in names} == {"not_a_file"}
    assert "a link to nothing" in reason(tmp_path, "broken.dcm")
    assert "a pipe, socket or device" in reason(tmp_path, "pipe.zip")


def test_a_folder_that_cannot_be_opened_is_an_entry_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"a.dcm": FILM, "secret/b.dcm": FILM, "z.dcm": FILM})
    listdir = os.listdir

    def refuse(path: object) -> list[str]:
        if str(path).endswith("secret"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return listdir(path)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(os, "listdir", refuse)
    assert [scan.name for scan in walk_scans(tmp_path)] == ["a.dcm", "secret", "z.dcm"]
    assert "cannot be opened (Permission denied)" in reason(tmp_path, "secret")
    with pytest.raises(JslError, match=r"secret: cannot be opened \(Permission denied\); mend"):
        list(walk_scans(tmp_path / "secret"))


def test_names_of_any_bytes_are_walked_and_none_is_taken_for_another(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path)
    names = [b"..dcm", b"M\xfcller.dcm", b"M\\xfcller.dcm", b"a\nb.dcm", "Müller.dcm".encode(), b"-rf", b" "]
    for number, name in enumerate(names):
        Path(os.fsdecode(folder + b"/" + name)).write_bytes(bytes([number]))
    inside = os.fsdecode(folder + b"/d\xfcr")
    write(Path(inside), {"film.dcm": b"7"})
    scans = list(walk_scans(tmp_path))
    assert len({scan.name for scan in scans}) == len(names) + 1
    assert all(scan.name.isprintable() for scan in scans)
    for scan in scans:
        assert read_scan(tmp_path, scan.name) == scan.read()
    assert {scan.read() for scan in scans} == {*(bytes([number]) for number in range(len(names))), b"7"}


def test_a_folder_named_like_what_an_archive_holds_is_not_taken_for_it(tmp_path: Path) -> None:
    write(tmp_path, {"a.zip": zipped({"film.dcm": b"in the archive"}), "a.zip!/film.dcm": b"in the folder"})
    read = {scan.name: scan.read() for scan in walk_scans(tmp_path)}
    assert read == {"a.zip!/film.dcm": b"in the archive", "a.zip\\x21/film.dcm": b"in the folder"}
    assert {name: read_scan(tmp_path, name) for name in read} == read
    write(tmp_path / "out", {"more.zip!/film.dcm": b"an output"})
    assert [scan.name for scan in walk_scans(tmp_path / "out")] == ["more.zip!/film.dcm"]
    assert read_scan(tmp_path / "out", "more.zip!/film.dcm") == b"an output"


def test_links_in_a_tar_are_what_they_point_to_or_say_that_it_is_not_there(tmp_path: Path) -> None:
    write(tmp_path, {"in.tgz": tarred_links("film.dcm"), "out.tgz": tarred_links("/etc/passwd")})
    names = [scan.name for scan in walk_scans(tmp_path)]
    assert names == [f"{tar}!/{name}" for tar in ("in.tgz", "out.tgz") for name in (
        "film.dcm", "link", "hard", "pipe", "tape")]  # fmt: skip
    for name in ("film.dcm", "link", "hard"):
        assert read_scan(tmp_path, f"in.tgz!/{name}") == FILM
    for name in ("in.tgz!/pipe", "in.tgz!/tape", "out.tgz!/link", "out.tgz!/hard", "out.tgz!/pipe"):
        assert reason(tmp_path, name).startswith("not_a_file")


def test_links_in_a_zip_and_archives_of_other_kinds_are_reasons(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        link = zipfile.ZipInfo("link.dcm")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("film.dcm", FILM)
    write(tmp_path, {"films.7z": b"7z\xbc\xaf\x27\x1c", "films.rar": b"Rar!"})
    assert reason(tmp_path, "a.zip!/link.dcm").startswith("not_a_file: a link in a zip")
    assert read_scan(tmp_path, "a.zip!/film.dcm") == FILM
    for name in ("films.7z", "films.rar"):
        assert reason(tmp_path, name).startswith("undecodable: an archive of a kind that is not looked into")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress], ids=["gz", "bz2", "xz"])
def test_a_film_that_was_packed_alone_is_unpacked(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    packed = pack(FILM)
    write(tmp_path, {"film.dcm.gz": packed, "two": pack(FILM[:99]) + pack(FILM[99:]), "cut": packed[:-9]})
    write(tmp_path, {"a.zip": zipped({"film.dcm.gz": packed})})
    for name in ("film.dcm.gz", "two", "a.zip!/film.dcm.gz"):
        assert read_scan(tmp_path, name) == FILM
    assert reason(tmp_path, "cut").split(":")[0] in ("truncated", "undecodable")


def test_a_packed_bomb_is_too_large(tmp_path: Path) -> None:
    write(tmp_path, {"bomb.gz": gzip.compress(bytes(1 << 20))})
    (scan,) = walk_scans(tmp_path)
    with pytest.raises(BadScan, match="unpacks to more than 0 MiB"):
        scan.read(limit=5000)


def test_names_that_lead_out_of_the_source_are_not_read(tmp_path: Path) -> None:
    write(tmp_path, {"scans/own.dcm": FILM, "secret": b"secret"})
    for name in ("../secret", str(tmp_path / "secret")):
        assert reason(tmp_path / "scans", name).startswith("changed: the file has gone")


def test_a_start_is_that_of_what_is_read_or_of_nothing(tmp_path: Path) -> None:
    plain = {"film.dcm": FILM, "empty": b"", "short": b"DICM", "a/b.txt": b"x" * 5000}
    for name, data in plain.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    (tmp_path / "packed.dcm.gz").write_bytes(gzip.compress(FILM))
    (tmp_path / "of films.zip").write_bytes(zipped({"1.dcm": FILM}))
    (tmp_path / "torn.zip").write_bytes(b"PK\3\4")
    (tmp_path / "other.7z").write_bytes(b"7z\xbc\xaf\x27\x1c")
    (tmp_path / "line\nbreak").write_bytes(b"other")
    (tmp_path / "gone").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")  # and nobody writes into it
    starts = {scan.name: read_start(tmp_path, scan.name) for scan in walk_scans(tmp_path)}
    assert {name: start for name, start in starts.items() if start is not None} == {
        name: data[:START_BYTES] for name, data in plain.items()
    }
    assert len(starts) == len(plain) + 7
