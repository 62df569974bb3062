"""The release's cells, as the OAI writes them."""

import pandas as pd
import pytest

from jsl_core.cohort.oai.claims import visit_named
from jsl_core.cohort.oai.files import film_path_of
from jsl_core.cohort.oai.values import barcode_of, codes_of, date_of, numbers_of, sides_of


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


@pytest.mark.parametrize(
    "cell",
    ["20050708", "07/08/2005", "7/8/05", "07/08/2005 0:00", "2005-07-08", "2005-07-08 00:00:00",
     "2005-07-08T00:00:00", "08JUL2005", "8-Jul-05"],
)  # fmt: skip
def test_dates_are_read_in_every_form(cell: str) -> None:
    assert date_of(cell) == "20050708"


def test_october_is_no_time_of_day() -> None:
    assert date_of("08OCT2005") == "20051008"


@pytest.mark.parametrize("cell", ["", ".", "08XXX2005", "July 2005", "1905"])
def test_what_is_no_date_is_no_date(cell: str) -> None:
    assert date_of(cell) == ""


def test_a_side_is_a_code_a_word_or_a_letter_and_else_unknown() -> None:
    cells = pd.Series(["1: Right", "2", "Right", "LEFT", "l", "3: Bilateral", "."])
    assert sides_of(cells).tolist() == [1, 2, 1, 2, 2, 0, 0]


def test_a_grade_between_two_grades_is_no_grade() -> None:
    values = numbers_of(pd.Series(["2.0", "2.5"]), 0, 4, whole=True)
    assert values.numbers[0] == 2
    assert values.missing.tolist() == ["", "unreadable"]


@pytest.mark.parametrize(
    ("path", "visit"),
    [
        ("00m/0.C.2/1000001/20050708/00331201/001", "00"),
        ("0.E.1/1000001/20050708/00331201.tar.gz", "00"),
        ("0.e.1/1000001/20050708/00331201/001", "00"),
        ("images.zip!/0.C.2/1000001/20050708/00331201/001", "00"),
        ("48m/6.E.1/1000001/20050708/00331201/001", "06"),
        ("OAI96MonthImages/results/1000001/20050708/00331201/001", "10"),
        ("OAIBaselineImages.zip!/1000001/20050708/00331201/001", "00"),
        ("oai12monthimages/1.C.2/1000001/20050708/00331201/001", "01"),
        ("OAI18MonthImages/1000001/20050708/00331201/001", "18 months"),
        ("1000001/20050708/00331201/001", ""),
    ],
)
def test_a_path_tells_participant_date_barcode_and_visit(path: str, visit: str) -> None:
    film = film_path_of(path)
    assert (film.participant, film.date, film.barcode) == ("1000001", "20050708", "00331201")
    assert (film.visit, film.screening) == (visit, False)


def test_the_screening_package_tells_nothing_of_a_films_visit() -> None:
    film = film_path_of("OAIScreeningImages/3.C.2/1000001/20070708/00331201/001")
    assert (film.visit, film.screening) == ("03", True)


@pytest.mark.parametrize(
    ("words", "visit"),
    [
        *(("V00", "00"), ("Screening Visit", "00"), ("OAI^12 month^Annual Visit", "01"), ("96-month", "10")),
        *(("V06", "06"), ("48 month Annual Visit", "06"), ("36m", "05"), ("18 month", "18 months"), ("", "")),
    ],
)
def test_visits_go_by_several_names(words: str, visit: str) -> None:
    assert visit_named(words) == visit
