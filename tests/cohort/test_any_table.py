"""Any table is read to the labels that Python's csv gives cell by cell, or refused with row and column."""

import csv
import io
import math
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jsl_core.cohort import read_cohort
from jsl_core.errors import BadTable

GRADES = ("0", "1", "2", "3", "4", "2.0", " 3 ", "4.00", "", "NA", ".", "nan")
NO_GRADES = ("1.9", "2.5", "0.4", "5", "-1", "two", "2 3", "inf", "1e1", "2;3", "0x2")
BMIS = ("27", "27.4", "31.0", "", "22.55")
NOTES = ("", "seen", "a, b; c|d\te", 'the "left" one', "two\nlines", "ödem", "it's")
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252")
FAULTS = (
    "none",
    "none",
    "none",
    "grade",
    "decimal comma",
    "short row",
    "long row",
    "twice",
    "alias",
    "shift",
)


@dataclass(frozen=True)
class Sample:
    data: bytes
    text: str
    separator: str
    grade: str  # the column's name
    fault: str


@st.composite
def tables(draw: st.DrawFn) -> Sample:
    """A table of a few knees in any dialect, at most one fault in it."""
    fault = draw(st.sampled_from(FAULTS))
    separator = "," if fault == "decimal comma" else draw(st.sampled_from(",;\t|"))
    grade = draw(st.sampled_from(("BL_KL_grade", "KL", "kl grade", "Grade")))
    header = draw(st.permutations(["ID", grade, "BMI", "Note"]))
    knees = draw(st.lists(st.integers(0, 30), min_size=1, max_size=6, unique=True))
    rows = []
    for knee in knees:
        cells = {
            "ID": f"{1000001 + knee // 2}_{knee % 2 + 1}",
            grade: draw(st.sampled_from(GRADES)),
            "BMI": draw(st.sampled_from(BMIS)),
            "Note": draw(st.sampled_from(NOTES)),
        }
        rows.append([cells[name] for name in header])
    header = list(header)
    hit = draw(st.sampled_from(range(len(rows))))
    match fault:
        case "grade":
            rows[hit][header.index(grade)] = draw(st.sampled_from(NO_GRADES))
        case "twice" | "alias":
            header.append({"twice": grade.upper(), "alias": "label"}[fault])
            rows = [[*row, draw(st.sampled_from("01234"))] for row in rows]
        case "short row":
            rows[hit] = ["cut off", *rows[hit][1 : draw(st.integers(1, 3))]]
        case "long row":
            rows[hit] = [*rows[hit], draw(st.sampled_from(("", "2", "x")))]
    text, end = io.StringIO(), draw(st.sampled_from(("\n", "\r\n", "\r")))
    quoting = csv.QUOTE_ALL if end == "\r" else draw(st.sampled_from((csv.QUOTE_MINIMAL, csv.QUOTE_ALL)))
    writer = csv.writer(text, delimiter=separator, quoting=quoting, lineterminator=end)
    writer.writerows([header, *rows])
    whole = text.getvalue()
    if fault == "decimal comma":
        place = header.index("BMI")
        lines = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
        cut = ['"' + cell.replace('"', '""') + '"' for cell in rows[hit]]
        lines[hit] = ",".join([*cut[:place], "27,4", *cut[place + 1 :]])
        whole = "\n".join([",".join(header), *lines])
    if fault == "shift":  # a cell too few and one too many make up for each other
        lines = [separator.join([header[0], "", *header[1:]]), *map(separator.join, rows)]
        whole = "\n".join(lines)
    if draw(st.booleans()):
        whole += draw(st.sampled_from(("\n\n", "\r\n \r\n", "\n" + separator * 4 + "\n")))
    encoding = draw(st.sampled_from(ENCODINGS))
    return Sample(whole.encode(encoding), whole, separator, grade, fault)


@pytest.fixture(scope="module")
def table_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables") / "cohort.csv"


@settings(
    max_examples=150,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(sample=tables())
def test_a_table_is_read_as_csv_reads_it_or_refused_with_its_place(table_file: Path, sample: Sample) -> None:
    table_file.write_bytes(sample.data)
    table = read_or_message(table_file)
    if isinstance(table, str):
        assert sample.fault != "none", table
        assert re.search(r"rows? \d+|columns? \d+", table)
        return
    assert sample.fault not in ("decimal comma", "short row", "long row", "twice")
    assert (
        sample.fault != "alias" or sample.grade == "BL_KL_grade"
    )  # which goes before one that says the same
    records = list(csv.reader(io.StringIO(sample.text, newline=""), delimiter=sample.separator))
    records = [(number, row) for number, row in enumerate(records, 1) if any(cell.strip() for cell in row)]
    header = records[0][1]
    expected = {
        row[header.index("ID")]: (number, as_label(row[header.index(sample.grade)]))
        for number, row in records[1:]
    }
    grades = {
        knee: (number, None if math.isnan(grade) else grade)
        for number, knee, grade in zip(table.index, table["ID"], table["BL_KL_grade"], strict=True)
    }
    assert grades == expected


def read_or_message(path: Path) -> pd.DataFrame | str:
    """The table, or the one line that refuses it; any other error is the test's failure."""
    try:
        return read_cohort(path)
    except BadTable as error:
        message = str(error)
    assert "\n" not in message
    return message


def as_label(cell: str) -> float | None:
    """The label of a cell, by float() alone."""
    text = cell.strip()
    return None if text in ("", "NA", ".", "nan") else float(text)


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(
    kind=st.sampled_from(("csv", "xlsx", "parquet")),
    place=st.floats(0, 1, exclude_max=True),
    damage=st.binary(max_size=4),
    cut=st.booleans(),
)
def test_a_damaged_file_is_one_line(
    files: dict[str, bytes], table_file: Path, kind: str, place: float, damage: bytes, cut: bool
) -> None:
    data = files[kind]
    at = int(place * len(data))
    table_file.write_bytes(data[:at] + damage + (b"" if cut else data[at + len(damage) :]))
    read_or_message(table_file)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A small table in every form."""
    folder = tmp_path_factory.mktemp("forms")
    knees = [f"{1000001 + knee // 2}_{knee % 2 + 1}" for knee in range(8)]
    table = pd.DataFrame({"ID": knees, "BL_KL_grade": [knee % 5 for knee in range(8)], "BMI": 27.5})
    table.to_csv(folder / "t.csv", index=False)
    table.to_excel(folder / "t.xlsx", index=False)
    table.to_parquet(folder / "t.parquet", index=False)
    return {kind: (folder / f"t.{kind}").read_bytes() for kind in ("csv", "xlsx", "parquet")}
