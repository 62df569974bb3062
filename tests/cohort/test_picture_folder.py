"""A folder of pictures per KL grade becomes a cohort table."""

from pathlib import Path

import pytest

from flows.cli.main import main
from jsl_core.cohort import read_cohort

FILES = (
    *("train/0/1000001R.png", "train/2Mild/1000001L.png", "validation/KL4/1000002_1.jpg"),
    *("test/1/1000003 right.png", "test/.DS_Store", "test/Thumbs.db", "readme.txt"),
)


def make(folder: Path, *files: str) -> Path:
    for number, file in enumerate(files):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(f"picture {number}".encode())
    return folder


def jsl(*words: object) -> int | str | None:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return ended.value.code


def test_grades_splits_and_knees_are_those_of_folders_and_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / "data" / "kl224", *FILES)
    assert jsl("cohort", tmp_path / "data", tmp_path / "tables" / "cohort.csv") == 0
    table = read_cohort(tmp_path / "tables" / "cohort.csv", needs=["Img_path", "split"])
    rows = table.sort_values("ID")[["ID", "BL_KL_grade", "split"]].to_numpy().tolist()
    assert rows == [
        ["1000001_1", 0, "train"],
        ["1000001_2", 2, "train"],
        ["1000002_1", 4, "val"],
        ["1000003_1", 1, "test"],
    ]
    assert all((tmp_path / "tables" / path).is_file() for path in table["Img_path"])
    printed = capsys.readouterr().out
    assert "4 knees of 3 participants: 1 of KL 0, 1 of KL 1, 1 of KL 2, 1 of KL 4" in printed
    assert "1 .txt" in printed


def test_without_splits_there_is_no_column_of_them(tmp_path: Path) -> None:
    make(tmp_path / "kl", "0/1000001R.png", "3/1000001L.png")
    assert jsl("cohort", tmp_path / "kl", tmp_path / "c.csv") == 0
    assert (tmp_path / "c.csv").read_text().splitlines()[0] == "ID,BL_KL_grade,Img_path"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("auto_test/2/1000009L.png", "auto_test is neither a grade 0 to 4 nor a split; move it away"),
        ("train/5/1000009L.png", "folder 5 is neither a grade 0 to 4 nor a split"),
        ("train/1000009L.png", "lies in no folder of one grade"),
        ("train/0/film.png", "film.png: its name tells no participant and side; call it"),
        ("train/3/1000001R.png", "knee 1000001_1 is there twice"),
        ("val/3/1000001.0R.jpg", "knee 1000001_1 is there twice"),
        ("test/3/1000002L.png", "the knees of participant 1000002 are in two splits"),
        ("train/3/01000002L.png", "1000002 and 01000002 may be one person|01000002 and 1000002 may be"),
    ],
)
def test_what_is_in_doubt_is_refused_by_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: str, message: str
) -> None:
    make(tmp_path / "kl", *FILES, more)
    assert jsl("cohort", tmp_path / "kl", tmp_path / "c.csv") == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert any(part in error for part in message.split("|"))
    assert not (tmp_path / "c.csv").exists()


def test_a_folder_may_be_left_out(tmp_path: Path) -> None:
    make(tmp_path / "kl", *FILES, "auto_test/2/1000001R.png")
    assert jsl("cohort", tmp_path / "kl", tmp_path / "c.csv", "--skip", "auto_test") == 0


def test_one_picture_under_two_knees_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path / "kl", *FILES)
    copy = tmp_path / "kl" / "train" / "4" / "1000004R.png"
    copy.parent.mkdir()
    copy.write_bytes((tmp_path / "kl" / FILES[0]).read_bytes())
    assert jsl("cohort", tmp_path / "kl", tmp_path / "c.csv") == 1
    assert "knees 1000001_1, 1000004_1 share one picture" in capsys.readouterr().err
