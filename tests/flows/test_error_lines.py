"""Whatever ends a command is one line with a remedy; a fault of the program asks to be reported."""

import errno
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from flows.cli.commands import bench
from flows.cli.error_lines import error_line
from flows.cli.main import main
from jsl_core.config import PackSettings
from jsl_core.errors import BadTable


def read_missing_file(folder: Path) -> bytes:
    return (folder / "scans.csv").read_bytes()


def read_folder(folder: Path) -> bytes:
    return folder.read_bytes()


def read_below_a_file(folder: Path) -> bytes:
    return (folder / "film.txt" / "x").read_bytes()


def decode_latin_1(folder: Path) -> str:
    path = folder / "film.txt"
    return path.read_text(encoding="utf-8")


def set_negative_size(folder: Path) -> PackSettings:
    return PackSettings(size=-1)


def read_deep_json(folder: Path) -> object:
    return json.loads("[" * 200_000)


def use_all_memory(folder: Path) -> bytearray:
    return bytearray(1 << 60)


def import_missing_package(folder: Path) -> object:
    return importlib.import_module("no_such_package.part")


def call_dead_server(folder: Path) -> object:
    return httpx.get("http://127.0.0.1:1")


def call_with_a_wrong_password(folder: Path) -> object:
    request = httpx.Request("GET", "http://127.0.0.1:1/api/health")
    return httpx.Response(401, request=request).raise_for_status()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "film.txt").write_bytes("Expé\n".encode("latin-1"))
    return tmp_path


@pytest.mark.parametrize(
    ("fail", "message"),
    [
        (read_missing_file, "scans.csv: no such file or directory; check the path"),
        (read_folder, ": is a directory; name a file"),
        (read_below_a_file, "x: not a directory; check the path"),
        (decode_latin_1, "film.txt: is not UTF-8 (byte 0xe9 at 3); save it as UTF-8"),
        (set_negative_size, "PackSettings: size: "),
        (read_deep_json, "the input is nested too deeply"),
        (use_all_memory, "out of memory; use fewer --jobs"),
        (import_missing_package, "the Python package no_such_package is missing; install it"),
        (call_dead_server, "the Prefect server http://127.0.0.1:1/api does not answer"),
        (call_with_a_wrong_password, "(status 401); set PREFECT_API_AUTH_STRING to its user:password"),
    ],
)
def test_what_a_user_can_mend_is_one_line(
    fail: Callable[[Path], object],
    message: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    monkeypatch.setattr(bench, "_benchmarks", lambda: fail(folder))
    with pytest.raises(SystemExit) as ended:
        main(["bench"])
    errors = capsys.readouterr().err
    assert ended.value.code == 1
    assert errors.count("\n") == 1
    assert errors.startswith("jsl: ")
    assert message in errors
    assert "internal error" not in errors
    assert not errors.rstrip().endswith(".")


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOSPC, errno.EROFS, errno.EMFILE, errno.EIO])
def test_an_error_of_the_system_says_what_where_and_what_to_do(number: int) -> None:
    line = error_line(OSError(number, os.strerror(number), "out/scans.csv"))
    what, remedy = line.removeprefix("out/scans.csv: ").split("; ")
    assert what.lower() == os.strerror(number).lower()
    assert len(remedy.split()) > 2


def test_a_fault_of_the_program_asks_to_be_reported_and_debug_shows_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "_benchmarks", lambda: {}["no such\nkey"])
    with pytest.raises(SystemExit) as ended:
        main(["bench"])
    errors = capsys.readouterr().err
    assert ended.value.code == 1
    assert errors.startswith("jsl: internal error: KeyError: ")
    assert errors.endswith("; run again with --debug and report it\n")
    assert "flows/cli/commands/bench.py:" in errors
    assert errors.count("\n") == 1
    with pytest.raises(KeyError):
        main(["bench", "--debug"])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is Linux's")
def test_output_that_cannot_be_written_is_one_line() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", "from flows.cli.main import main; main()", "--version"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    remedy = "free some space and run again (finished work is kept)"
    assert done.stderr == f"jsl: no space left on device; {remedy}\n"


@pytest.mark.parametrize("cell", ["x" * 200_000, "knee of the left side, " * 9_000])
def test_a_cell_of_200000_letters_is_not_echoed_and_the_remedy_stays(cell: str) -> None:
    line = error_line(BadTable(f"JSL.csv, row 7: side is {cell}; write 1 or 2"))
    assert len(line) < 1600
    assert line.startswith("JSL.csv, row 7: side is ")
    assert line.endswith("; write 1 or 2")
