"""No cell of a table is a formula, and every cell comes back."""

import csv
import io

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jsl_core.system.spreadsheet import (
    escape_cell,
    escape_row,
    escape_table,
    format_csv,
    read_csv,
    unescape_cell,
    unescape_table,
)

CELLS = st.text(st.one_of(st.sampled_from("'=+-@\t\ra1,\""), st.characters(exclude_categories=["Cs", "Cc"])))


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(CELLS)
def test_cells_come_back_and_none_begins_a_formula(text: str) -> None:
    escaped = escape_cell(text)
    assert unescape_cell(escaped) == text
    assert not escaped.startswith(("=", "+", "-", "@", "\t", "\r", "＝"))
    written = io.StringIO()
    csv.writer(written).writerow([escaped])
    assert next(csv.reader(io.StringIO(written.getvalue(), newline="")))[0] == escaped or not text


@pytest.mark.parametrize("text", ["=12/345", "+49", "-7", "@SUM(A1)", "'=1", "''=1", "\t=1"])
def test_formulas_and_what_looks_like_an_escaped_one_get_an_apostrophe(text: str) -> None:
    assert escape_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["1000001", "'1000001", "a=b", "", " ", "0.2 0.2"])
def test_other_cells_are_left_alone(text: str) -> None:
    assert escape_cell(text) == unescape_cell(text) == text


def test_numbers_are_no_text() -> None:
    assert escape_row({"ID": "-1_2", "x1": -4.5}) == {"ID": "'-1_2", "x1": -4.5}
    table = pd.DataFrame({"ID": ["=1_1", "2_2"], "x1": [-1.5, 2.0]})
    assert escape_table(table).to_dict("list") == {"ID": ["'=1_1", "2_2"], "x1": [-1.5, 2.0]}
    pd.testing.assert_frame_equal(unescape_table(escape_table(table)), table)


def test_a_table_is_read_as_it_was_written() -> None:
    table = pd.DataFrame(
        {"ID": ["=1_1", "NA_2"], "participant": ["=1", "NA"], "side": [1, 2], "risk": [0.25, float("nan")]}
    )
    text = format_csv(table)
    assert text.splitlines()[1:] == ["'=1_1,'=1,1,0.25", "NA_2,NA,2,"]
    pd.testing.assert_frame_equal(read_csv(io.BytesIO(text.encode())), table)
