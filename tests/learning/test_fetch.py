"""A model is fetched from where the user says, is the one that was meant, and is judged before it appears."""

import hashlib
import shutil
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from jsl_core.errors import BadSettings, BundleError
from jsl_core.learning.model.fetch import fetch_model
from jsl_core.learning.model.grader import Grader
from jsl_core.learning.model.grader_record import NETWORK, SHIPPED_GRADER


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return Path(shutil.make_archive(str(tmp_path / "grader"), "zip", SHIPPED_GRADER.parent, "shipped"))


def digest_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_model_is_fetched_from_a_file(archive: Path, tmp_path: Path) -> None:
    assert fetch_model(str(archive), tmp_path / "model", digest_of(archive)) == "a model of regime kl"
    assert Grader.load(tmp_path / "model").record == Grader.load().record


def test_a_model_is_fetched_from_an_address(archive: Path, tmp_path: Path) -> None:
    handler = partial(SimpleHTTPRequestHandler, directory=str(archive.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        source = f"http://127.0.0.1:{server.server_address[1]}/{archive.name}"
        fetch_model(source, tmp_path / "model", digest_of(archive).upper())
        with pytest.raises(BundleError, match="cannot be fetched"):
            fetch_model(source.replace("grader", "other"), tmp_path / "none", digest_of(archive))
        server.shutdown()
    assert (tmp_path / "model" / NETWORK).is_file()


def test_another_archive_than_the_one_meant_leaves_nothing(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="SHA-256"):
        fetch_model(str(archive), tmp_path / "model", "0" * 64)
    assert sorted(tmp_path.iterdir()) == [archive]


@pytest.mark.parametrize("digest", ["", "12ab", "g" * 64])
def test_what_is_no_digest_is_refused(archive: Path, tmp_path: Path, digest: str) -> None:
    with pytest.raises(BadSettings, match="64 digits"):
        fetch_model(str(archive), tmp_path / "model", digest)


def test_what_is_there_is_not_replaced(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="is there already"):
        fetch_model(str(archive), archive, digest_of(archive))


def test_archives_without_a_model_or_damaged_are_told_apart(archive: Path, tmp_path: Path) -> None:
    empty, cut = tmp_path / "empty.zip", tmp_path / "cut.zip"
    with zipfile.ZipFile(empty, "w") as file:
        file.writestr("notes.txt", "no model")
    cut.write_bytes(archive.read_bytes()[:-2000])
    with pytest.raises(BundleError, match=r"neither bundle\.json"):
        fetch_model(str(empty), tmp_path / "model", digest_of(empty))
    with pytest.raises(BundleError, match="damaged"):
        fetch_model(str(cut), tmp_path / "model", digest_of(cut))


def test_files_of_an_archive_stay_in_the_folder(archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("../outside.txt", "no")
        file.writestr("shipped/../../outside.txt", "no")
    fetch_model(str(archive), tmp_path / "inner" / "model", digest_of(archive))
    assert not list(tmp_path.rglob("outside.txt")) or all(
        (tmp_path / "inner" / "model") in path.parents for path in tmp_path.rglob("outside.txt")
    )
