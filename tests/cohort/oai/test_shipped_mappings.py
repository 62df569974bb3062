"""The mappings that ship with the program, on synthetic tables of the shapes they are for."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flows.cli.main import main
from jsl_core.cohort import read_cohort
from jsl_core.cohort.oai import read_mapped
from jsl_core.cohort.oai.mapping_file import read_mapping
from jsl_core.config import OaiSettings
from jsl_core.errors import BadSettings, BadTable

SHIPPED = ("most", "check", "hospital")
MAPPINGS = Path(read_mapping.__code__.co_filename).parents[1] / "mappings"


def most_release(folder: Path) -> Path:
    """Two tables of MOST's shape, one row a participant, with columns that nobody asked for, and a note."""
    folder.mkdir()
    enrolled = {
        "MOSTID": ["MB90001", "MB90002", "MI90003", "MI90004"],
        "AGE": [61, 55, 70, 66],
        "SEX": [1, 2, 2, 1],
        "V0BMI": [27.5, 31.2, "", 25.0],
        "V0LAR": [0, 1, 0, 0],
        "V0LAL": [0, 0, 1, "P"],
        "V0PA": [1, 1, 1, 1],
    }
    read = {
        "MOSTID": ["MI90003", "MB90001", "MB90002"],  # another order, and one who was never read
        "V0XRKL": [2, 0, "1.9"],
        "V0XLKL": [3, 1, 2],
        "V0XRJSM": [1, 0, 1],
        "V0XLJSM": [2, 0, 1.5],
        "V3XRKL": [3, 0, 2],
        "V3XLKL": [8, 1, 2],
        "V3XRJSM": [2, 0, 2],
        "V3XLJSM": [8, "Z", 2],
        "V5XRKL": [4, 0, 2],
    }
    pd.DataFrame(enrolled).to_csv(folder / "MOSTV0ENROLL.txt", sep="\t", index=False)
    pd.DataFrame(read).to_csv(folder / "mostv01235xray.csv", index=False)
    (folder / "readme.txt").write_text("A note, with commas,\nand no table of participants\n")
    return folder


def test_most_s_tables_are_joined_and_its_outcome_is_narrowing_over_60_months(tmp_path: Path) -> None:
    release = most_release(tmp_path / "most")
    with pytest.raises(SystemExit) as ended:
        main(["oai", str(release), str(tmp_path / "c.csv"), "--mapping", "most"])
    assert ended.value.code == 0
    table = read_cohort(tmp_path / "c.csv").set_index("ID")
    assert list(table.index) == ["MB90001_1", "MB90001_2", "MB90002_2", "MI90003_1", "MI90003_2"]
    assert table["BL_KL_grade"].tolist() == [0, 1, 2, 2, 3]
    assert table.loc["MB90002_2", ["Age", "Sex", "BMI", "Knee_Injury"]].tolist() == [55, 2, 31.2, 0]
    # 0 to 0; not readable; 1.5 to 2 is half a grade; 1 to 2; replaced, which is no outcome
    np.testing.assert_array_equal(table["JSL_Prog"], [0, np.nan, 0, 1, np.nan])
    written = pd.read_csv(tmp_path / "c.csv")
    assert set(written["Outcome"]) == {"jsn"}
    assert set(written["Outcome_months"]) == {60}
    excluded = pd.read_csv(tmp_path / "c_excluded.csv").set_index("ID")["step"]
    assert excluded["MB90002_1"] == "no KL grade"  # 1.9 is none of the grades, and is not rounded


def test_half_a_grade_counts_where_the_mapping_says_so(tmp_path: Path) -> None:
    text = (MAPPINGS / "most.toml").read_text().replace("months = 60", "months = 60\ngrades = 0.5")
    (tmp_path / "half.toml").write_text(text)
    made = read_mapped(most_release(tmp_path / "most"), tmp_path / "half.toml", OaiSettings())
    assert made.table.set_index("ID").loc["MB90002_2", "JSL_Prog"] == 1  # from 1.5 to 2
    assert set(made.table["Outcome_amount"]) == {0.5}


def test_check_s_outcome_is_incident_osteoarthritis(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "Nsin": [11, 12, 13],
            "age": [50, 61, 99],
            "sex": [2, 1, 2],
            "bmi": ["24,5", "27,1", "99"],
            "kl_t0_right": [0, 1, 2],
            "kl_t0_left": [1, 0, 1],
            "kl_t5_right": [1, 2, 3],
            "kl_t5_left": [2, 9, 1],
        }
    )
    table.to_csv(tmp_path / "check.csv", sep=";", index=False)
    made = read_mapped(tmp_path / "check.csv", Path("check"), OaiSettings()).table.set_index("ID")
    assert made["Age"].isna().sum() == 2
    assert made.loc["12_1", "BMI"] == 27.1
    np.testing.assert_array_equal(
        made["JSL_Prog"].astype(float), [0, 1, 1, np.nan, np.nan, 0]
    )  # 9 is missing; a knee that has KL 2 already cannot become it


def test_a_hospital_s_export_is_one_row_a_knee(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "accession": ["x1", "x2", "x3", "x4"],
            "patient": ["A-7", "A-7", "B-9", "C-1"],
            "side": ["R", "links", "rechts", "2"],
            "age": [61, 61, "?", 44],
            "sex": ["F", "F", "m", "V"],
            "bmi": [30, 30, "", 22],
            "kl": [1, 3, 4, 0],
            "kl_later": [2, 3, "", 0],
        }
    )
    table.to_excel(tmp_path / "export.xlsx", index=False)
    made = read_mapped(tmp_path / "export.xlsx", Path("hospital"), OaiSettings()).table.set_index("ID")
    assert list(made.index) == ["A-7_1", "A-7_2", "B-9_1", "C-1_2"]
    assert made["Sex"].tolist() == [2, 2, 1, 2]
    np.testing.assert_array_equal(made["JSL_Prog"].astype(float), [1, 0, np.nan, 0])


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_mapping_says_how_to_call_it_and_what_is_unsure(name: str) -> None:
    assert read_mapping(Path(name)) == read_mapping(MAPPINGS / f"{name}.toml")
    text = (MAPPINGS / f"{name}.toml").read_text()
    comments = "\n".join(line for line in text.splitlines() if line.startswith("#"))
    assert f"--mapping {name}" in comments
    assert re.search("unsure", comments, re.IGNORECASE)
    assert max(map(len, text.splitlines())) <= 165
    assert tomllib.loads(text)["outcome"]["months"] in (24, 60)


def test_a_file_goes_before_a_shipped_name_and_an_unknown_one_lists_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadTable, match="there is no mapping moste; give a TOML file, or"):
        read_mapping(Path("moste"))
    Path("most").write_text('participant = "id"\n[columns]\nAge = {column = "a"}\n')
    assert read_mapping(Path("most")).participant == "id"
    assert read_mapping(Path("CHECK")).participant == "Nsin"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda folder: (folder / "mostv01235xray.csv").unlink(),
            "no column V0XLJSM, which the mapping names",
        ),
        (
            lambda folder: (folder / "copy.csv").write_text("MOSTID,AGE\nMB90001,60\n"),
            "both have the column AGE",
        ),
        (
            lambda folder: (folder / "x.csv").write_text("MOSTID\nMB90001\nMB90001\n"),
            "MB90001 is there twice",
        ),
        (lambda folder: (folder / "x.csv").write_text("MOSTID\n\nNA\n"), "no participant; keep one row"),
        (lambda folder: (folder / "x.csv").write_text("MOSTID,b\nMB90001\n"), "1 cell under 2 names"),
    ],
)
def test_tables_that_cannot_be_joined_are_one_line(tmp_path: Path, change: object, message: str) -> None:
    folder = most_release(tmp_path / "most")
    assert callable(change)
    change(folder)
    with pytest.raises(BadTable, match=message) as raised:
        read_mapped(folder, Path("most"), OaiSettings())
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ('[outcome]\nname = "kl"\nmonths = 24\n', "outcome kl needs a column FU_KL_grade; map it"),
        ('[outcome]\nname = "jsl"\nmonths = 24\n', "outcome.name"),
        ('[outcome]\nname = "kl"\nmonths = 0\n', "outcome.months"),
    ],
)
def test_an_outcome_without_its_readings_is_refused(tmp_path: Path, words: str, message: str) -> None:
    (tmp_path / "m.toml").write_text(
        f'participant = "id"\n{words}\n[columns]\nBL_KL_grade = {{column = "kl"}}\n'
    )
    with pytest.raises(BadTable, match=message):
        read_mapping(tmp_path / "m.toml")


def test_rules_that_need_several_visits_are_refused_and_not_passed_over(tmp_path: Path) -> None:
    folder = most_release(tmp_path / "most")
    for rule in ({"lateral": "excluded"}, {"narrowest_mm": 2.0}, {"outcome": "kl"}):
        with pytest.raises(BadSettings, match="one visit of a knee"):
            read_mapped(folder, Path("most"), OaiSettings(visits=("00", "06"), **rule))  # type: ignore[arg-type]


def test_site_and_picture_are_text(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(
        'participant = "id"\nside = "s"\n[columns]\nBL_KL_grade = {column = "kl"}\n'
        'JSL_Prog = {column = "y"}\nSite = {column = "where"}\nImg_path = {column = "file"}\n'
    )
    (tmp_path / "t.csv").write_text("id,s,kl,y,where,file\n1,1,2,0,Bern,a b/1.png\n2,2,3,1,,../2.png\n")
    made = read_mapped(tmp_path / "t.csv", tmp_path / "m.toml", OaiSettings()).table
    assert made["Site"].tolist() == ["Bern", ""]
    assert made["Img_path"].tolist() == ["a b/1.png", "../2.png"]
    (tmp_path / "m.toml").write_text('participant = "id"\n[columns]\nSite = {column = "where", factor = 2}\n')
    with pytest.raises(BadTable, match="Site is text"):
        read_mapping(tmp_path / "m.toml")
