"""Other cohorts by a mapping file."""

from pathlib import Path

import pytest

from jsl_core.cohort import read_cohort
from jsl_core.cohort.oai import read_mapped, write_cohort
from jsl_core.config import OaiSettings
from jsl_core.errors import BadTable

_WIDE = """
participant = "MOSTID"
missing = ["-9", "M"]

[columns]
Age = {column = "V0AGE"}
Sex = {column = "SEX", codes = {0 = 1, 1 = 2}}
BMI = {column = "V0BMI"}
BL_KL_grade = {right = "V0XRKLR", left = "V0XRKLL"}
BL_mJSW_mm = {right = "JSWR0", left = "JSWL0", factor = 10}
FU_mJSW_mm = {right = "JSWR3", left = "JSWL3", factor = 10}
Knee_Injury = {right = "INJR", left = "INJL", codes = {yes = 1, no = 0}}
"""
_WIDE_TABLE = """MOSTID,V0AGE,SEX,V0BMI,V0XRKLR,V0XRKLL,JSWR0,JSWL0,JSWR3,JSWL3,INJR,INJL
1000001,61,0,27.5,2,3,0.45,0.05,0.37,0.02,yes,no
1000002,70,1,-9,M,1,0.50,0.40,0.50,-9,no,no
"""
_LONG = """
participant = "patient"
side = "knee"
side_codes = {R = 1, L = 2}

[columns]
Age = {column = "age"}
BL_KL_grade = {column = "kl"}
JSL_Prog = {column = "outcome", codes = {worse = 1, same = 0}}
"""
_OWN_LABELS = _LONG.replace(", codes = {worse = 1, same = 0}", "")
_LONG_TABLE = "patient;knee;age;kl;outcome\nA-1;R;60;2;worse\nA-1;L;60;1;same\nB-2;L;71;3;\n"


def _write(tmp_path: Path, mapping: str, table: str) -> tuple[Path, Path]:
    (tmp_path / "map.toml").write_text(mapping)
    (tmp_path / "table.csv").write_text(table)
    return tmp_path / "table.csv", tmp_path / "map.toml"


def test_a_row_a_participant_becomes_two_knees(tmp_path: Path) -> None:
    cohort = read_mapped(*_write(tmp_path, _WIDE, _WIDE_TABLE), OaiSettings())
    write_cohort(cohort, tmp_path / "JSL.csv")
    table = read_cohort(tmp_path / "JSL.csv").set_index("ID")
    assert table["Sex"].to_dict() == {"1000001_1": 1, "1000001_2": 1, "1000002_2": 2}
    assert table.loc["1000001_1", ["BL_KL_grade", "Knee_Injury", "JSL_Prog"]].tolist() == [2, 1, 1]
    assert table["JSL_Prog"].isna().to_dict() == {"1000001_1": False, "1000001_2": True, "1000002_2": True}
    reasons = cohort.excluded.set_index("ID")["step"].to_dict()
    assert reasons == {
        "1000001_2": "too narrow to progress",
        "1000002_1": "no KL grade",
        "1000002_2": "no follow-up mJSW",
    }


def test_a_row_a_knee_with_labels_of_its_own(tmp_path: Path) -> None:
    table = read_mapped(*_write(tmp_path, _LONG, _LONG_TABLE), OaiSettings()).table.set_index("ID")
    assert table["JSL_Prog"].dropna().to_dict() == {"A-1_1": 1, "A-1_2": 0}
    assert table["BL_KL_grade"].to_dict() == {"A-1_1": 2, "A-1_2": 1, "B-2_2": 3}


def test_a_decimal_comma_is_a_decimal_point(tmp_path: Path) -> None:
    mapping = _LONG.replace("Age = {column", "BMI = {column")
    table = _LONG_TABLE.replace(";60;2", ";27,5;2")
    read = read_mapped(*_write(tmp_path, mapping, table), OaiSettings()).table.set_index("ID")
    assert read["BMI"].to_dict() == {"A-1_1": 27.5, "A-1_2": 60, "B-2_2": 71}


def test_codes_may_come_as_decimals_and_ages_keep_theirs(tmp_path: Path) -> None:
    table = _LONG_TABLE.replace(";60;2", ";61.7;2.0").replace("A-1", "'A-1.0")
    read = read_mapped(*_write(tmp_path, _LONG, table), OaiSettings()).table.set_index("ID")
    assert read["Age"].to_dict() == {"A-1.0_1": 61.7, "A-1.0_2": 60, "B-2_2": 71}
    assert read["BL_KL_grade"].to_dict() == {"A-1.0_1": 2, "A-1.0_2": 1, "B-2_2": 3}


@pytest.mark.parametrize(
    ("mapping", "table", "message"),
    [
        (_LONG, _LONG_TABLE.replace("worse", "maybe"), "row 2: a cell of outcome"),
        (_LONG, _LONG_TABLE.replace(";L;71", ";X;71"), "row 4: side is none of R, L"),
        (_LONG, _LONG_TABLE.replace("outcome", "result"), "no column outcome"),
        (_LONG, _LONG_TABLE.replace(";60;2", ";60;7"), "row 2: kl is 7, no BL_KL_grade"),
        (_LONG, _LONG_TABLE.replace("A-1;L", "A-1;R"), "knee A-1_1 is there twice"),
        (_LONG.replace("Age =", "Weight ="), _LONG_TABLE, "map.toml: columns.Weight"),
        (_LONG.replace("[columns]", "[columns"), _LONG_TABLE, "map.toml: not a TOML file"),
        (_WIDE, _WIDE_TABLE.replace("61,0", "sixty,0"), "row 2: a cell of V0AGE"),
        (
            _LONG,
            _LONG_TABLE.replace(";60;1", ";60;1.9"),
            "row 3: kl is 1.9, no BL_KL_grade, and nothing is rounded",
        ),
        (_LONG, _LONG_TABLE.replace(";71;3", ";71;2,5"), "row 4: kl is 2,5, no BL_KL_grade"),
        (_LONG, _LONG_TABLE.replace(";71;3", ";71;0.4"), "row 4: kl is 0.4, no BL_KL_grade"),
        (_OWN_LABELS, _LONG_TABLE.replace("worse", "0.6"), "row 2: outcome is 0.6, no JSL_Prog"),
        (_LONG, _LONG_TABLE.replace(";L;71", ";L;71;"), "row 4: 6 cells under 5 names"),
        (
            _LONG,
            _LONG_TABLE.replace("\n", ";2\n").replace("me;2", "me;KL"),
            "columns 4 and 6 are both called kl",
        ),
        (_LONG, _LONG_TABLE.replace("B-2", "a-01"), "rows 2 and 4: A-1 and a-01 may be one person"),
        (_LONG, _LONG_TABLE.replace("A-1;L", "'A-1 ;R"), "rows 2 and 3: knee A-1_1 is there twice"),
        (
            _LONG,
            _LONG_TABLE.replace(";60;2", ";1,234;2"),
            "row 2: a cell of age is none of the numbers, '1,234'",
        ),
        (_LONG, _LONG_TABLE.replace(";60;2", ";inf;2"), "row 2: a cell of age is none of the numbers"),
        (_LONG, "x" * 200_000 + _LONG_TABLE, "not a row of a CSV table"),
        (_LONG.replace('Age = {column = "age"}', "Age = {}"), _LONG_TABLE, "either column, or both"),
        (_LONG.replace('{column = "age"}', '{right = "age", left = "kl"}'), _LONG_TABLE, "a row is a knee"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(
    tmp_path: Path, mapping: str, table: str, message: str
) -> None:
    with pytest.raises(BadTable, match=message):
        read_mapped(*_write(tmp_path, mapping, table), OaiSettings())
