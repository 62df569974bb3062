"""The cohort table: what is read, and the one line that says what is wrong."""

from pathlib import Path

import pytest

from jsl_core.cohort import read_cohort
from jsl_core.cohort.splits import assign_splits
from jsl_core.config import PackSettings
from jsl_core.errors import BadTable

HEADER = "ID,Age,Sex,Race,BMI,Knee_Injury,Alignment_degree,BL_KL_grade,JSL_Prog"
GOOD = f"{HEADER}\n1000001_1,61,2,1,27.5,0,-1.2,2,0\n1000001_2,61,2,1,27.5,1,0.4,3,1\n"


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "JSL.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_a_knee_belongs_to_the_participant_and_side_its_id_names(tmp_path: Path) -> None:
    table = read_cohort(write(tmp_path, GOOD))
    assert list(table["participant"]) == ["1000001", "1000001"]
    assert list(table["side"]) == [1, 2]
    assert table["Alignment_degree"].tolist() == [-1.2, 0.4]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_exports_of_any_spreadsheet_read_alike(tmp_path: Path, separator: str, encoding: str) -> None:
    text = GOOD.replace(",", separator).replace("ID", "ID", 1).replace("\n", "\r\n") + ""
    text = text.replace("Knee_Injury", "Notiz_äöü" + separator + "Knee_Injury")
    text = text.replace(separator.join(["27.5", "0"]), separator.join(["27.5", "süß", "0"]))
    text = text.replace(separator.join(["27.5", "1"]), separator.join(["27.5", "süß", "1"]))
    assert read_cohort(write(tmp_path, text, encoding)).equals(read_cohort(write(tmp_path, GOOD)))


def test_decimal_commas_are_numbers_where_semicolons_separate(tmp_path: Path) -> None:
    table = read_cohort(write(tmp_path, GOOD.replace(",", ";").replace("27.5", "27,5")))
    assert table["BMI"].tolist() == [27.5, 27.5]


def test_blanks_and_dotted_codes_are_missing(tmp_path: Path) -> None:
    text = f"{HEADER}\n1000001_1,.,,.P,27.5,.: Missing Form,-1.2,2,\n"
    row = read_cohort(write(tmp_path, text)).iloc[0]
    assert row[["Age", "Sex", "Race", "Knee_Injury", "JSL_Prog"]].isna().all()


def test_only_the_id_is_needed_unless_more_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, "ID\n1000001_1\n")
    assert read_cohort(path)["BL_KL_grade"].isna().all()
    with pytest.raises(BadTable, match="no column Img_path"):
        read_cohort(path, needs=["Img_path"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Age,Sex\n61,1\n", "no column ID"),
        (HEADER + "\n", "no rows"),
        ("", "not a table"),
        ("ID,Age\n1000001_1,61,5\n", "row 2: 3 cells under 2 names: 1000001_1 · 61 · 5; quote"),
        (GOOD.replace(",3,1", ",7,1"), "row 3: BL_KL_grade is 7; it must be 0, 1, 2, 3, 4"),
        (GOOD.replace(",3,1", ",2.5,1"), "row 3: BL_KL_grade is 2.5"),
        (GOOD.replace(",3,1", ",3,2"), "row 3: JSL_Prog is 2"),
        (GOOD.replace("61,2", "61,female"), "row 2: Sex is 'female'; give a number"),
        (GOOD.replace("27.5,0", "275,0"), "row 2: BMI is 275; it must lie between"),
        (
            GOOD.replace("1000001_2", "1000001_1"),
            "row 3: ID is '1000001_1', as in row 2; keep one row per knee",
        ),
        (GOOD.replace("1000001_2", "1000001_3"), r"ID is '1000001_3'; it must be <participant>_1"),
        (GOOD.replace("1000001_2", ""), "row 3: ID is ''"),
    ],
)
def test_a_bad_table_is_one_line_that_names_the_row(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadTable, match=message) as caught:
        read_cohort(write(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_split_is_train_val_or_test_and_one_per_participant(tmp_path: Path) -> None:
    with pytest.raises(BadTable, match="split is 'holdout'; it must be train, val, test"):
        read_cohort(write(tmp_path, "ID,split\n1000001_1,holdout\n"))
    with pytest.raises(BadTable, match="participant 1000001 are in two splits"):
        read_cohort(write(tmp_path, "ID,split\n1000001_1,train\n1000001_2,test\n"))


def test_knees_of_a_participant_in_two_parts_are_let_through_only_by_that_name(tmp_path: Path) -> None:
    table = read_cohort(write(tmp_path, "ID,Split by knee\n1000001_1,train\n1000001_2,test\n"))
    assert list(table["split"]) == ["train", "test"]
    by_knee = assign_splits(table, PackSettings(split_by="knee"))
    assert list(by_knee["split"]) == ["train", "test"]
    with pytest.raises(BadTable, match=r"set pack\.split_by to knee"):
        assign_splits(table, PackSettings(split_by="participant"))


def test_what_is_no_table_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(BadTable, match="cannot be read"):
        read_cohort(tmp_path / "absent.csv")
    (tmp_path / "film.csv").write_bytes(b"\x89PNG\0\0\1\2")
    with pytest.raises(BadTable, match="not a text table"):
        read_cohort(tmp_path / "film.csv")
