"""Archives are listed without being unpacked, and read no further than needed."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from jsl_core.system.archives import archive_members, is_tar, printable, stream_members

FILES = {"a/1": b"first", "a/2": b"second", "3": b"third"}


def pack(path: Path, files: dict[str, bytes]) -> Path:
    if is_tar(path.name):
        with tarfile.open(path, "w") as tar:
            for name, content in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    return path


@pytest.mark.parametrize("name", ["films.zip", "films.tar"])
def test_members_are_the_same_listed_and_streamed(name: str, tmp_path: Path) -> None:
    archive = pack(tmp_path / name, FILES | {"./a/1": b"again", "..\\4": b"fourth"})
    expected = FILES | {"a/1~2": b"again", "4": b"fourth"}
    assert {name: member.read() for name, member in archive_members(archive).items()} == expected
    assert {member.name: member.read() for member in stream_members(archive)} == expected


def test_a_tar_is_streamed_no_further_than_its_first_file(tmp_path: Path) -> None:
    archive = pack(tmp_path / "series.tar", FILES)
    archive.write_bytes(archive.read_bytes()[:1024])  # header and content of the first file
    assert next(stream_members(archive)).read() == b"first"


def test_only_wanted_archives_within_an_archive_are_opened(tmp_path: Path) -> None:
    tables = pack(tmp_path / "tables.zip", {"t.csv": b"1"}).read_bytes()
    films = pack(tmp_path / "films.tar", FILES).read_bytes()
    archive = pack(tmp_path / "outer.zip", {"tables.zip": tables, "films.tar": films, "bad.zip": b"PK"})
    assert set(archive_members(archive, lambda name: name.endswith(".zip"))) == {
        "tables.zip!/t.csv", "films.tar", "bad.zip",
    }  # fmt: skip
    everything = archive_members(archive)
    assert set(everything) == {"tables.zip!/t.csv", "bad.zip", *(f"films.tar!/{name}" for name in FILES)}
    assert everything["films.tar!/a/2"].read() == b"second"


@pytest.mark.parametrize("name", ["cut.zip", "cut.tar"])
def test_a_damaged_archive_is_an_os_error(name: str, tmp_path: Path) -> None:
    archive = pack(tmp_path / name, FILES)
    archive.write_bytes(archive.read_bytes()[:700][: -1 if is_tar(name) else 100])
    for listing in (archive_members, stream_members):
        with pytest.raises(OSError, match=name):
            list(listing(archive))  # type: ignore[operator]


def test_names_are_printable_and_printable_ones_are_left_alone() -> None:
    assert printable("Müller/κ 001") == "Müller/κ 001"
    assert printable("a\n\udcff") == "a\\x0a\\xff"
