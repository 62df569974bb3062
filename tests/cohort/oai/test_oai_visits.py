"""A synthetic release with all visits, reading projects and planted contradictions, against its truth."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from pydantic import ValidationError
from pydicom import dcmread

from jsl_core.cohort.columns import OARSI, VISIT_COLUMNS
from jsl_core.cohort.oai import Cohort, Film, read_release, write_cohort
from jsl_core.cohort.oai.films import resolve_shared_barcodes
from jsl_core.cohort.oai.visit_readings import read_visit_grades, read_visit_widths
from jsl_core.config import OaiSettings, PhantomSettings
from jsl_core.errors import BadTable, JslError
from jsl_core.phantom.oai import write_oai_release
from jsl_core.phantom.oai.films import make_header_only_film
from jsl_core.phantom.oai.followup import ALL_VISITS
from jsl_core.phantom.oai.visit_quirks import VISIT_QUIRKS

_KEYS = ["ID", "visit"]
_TEXTS = ("ID", "visit", "Barcode", "JSW_barcode", "KL_project", "JSW_project", "participant")
_INDICES = ("contents", "headers")
SETTINGS = PhantomSettings(patients=2 * len(VISIT_QUIRKS) + 2, visits=(0, 12, 24, 36, 48, 72, 96))


@pytest.fixture(scope="module", params=_INDICES)
def release(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp(request.param)
    settings = SETTINGS.model_copy(update={"seed": _INDICES.index(request.param)})
    write_oai_release(root, settings, request.param, make_header_only_film)
    return root


@pytest.fixture(scope="module")
def cohort(release: Path) -> Cohort:
    return read_release(release / "release", OaiSettings(visits=ALL_VISITS, jobs=1))


def _truth(release: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(release / name, dtype=dict.fromkeys(_TEXTS, str)).sort_values(_KEYS, ignore_index=True)


def test_the_table_equals_the_truth_row_for_row(release: Path, cohort: Cohort, tmp_path: Path) -> None:
    write_cohort(cohort, tmp_path / "JSL.csv")
    table = pd.read_csv(tmp_path / "JSL.csv", dtype=dict.fromkeys(_TEXTS, str))
    assert list(table.columns)[: len(VISIT_COLUMNS)] == list(VISIT_COLUMNS)
    truth = _truth(release, "truth.csv")
    table = table.sort_values(_KEYS, ignore_index=True)[list(truth.columns)]
    pd.testing.assert_frame_equal(table, truth, check_dtype=False)


def test_every_row_that_is_not_in_the_table_has_the_planted_reason(release: Path, cohort: Cohort) -> None:
    planted = _truth(release, "truth_excluded.csv")
    kept = pd.MultiIndex.from_frame(cohort.table[_KEYS])
    out = cohort.excluded[~pd.MultiIndex.from_frame(cohort.excluded[_KEYS]).isin(kept)]
    pd.testing.assert_frame_equal(out.sort_values(_KEYS, ignore_index=True), planted, check_dtype=False)


def test_each_participant_and_visit_has_the_one_film_that_was_planted(release: Path, cohort: Cohort) -> None:
    planted = pd.read_csv(release / "truth_scans.csv", dtype=str).itertuples(index=False)
    films = {(film.participant, film.visit): film.file for film in cohort.films if not film.reason}
    assert films == {(row.participant, row.visit): row.file for row in planted}


def test_each_step_of_the_flow_leaves_what_it_does_not_exclude(cohort: Cohort) -> None:
    flow = cohort.flow.set_index("step")
    start = flow.loc["knees of all participants at each visit", "remaining"]
    assert start == SETTINGS.patients * 2 * len(ALL_VISITS)
    assert start - flow["excluded"].sum() == flow.loc["with a progression label", "remaining"]
    assert len(cohort.table) == flow.loc["in the cohort table", "remaining"]


@pytest.fixture(scope="module")
def tables_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tables")
    write_oai_release(root, PhantomSettings(patients=5, visits=SETTINGS.visits), "contents", None)
    return root / "release"


def test_enrolment_alone_as_landmark_labels_no_later_visit(tables_only: Path) -> None:
    every = read_release(tables_only, OaiSettings(visits=ALL_VISITS)).table
    first = read_release(tables_only, OaiSettings(visits=ALL_VISITS, landmarks="enrolment")).table
    later = first["visit"] != "00"
    assert first.loc[later, "JSL_Prog"].isna().all()
    assert every.loc[later, "JSL_Prog"].notna().any()
    pd.testing.assert_series_equal(first.loc[~later, "JSL_Prog"], every.loc[~later, "JSL_Prog"])
    assert len(every) == 5 * 2 * 7 - 1  # without films only a contradictory grade is left out
    assert (every["Scan"] == "").all()


def test_one_visit_alone_has_the_outcome_of_the_visits_after_it(tables_only: Path) -> None:
    one = read_release(tables_only, OaiSettings(visits=("06",))).table
    assert set(one["visit"]) == {"06"}
    assert one["BL_KL_grade"].notna().all()
    assert one["JSL_Prog"].notna().any()


def _without(release: Path, table: str, tmp_path: Path) -> Path:
    copy = shutil.copytree(release, tmp_path / "release")
    next(file for file in copy.rglob("*.txt") if file.stem.lower() == table).unlink()
    return copy


def test_without_measures_of_enrolment_those_of_later_visits_are_read(
    tables_only: Path, tmp_path: Path
) -> None:
    partial = _without(tables_only, "allclinical00", tmp_path)
    rows = read_release(partial, OaiSettings(visits=("01", "06"))).table.groupby("visit")
    assert rows["Age"].count().to_dict() == rows["BMI"].count().to_dict() == {"01": 0, "06": 10}
    assert rows["Missing"].agg(lambda cells: cells.str.contains("Age no table").mean()).to_dict() == {
        "01": 1,
        "06": 0,
    }


def test_nobody_is_called_never_replaced_for_want_of_the_table_of_outcomes(
    tables_only: Path, tmp_path: Path
) -> None:
    partial = _without(tables_only, "outcomes99", tmp_path)
    with pytest.raises(BadTable, match=r"no usable outcomes99\.txt"):
        read_release(partial, OaiSettings(visits=("00",), outcome="replacement"))


def test_one_barcode_at_two_visits_is_believed_of_neither() -> None:
    films = [Film("1000001", f"{visit}/001", "00331201", "20050708", visit=visit) for visit in ("03", "06")]
    resolved, _ = resolve_shared_barcodes(films)
    assert [film.reason for film in resolved] == ["barcode_of_two_visits"] * 2


def test_a_release_has_all_visits_or_one(tmp_path: Path) -> None:
    with pytest.raises(JslError, match="set visits to these, or to 0"):
        write_oai_release(tmp_path, PhantomSettings(patients=1, visits=(0, 12)), "contents", None)


@pytest.mark.parametrize("options", [{"visits": ("00", "00")}, {"outcome": "kl"}, {"visits": ("02",)}])
def test_settings_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        OaiSettings.model_validate(options)


def _readings(visit: str, columns: str, *rows: str) -> pd.DataFrame:
    names = ["ID", "SIDE", "READPRJ", *(f"V{visit}{name}" for name in columns.split())]
    return pd.DataFrame([["1000001", "1", *row.split()] for row in rows], columns=names, dtype=str)


@pytest.mark.parametrize(
    ("rows", "grade", "project", "of_37"),
    [
        (("15 2", "37 3"), 2, "15", 3),
        (("37 3", "42 3"), 3, "37", 3),
        (("42 1",), 1, "42", 1),
        (("15 2", "15 3", "42 1"), 1, "42", 1),
        (("15 2", "15 2"), 2, "15", None),
        (("15 .A", "37 0"), 0, "37", 0),
        (("37 3", "42 2"), 3, "37", None),
        (("15 2", "15 3"), None, "15", None),
        (("15.0 2.0",), 2, "15", None),
        (("99 4", "16 3"), 3, "16", None),
    ],
)
def test_the_grade_is_that_of_project_15_or_else_37_or_else_42(
    rows: tuple[str, ...], grade: float | None, project: str, of_37: float | None
) -> None:
    knee = read_visit_grades(_readings("03", "XRKL", *rows), "03").table.loc["1000001_1"]
    values = [None if pd.isna(knee[name]) else knee[name] for name in ("KL_grade", "KL_37_grade")]
    expected = project if grade is not None else ""
    assert (*values, knee["KL_project"]) == (grade, of_37, expected)
    assert knee[list(OARSI)].isna().all()


def test_project_37_gives_narrowing_and_the_width_at_a_location_beside_those_of_the_chosen_reading() -> None:
    grades = read_visit_grades(_readings("00", "XRKL XRJSM", "15 2 1", "42 2 1.3"), "00").table
    widths = read_visit_widths(_readings("00", "MCMJSW JSW250", "15 4.0 5.0", "37 4.1 5.1"), "00").table
    assert grades.loc["1000001_1", ["JSN_medial", "JSN_37_medial"]].to_list() == [1, 1.3]
    assert widths.loc["1000001_1", ["JSW_0250_mm", "JSW_37_0250_mm"]].to_list() == [5.0, 5.1]


def test_features_are_those_of_the_reading_that_gave_the_grade() -> None:
    table = _readings("06", "XRKL XRJSM XROSFL", "37 2 2 2", "15 1 0 .")
    knee = read_visit_grades(table, "06").table.loc["1000001_1"]
    assert (knee["KL_grade"], knee["JSN_medial"]) == (1, 0)
    assert pd.isna(knee["OST_FL"])


def test_the_flag_of_the_minimum_is_not_that_of_the_fixed_locations() -> None:
    columns = "MCMJSW NOMMJSW NOMJSWX JSW250"
    read = read_visit_widths(_readings("00", columns, "15 3.2 0 1 .T"), "00")
    assert read.table.loc["1000001_1", "mJSW_mm"] == 3.2
    assert read.reasons.loc["1000001_1", "JSW_0250_mm"] == "not measurable"
    read = read_visit_widths(_readings("00", columns, "15 .T 1 0 3.5"), "00")
    assert pd.isna(read.table.loc["1000001_1", "mJSW_mm"])
    assert read.reasons.loc["1000001_1", "mJSW_mm"] == "not measurable"
    assert read.table.loc["1000001_1", "JSW_0250_mm"] == 3.5


def test_a_participants_films_show_the_knees_of_their_visit(tmp_path: Path) -> None:
    settings = PhantomSettings(patients=1, visits=SETTINGS.visits, long_side=(300, 320))
    write_oai_release(tmp_path, settings)
    cohort = read_release(tmp_path / "release", OaiSettings(visits=("00", "06", "10"), jobs=1))
    pictures = {dcmread(tmp_path / "release" / scan).PixelData for scan in cohort.scans}
    assert len(cohort.scans) == len(pictures) == 3
