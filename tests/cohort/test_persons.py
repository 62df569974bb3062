"""One person has one key, however tables, films and models write the name."""

from pathlib import Path

import pytest

from jsl_core.cohort import assign_splits, assign_with_frozen_test, read_cohort
from jsl_core.cohort.persons import normalise_knee, normalise_participant, parse_knee, person_key
from jsl_core.cohort.splits import held_out_participants
from jsl_core.config import PackSettings
from jsl_core.errors import BadTable


@pytest.mark.parametrize(
    "text",
    [
        *("1000003_1", " 1000003_1\t", "1000003\u00a0_1", "1000 003_1", "1000003\u200b_1", "\ufeff1000003_1"),
        *("1000003.0_1", "1000003.00_1.0", "'1000003_1", "\u20191000003_1", '="1000003_1"', "'1000003'_1"),
        *(
            "\uff11\uff10\uff10\uff10\uff10\uff10\uff13_1",
            "1000003\uff3f1",
            "1000003R",
            "1000003_r",
            "1000003 right",
        ),
        *(
            "1000003-Right",
            "1000003.R",
            "1000003 (R)",
            "1000003.0R",
            "1000003RT",
            "1000003 rechts",
            "10000\n03_1",
        ),
    ],
)
def test_a_knee_is_one_knee_however_it_is_written(text: str) -> None:
    assert normalise_knee(text) == "1000003_1"


@pytest.mark.parametrize(
    ("text", "participant"),
    [
        ("PN 108776", "PN108776"),
        ("=12/345", "=12/345"),
        ("O'Brien", "O'Brien"),
        ("0012", "0012"),
        ("a12", "a12"),
        ("12.5", "12.5"),
        ("site\u20133", "site-3"),
        ("ﬁlm", "film"),
    ],
)
def test_what_tells_persons_apart_stays(text: str, participant: str) -> None:
    assert normalise_participant(text) == participant


@pytest.mark.parametrize("name", ["BAKER", "2000001_3", "2000001", "Smithright", "_1", "2000001_", "R"])
def test_a_name_without_a_side_names_none(name: str) -> None:
    assert parse_knee(name) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a12", "A12"),
        ("0012", "12"),
        ("S-012", "s12"),
        ("12/345", "12-345"),
        ("Müller", "MULLER"),
        ("12", "12R"),
    ],
)
def test_two_spellings_that_may_be_one_person_are_refused_with_both_rows(
    tmp_path: Path, one: str, other: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"participant,side\n7,1\n{one},1\n8,2\n{other},2\n")
    with pytest.raises(BadTable, match=f"rows 3 and 5: {one} and {other} may be one person"):
        read_cohort(path)


def test_numbers_of_sites_are_not_joined_to_those_of_persons(tmp_path: Path) -> None:
    assert person_key("1-23") != person_key("12-3")
    path = tmp_path / "t.csv"
    path.write_text("ID\n1-23_1\n12-3_1\n123_1\n1.23_2\n".replace("1.23_2", "A1_2"))
    assert read_cohort(path)["participant"].nunique() == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ID\n9.00E+06_1\n", "row 2: participant 9.00E.06 is a number that a spreadsheet has shortened"),
        ("ID\n1_1\n1.0_1\n", "row 3: ID is '1_1', as in row 2; keep one row per knee"),
        ("ID,side\n1_1,L\n", "row 2: ID says 1_1, and side says L; make them agree"),
        ("ID,patient\n1_1,x\n2_1,x\n", "rows 2 and 3: ID and patient disagree on who is one person"),
        ("ID,participant\n1_1,x\n1_2,y\n", "rows 2 and 3: ID and participant disagree on who is one person"),
        (
            "ID,split\n1_1,train\n1.0_2,testing\n",
            r"participant 1 are in two splits \(row 2 train and row 3 test\)",
        ),
        ("participant,side\n,1\n", "row 2: no participant; fill participant"),
        ("participant,side\nNA,1\n", "row 2: no participant"),
    ],
)
def test_doubt_about_a_person_is_a_line_with_its_rows(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(BadTable, match=message):
        read_cohort(tmp_path / "t.csv")


def test_an_id_beside_a_side_and_a_pseudonym_beside_a_patient_are_read(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("ID,SIDE,patient_id\n1000001,1: Right,PN 7\n".replace("1: Right", "1"))
    assert read_cohort(path)["ID"].tolist() == ["1000001_1"]
    path.write_text("participant,knee,kl\n1000001,R,2\n1000001,L,3\n")
    assert read_cohort(path)["ID"].tolist() == ["1000001_1", "1000001_2"]


def test_one_person_is_never_on_both_sides_of_a_split(tmp_path: Path) -> None:
    sides = ["{0}_1\n{0}.0_2", "{0} _1\n'{0}_2", "{0}R\n{0}\u00a0left"]
    rows = [sides[number % 3].format(1000001 + number) for number in range(60)]
    (tmp_path / "t.csv").write_text("ID\n" + "\n".join(rows) + "\n", encoding="utf-8")
    split = assign_splits(read_cohort(tmp_path / "t.csv"), PackSettings())
    assert split["participant"].nunique() == 60
    assert (split.groupby("participant")["split"].nunique() == 1).all()


def test_the_frozen_are_known_however_a_later_table_writes_them(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("ID,split\n01000001_1,train\n1000002_1,train\nPN 3_1,train\n")
    frozen = frozenset({"1000001.0", "pn3"})
    split = assign_with_frozen_test(read_cohort(tmp_path / "t.csv"), frozen, PackSettings())
    assert split["split"].tolist() == ["test", "train", "test"]


def test_who_has_a_knee_in_training_is_not_held_out(tmp_path: Path) -> None:
    table = read_cohort(_write_knees(tmp_path / "t.csv"))
    table["split"] = ["train", "test", "test", "test"]
    assert held_out_participants(table) == {"2"}


def _write_knees(path: Path) -> Path:
    path.write_text("ID\n1_1\n1_2\n2_1\n2_2\n")
    return path
