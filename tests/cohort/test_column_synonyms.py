"""Tables with other column names are read as the same knees."""

from pathlib import Path

import pytest

from jsl_core.cohort import read_cohort
from jsl_core.errors import BadTable

OWN = "ID,Img_path,BL_KL_grade,split\n1000001_2,a/1.png,3,test\n1000001_1,a/2.png,0,test\n"


def table_of(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        OWN,
        "File,Participant,Side,KL,split\na/1.png,1000001,L,3,test\na/2.png,1000001,R,0,test\n",
        "split;grade;laterality;patient_id;filename\ntest;3;left;1000001;a/1.png\ntest;0;Right;1000001;a/2.png\n",
        "ID,image,kl_grade,split\n1000001L,a/1.png,3,test\n1000001_R,a/2.png,0,test\n",
    ],
)
def test_a_table_is_read_by_whichever_names_its_maker_chose(tmp_path: Path, text: str) -> None:
    expected = read_cohort(table_of(tmp_path, OWN))
    assert read_cohort(table_of(tmp_path, text), needs=["Img_path"]).equals(expected)


def test_splits_of_any_name_are_kept(tmp_path: Path) -> None:
    path = table_of(tmp_path, OWN.replace(",test", ",external"))
    assert set(read_cohort(path, any_split=True)["split"]) == {"external"}
    with pytest.raises(BadTable, match="train, val, test"):
        read_cohort(path)


def test_our_own_column_goes_before_others_that_say_the_same_in_their_way(tmp_path: Path) -> None:
    text = "ID,BL_KL_grade,grade\n1000001_1,2,2.0\n"
    assert read_cohort(table_of(tmp_path, text))["BL_KL_grade"].tolist() == [2.0]
    with pytest.raises(BadTable, match=r"row 2: columns 2 \(BL_KL_grade\) and 3 \(grade\) both stand for"):
        read_cohort(table_of(tmp_path, text.replace("2.0", "3")))


def test_a_side_that_is_none_is_refused(tmp_path: Path) -> None:
    path = table_of(tmp_path, "participant,side,kl\n1000001,both,2\n")
    with pytest.raises(BadTable, match=r"row 2: side is 'both'; it must be 1 \(right\) or 2 \(left\)"):
        read_cohort(path)


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadTable, match="columns 1 and 2 are both called ID; keep one"):
        read_cohort(table_of(tmp_path, "ID,id\n1000001_1,1000001_1\n"))
