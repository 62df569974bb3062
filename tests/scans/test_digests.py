"""The digest of a scan is known without reading it, exactly while nobody has touched the file."""

import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from jsl_core.scans.listing import list_scans
from jsl_core.storage import Artifact


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files and an archive."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / name).write_bytes(name.encode() * 100)
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        archive.writestr("inner", b"d" * 100)
    return folder


@pytest.fixture
def a_minute_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute has passed since the files were written."""
    now = time.time_ns
    monkeypatch.setattr("jsl_core.scans.digests.time", SimpleNamespace(time_ns=lambda: now() + 60 * 10**9))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the scans that were read."""
    names: list[str] = []
    of_bytes: Callable[[bytes, str], Artifact] = Artifact.of_bytes

    def record_name(data: bytes, name: str) -> Artifact:
        names.append(name)
        return of_bytes(data, name)

    monkeypatch.setattr(Artifact, "of_bytes", record_name)
    return names


@pytest.mark.usefixtures("a_minute_later")
def test_untouched_files_and_archives_are_read_once(folder: Path, tmp_path: Path, read: list[str]) -> None:
    first = list_scans(folder, tmp_path / "ledger.json")
    assert sorted(read) == ["a", "b", "c", "more.zip!/inner"]
    read.clear()
    assert list_scans(folder, tmp_path / "ledger.json") == first
    assert read == []


@pytest.mark.usefixtures("a_minute_later")
def test_another_content_is_seen_though_size_and_date_are_the_same(
    folder: Path, tmp_path: Path, read: list[str]
) -> None:
    before = list_scans(folder, tmp_path / "ledger.json")
    date = os.stat(folder / "b").st_mtime_ns
    for name, content in (("b", b"B" * 100), ("c", b"C" * 100)):
        (folder / "new").write_bytes(content)
        os.utime(folder / "new", ns=(date, date))
        if name == "b":
            os.replace(folder / "new", folder / name)
        else:
            (folder / name).write_bytes((folder / "new").read_bytes())
            os.utime(folder / name, ns=(date, date))
            (folder / "new").unlink()
    read.clear()
    after = list_scans(folder, tmp_path / "ledger.json")
    assert sorted(read) == ["b", "c"]  # two threads read
    assert [scan.sha256 for scan in after[1:3]] == [
        Artifact.of_file(folder / "b").sha256,
        Artifact.of_file(folder / "c").sha256,
    ]
    assert before[0] == after[0]


def test_files_that_were_just_written_are_read_again(folder: Path, tmp_path: Path, read: list[str]) -> None:
    list_scans(folder, tmp_path / "ledger.json")
    read.clear()
    list_scans(folder, tmp_path / "ledger.json")
    assert sorted(read) == ["a", "b", "c", "more.zip!/inner"]


@pytest.mark.usefixtures("a_minute_later")
@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"a": 1}', b'{"a": [[1, 2, 3, 4], null, null]}'])
def test_a_damaged_ledger_costs_reading_the_files_again(
    folder: Path, tmp_path: Path, read: list[str], damage: bytes
) -> None:
    first = list_scans(folder, tmp_path / "ledger.json")
    (tmp_path / "ledger.json").write_bytes(damage)
    assert list_scans(folder, tmp_path / "ledger.json") == first
