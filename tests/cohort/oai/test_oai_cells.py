"""The release's cells, as the OAI writes them."""

import pandas as pd
import pytest

from jsl_core.cohort.oai.claims import visit_of
from jsl_core.cohort.oai.files import place_of
from jsl_core.cohort.oai.values import barcode_of, codes_of, date_of, numbers_of


@pytest.mark.parametrize(
    ("cell", "number", "missing"),
    [
        ("1: Male", 1.0, ""),
        (" 4 ", 4.0, ""),
        (".5", 0.5, ""),
        ("-3.25", -3.25, ""),
        (".: Missing Form/Incomplete Workbook", None, "."),
        (".", None, "."),
        (".P", None, ".P"),
        (".A: Not Expected", None, ".A"),
        (" ", None, "blank"),
        ("see form: page 2", None, "unreadable"),
    ],
)
def test_a_cell_is_a_number_or_a_typed_reason(cell: str, number: float | None, missing: str) -> None:
    values = numbers_of(pd.Series([cell]))
    assert values.missing[0] == missing
    assert (values.numbers[0] == number) if number is not None else pd.isna(values.numbers[0])


def test_quoted_codes_are_codes() -> None:
    cells = pd.Series(["'Y': QCd and found to be acceptable", "' '  : Not QCd", "N"])
    assert codes_of(cells).tolist() == ["Y", "", "N"]


@pytest.mark.parametrize(
    ("cell", "barcode"),
    [
        ("016600331201", "00331201"),
        ("16600331201", "00331201"),
        ("00331201", "00331201"),
        ("331201", "00331201"),
        ("331201.0", "00331201"),
        ("1.66E+10", ""),
        ("", ""),
    ],
)
def test_barcodes_keep_their_zeros_or_get_them_back(cell: str, barcode: str) -> None:
    assert barcode_of(cell) == barcode


@pytest.mark.parametrize("cell", ["20050708", "07/08/2005", "7/8/2005", "2005-07-08", "2005-07-08 00:00:00"])
def test_dates_are_read_in_every_form(cell: str) -> None:
    assert date_of(cell) == "20050708"


@pytest.mark.parametrize(
    ("path", "baseline"),
    [
        ("00m/0.C.2/1000001/20050708/00331201/001", True),
        ("0.E.1/1000001/20050708/00331201.tar.gz", True),
        ("images.zip!/0.C.2/1000001/20050708/00331201/001", True),
        ("48m/6.E.1/1000001/20050708/00331201/001", False),
        ("1000001/20050708/00331201/001", None),
    ],
)
def test_a_path_tells_participant_date_barcode_and_visit(path: str, baseline: bool | None) -> None:
    place = place_of(path)
    assert (place.participant, place.date, place.barcode) == ("1000001", "20050708", "00331201")
    assert place.baseline is baseline


@pytest.mark.parametrize(
    ("words", "baseline"),
    [("V00", True), ("Screening Visit", True), ("V06", False), ("48 month Annual Visit", False), ("", None)],
)
def test_visits_go_by_several_names(words: str, baseline: bool | None) -> None:
    assert visit_of(words) is baseline
