"""A file that is no settings file, or holds wrong settings, is one line that names the file and the fault."""

from pathlib import Path

import pytest

from jsl_core.config import load_pipeline, load_sweep
from jsl_core.config.sweep import trials_of
from jsl_core.errors import BadSettings


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "not a text file in UTF-8; save it as one"),
        ("name = 'ä'".encode("latin-1"), "not a text file in UTF-8"),
        ("name = 'a'".encode("utf-16"), "not a text file in UTF-8"),
        (b"\0\0\0\0", "not a TOML file"),
        (b"ID,BL_KL_grade\n1000001_1,2\n", "not a TOML file"),
        (b"a = " + b"[" * 5000, "not a TOML file"),
        (b"jobs = " + b"9" * 5000, "not a TOML file"),
        (b'"a\\nb" = 1', "there is no setting a b"),
        (b"training = 3", "training: .*; got 3"),
        (b'preset = ["kl"]', r"preset \['kl'\] is unknown"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path: Path, data: bytes, message: str) -> None:
    file = tmp_path / "run.toml"
    file.write_bytes(data)
    with pytest.raises(BadSettings, match=message) as caught:
        load_pipeline(file)
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)


def test_a_folder_is_no_settings_file(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="cannot be read"):
        load_pipeline(tmp_path)


def test_a_byte_order_mark_is_no_part_of_the_first_setting(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_bytes(b"\xef\xbb\xbfname = 'windows'\n")
    assert load_pipeline(file).name == "windows"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("[]", "no values for training.kl.lr"),
        ("{low = 1e-4, high = inf}", "sweep.vary.training.kl.lr.high: Input should be a finite number"),
        ("{low = -1e308, high = 1e308}", "both finite"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(tmp_path: Path, values: str, message: str) -> None:
    file = tmp_path / "sweep.toml"
    file.write_text(f'[sweep]\ntrials = 2\nvary = {{"training.kl.lr" = {values}}}\n')
    with pytest.raises(BadSettings, match=message):
        trials_of(*load_sweep(file))
