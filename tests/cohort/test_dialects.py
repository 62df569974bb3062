"""One table, however it was exported, is the same knees; what cannot be read without doubt is refused."""

from collections.abc import Callable
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from jsl_core.cohort import read_cohort
from jsl_core.errors import BadTable

PLAIN = (
    "ID,Age,BMI,BL_KL_grade,split\n"
    "1000001_1,61,27.4,2,train\n1000001_2,61,27.4,3,train\n1000002_1,55,31.0,0,val\n1000002_2,55,,1,val\n"
)
GERMAN = PLAIN.replace(",", ";").replace("27.4", "27,4").replace("31.0", "31,0")
COLUMNS = ["ID", "participant", "side", "split", "Age", "BMI", "BL_KL_grade"]


def write(folder: Path, data: bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.fixture
def plain(tmp_path: Path) -> pd.DataFrame:
    return read_cohort(write(tmp_path, PLAIN.encode(), "plain.csv"))[COLUMNS]


@pytest.mark.parametrize(
    "data",
    [
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        PLAIN.encode("utf-16-le"),
        PLAIN.encode("utf-16-be"),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace("\n", "\r").encode(),
        PLAIN.rstrip("\n").encode(),
        PLAIN.encode() + b"\n\r\n,,,,\n   \n\x1a",
        PLAIN.replace("\n", ",,\n").encode(),
        GERMAN.encode(),
        f"sep=;\r\n{GERMAN}".encode(),
        f"sep=\t\n{GERMAN}".replace(";", "\t").encode("utf-16"),
        f'"sep=;"\n{GERMAN}'.encode("utf-8-sig"),
        PLAIN.replace(",", "|").encode(),
        PLAIN.replace("27.4", '"27,4"').replace("31.0", '"31,0"').encode(),
        "\n".join(",".join(f'"{cell}"' for cell in row.split(",")) for row in PLAIN.splitlines()).encode(),
        PLAIN.replace("split", "Groß (cm), geschätzt,split")
        .replace("Groß (cm), geschätzt", '"Groß (cm), geschätzt"')
        .replace(",train", ',"a, b\nc",train')
        .replace(",val", ",é’,val")
        .encode("cp1252"),
        "\n".join(
            f"{number},{row}" for number, row in zip(["", *"0123"], PLAIN.splitlines(), strict=True)
        ).encode(),
        PLAIN.replace("BL_KL_grade", " bl-KL grade\u200b").replace("ID", "\ufeffid").encode(),
        PLAIN.replace(",train", ", Training").replace(",val", ",VALIDATION").encode(),
        PLAIN.replace(",2,", ",2.0,").replace(",3,", ",'3,").replace(",0,", ',"=""0""",').encode(),
    ],
    ids=[
        *(
            "UTF-8 BOM",
            "UTF-16",
            "UTF-16 LE without BOM",
            "UTF-16 BE without BOM",
            "CRLF",
            "CR",
            "no last end",
        ),
        *(
            "blank lines and Ctrl-Z",
            "blank columns",
            "semicolons",
            "sep=;",
            "sep=tab in UTF-16",
            "quoted sep=",
        ),
        *(
            "pipes",
            "quoted decimal commas",
            "all quoted",
            "Windows-1252 and line ends in cells",
            "row numbers",
        ),
        *("names of columns", "words for splits", "spreadsheets' text marks"),
    ],
)
def test_a_table_of_any_dialect_is_the_same_knees(tmp_path: Path, plain: pd.DataFrame, data: bytes) -> None:
    assert read_cohort(write(tmp_path, data))[COLUMNS].equals(plain)


@pytest.mark.parametrize("write_form", [pd.DataFrame.to_excel, pd.DataFrame.to_parquet])
@pytest.mark.parametrize("name", ["t.xlsx", "misnamed.csv"])
def test_workbooks_and_parquet_are_the_same_knees(
    tmp_path: Path, plain: pd.DataFrame, write_form: Callable[..., None], name: str
) -> None:
    table = pd.read_csv(tmp_path / "plain.csv")
    file = tmp_path / "t.xlsx"
    write_form(table, file, index=False)
    assert read_cohort(file.rename(tmp_path / name))[COLUMNS].equals(plain)


def workbook(path: Path, change: Callable[[openpyxl.Workbook], None]) -> Path:
    book = openpyxl.Workbook()
    for row in PLAIN.splitlines():
        book.active.append(row.split(","))
    change(book)
    book.save(path)
    return path


def test_a_workbooks_table_is_found_by_its_header(tmp_path: Path, plain: pd.DataFrame) -> None:
    path = workbook(tmp_path / "t.xlsx", lambda book: book.create_sheet("Legend", 0).append(["KL", "0 none"]))
    assert read_cohort(path)[COLUMNS].equals(plain)
    with pytest.raises(BadTable, match=r"2 sheets \(Sheet, Old\) could be the table; keep one"):
        read_cohort(workbook(path, lambda book: book.create_sheet("Old").append(["ID", "BL_KL_grade"])))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda book: book.active.merge_cells("D2:D3"), "row 2: the cells D2:D3 are merged"),
        (lambda book: book.active.__setitem__("D4", "=1+1"), "row 4: D4 is a formula without its value"),
        (lambda book: book.active.__setitem__("D4", "#REF!"), "row 4: BL_KL_grade is '#REF!'; give a number"),
        (lambda book: book.active.__setitem__("F4", "2"), "row 4: column 6 has no name but holds '2'"),
    ],
    ids=["merged", "formula", "error", "beyond the header"],
)
def test_cells_that_only_a_spreadsheet_shows_are_refused(
    tmp_path: Path, change: Callable[[openpyxl.Workbook], None], message: str
) -> None:
    with pytest.raises(BadTable, match=message):
        read_cohort(workbook(tmp_path / "t.xlsx", change))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PLAIN.replace("27.4", "27,4"), r"row 2, as 1 more: 6 cells .* 61 · 27 · 4 .* comma of BMI 27,4$"),
        (
            PLAIN.replace("27.4", "27,4").replace("31.0", "31,0").replace(",,", ",0,0,"),
            "row 2, as every row: 6",
        ),
        (PLAIN.replace("27.4,3,train", "27.4"), r"row 3: 3 cells .*; BL_KL_grade, split have none"),
        (PLAIN.replace("3,train", "3"), r"row 3: 4 cells under 5 names: .*; split has none"),
        (PLAIN.replace(",val", ",val,", 1), "row 4: 6 cells under 5 names"),
        (PLAIN.replace("BMI", ""), "row 2: column 3 has no name but holds '27.4'"),
        (PLAIN.replace("61,27.4", '61,"27.4'), "row 2: not a row of a CSV table"),
        (PLAIN.replace("61,27.4,3", '61,"27".4,3'), "row 3: not a row of a CSV table"),
        (PLAIN.replace("ID,Age", "ID;Age"), "3 cells|5 cells|no column|columns"),
        ("ID;file,KL\n1000001_1;a,2\n", "row 1: the columns could be separated by , or ;"),
        (f"{PLAIN}\n\n1000003_1,61,27.4,9,train\n", "row 8: BL_KL_grade is 9"),
        (f"sep=,\n{PLAIN}".replace(",3,", ",3.5,"), "row 3: BL_KL_grade is 3.5"),
        (PLAIN.replace("61,27.4,2", '"61\n\n",27.4,7'), "row 2: BL_KL_grade is 7"),
        (PLAIN.replace("BMI", "bl_kl GRADE"), "columns 3 and 4 are both called|columns 3 .* and 4"),
        (
            PLAIN.replace("BMI", "KL"),
            r"row 2: columns 4 \(BL_KL_grade\) and 3 \(KL\) both stand .* '2' and '27.4'",
        ),
        (
            PLAIN.replace("BMI", "grade").replace("BL_KL_grade", "KLG"),
            r"columns 3 \(grade\) and 4 \(KLG\) both",
        ),
        (
            PLAIN.replace("BMI", "BL_KL_grade.1"),
            r"columns 3 \(BL_KL_grade.1\) and 4 \(BL_KL_grade\) both stand",
        ),
        (PLAIN.replace("Age", "split"), "columns 2 and 5 are both called split"),
    ],
)
def test_what_does_not_fit_is_refused_with_row_and_column(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadTable, match=message) as caught:
        read_cohort(write(tmp_path, text.encode()))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook, or one with a password"),
        (b"\x1f\x8b\x08\x00", "compressed; unpack it"),
        (b"PK\x03\x04 cut off", "a damaged workbook or zip"),
        (b"PAR1 cut off", "not a Parquet file that can be read"),
        (b"%PDF-1.7", "a PDF"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not a text table"),
        (b"\n \n,,\n", "it is empty"),
        (b"ID,BL_KL_grade\n", "no rows"),
    ],
)
def test_what_is_no_table_is_called_what_it_is(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(BadTable, match=message):
        read_cohort(write(tmp_path, data, "t.xlsx"))
