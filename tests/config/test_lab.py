"""A lab's file: its own tables beside a run's settings, each fault told in one line that names its table."""

from pathlib import Path

import pytest

from jsl_core.config.any_file import load_any_file
from jsl_core.config.retrain import LAB_TABLES
from jsl_core.errors import BadSettings


@pytest.mark.parametrize("table", LAB_TABLES)
def test_each_of_a_lab_s_tables_makes_a_file_a_lab_s(tmp_path: Path, table: str) -> None:
    file = tmp_path / "lab.toml"
    file.write_text(f'name = "knees"\n[{table}]\n')
    assert load_any_file(file).name == "knees"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[watch]\nsettle_seconds = -1", "watch.settle_seconds: "),
        ("[listen]\npeer = []", "there is no setting peer, but peers in [listen]"),
        ("[kubernetes.cpu]\nimages = 'a'", "there is no setting cpu.images, but cpu.image in [kubernetes]"),
        ("retrain = 5", "retrain: "),
        ("[watch]\nretrain-after = 5\nretrain_after = 6", "watch.retrain_after: is there twice"),
        ("[watch]\nsend_to = 'ORTHANC@orthanc:99999'", "watch.send_to: no PACS"),
    ],
)
def test_a_fault_in_a_table_is_told_with_the_table_s_name(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "lab.toml"
    file.write_text(text)
    with pytest.raises(BadSettings) as refusal:
        load_any_file(file)
    assert str(refusal.value).startswith(f"{file}: {words}")
    assert "\n" not in str(refusal.value)


def test_a_password_in_a_refused_url_is_not_told(tmp_path: Path) -> None:
    file = tmp_path / "lab.toml"
    file.write_text("[watch]\nsend_to = 'https://user:let@me/in@pacs/dicom'")
    with pytest.raises(BadSettings, match=r"got 'https://…@pacs/dicom'") as refusal:
        load_any_file(file)
    assert "let" not in str(refusal.value)
