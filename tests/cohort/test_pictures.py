"""Pictures that are not there, and one picture under several knees."""

from pathlib import Path

import pytest

from jsl_core.cohort import read_cohort
from jsl_core.cohort.pictures import (
    describe_missing_pictures,
    missing_pictures,
    refuse_equal_files,
    refuse_missing_pictures,
)
from jsl_core.errors import BadTable

ROWS = "ID,Img_path\n1_1,a.png\n1_2,b.png\n\n2_1,moved/c.png\n2_2,\n"


@pytest.fixture
def table_file(tmp_path: Path) -> Path:
    (tmp_path / "t.csv").write_text(ROWS)
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(name.encode())
    return tmp_path / "t.csv"


def test_missing_pictures_are_counted_and_the_first_is_named(table_file: Path) -> None:
    table = read_cohort(table_file, needs=["Img_path"])
    missing = missing_pictures(table, table_file.parent)
    assert list(missing["ID"]) == ["2_1", "2_2"]
    sentence = describe_missing_pictures(table, missing)
    assert sentence == "2 of 4 Img_path are not there; the first is row 5, moved/c.png"
    assert len(refuse_missing_pictures(table, table_file.parent, 0.5)) == 2
    with pytest.raises(BadTable, match=r"2 of 4 Img_path .* more than max_rejected \(49%\)"):
        refuse_missing_pictures(table, table_file.parent, 0.49)


@pytest.mark.parametrize("path", ["a.png", "./a.png", "x/../a.png"])
def test_one_path_under_two_knees_is_refused(table_file: Path, path: str) -> None:
    table_file.write_text(ROWS.replace("moved/c.png", path))
    with pytest.raises(BadTable, match=r"t.csv, rows 2 and 5: knees 1_1, 2_1 share"):
        read_cohort(table_file, needs=["Img_path"])
    assert len(read_cohort(table_file)) == 4  # where films are read, the column says nothing


def test_copies_of_a_file_under_two_knees_are_refused(table_file: Path) -> None:
    (table_file.parent / "b.png").write_bytes(b"a")
    with pytest.raises(BadTable, match=r"rows 2 and 3: knees 1_1, 1_2 share one picture \(a.png, b.png\)"):
        refuse_equal_files(read_cohort(table_file), table_file.parent, "t.csv")
