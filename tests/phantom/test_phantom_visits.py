"""The same knees later, and the widths that are true of them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydicom import dcmread

from jsl_core.cohort import read_cohort
from jsl_core.config import PhantomSettings
from jsl_core.phantom import make_film, write_phantom
from jsl_core.phantom.cohort import make_tables
from jsl_core.phantom.film import plan_film
from jsl_core.phantom.visit_table import tabulate_visits
from jsl_core.phantom.widths import JSW_PLACES, Margins, margins_in_pixels, measure_widths

SETTINGS = PhantomSettings(patients=250, seed=4, long_side=(500, 600), visits=(0, 12, 24, 48))


@pytest.fixture(scope="module")
def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    return make_tables(SETTINGS)


def test_progression_is_the_loss_between_the_first_film_and_that_at_48_months(
    tables: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    study, truth = tables
    widths = truth.pivot_table(index="ID", columns="visit", values="mjsw_medial_mm")
    labelled = study.set_index("ID")["JSL_Prog"].dropna().astype(int)
    lost = (widths[0] - widths[48]).loc[labelled.index]
    assert ((lost >= 0.7) == (labelled == 1)).all()
    assert lost[labelled == 0].abs().median() < 0.35
    narrowed = widths.loc[labelled.index[labelled == 1]].mean()
    assert narrowed.is_monotonic_decreasing


def test_a_visit_is_another_film_of_the_same_knees() -> None:
    first, later = (plan_film(4, 1, SETTINGS, month=month) for month in (0, 24))
    assert first.variations == later.variations
    assert first.poses != later.poses
    assert first.exposure != later.exposure
    assert [knee.plateau for knee in first.knees] == [knee.plateau for knee in later.knees]
    assert first == plan_film(4, 1, PhantomSettings(long_side=(500, 600)))


def test_visits_add_films_and_rows_and_change_none(tmp_path: Path) -> None:
    settings = PhantomSettings(patients=1, seed=4, long_side=(300, 320))
    write_phantom(tmp_path, settings, jobs=1)
    before = {path: path.read_bytes() for path in tmp_path.glob("scans/*")}
    rows = (tmp_path / "truth.csv").read_text()
    write_phantom(tmp_path, settings.model_copy(update={"visits": (0, 48)}), jobs=1)
    assert all(path.read_bytes() == data for path, data in before.items())
    assert (tmp_path / "truth.csv").read_text().startswith(rows)
    first, later = (dcmread(tmp_path / name / "1000001.dcm") for name in ("scans", "scans_48m"))
    assert first.PatientID == later.PatientID
    assert (first.StudyDate, later.StudyDate) == ("20050101", "20090101")
    assert first.SOPInstanceUID != later.SOPInstanceUID


@pytest.mark.parametrize("months", [(), (12,), (0, 12, 12), (0, 24, 12), (0, 300)])
def test_visits_ascend_from_the_first(months: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="ascending order, the first 0"):
        PhantomSettings(visits=months)


def test_widths_in_the_readers_frame_agree_with_the_anatomy(
    tables: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    errors = []
    for index in range(30):
        layout = plan_film(4, index, SETTINGS)
        for place, knee in enumerate(layout.knees):
            widths = measure_widths(margins_in_pixels(layout, place))
            for name, true in (("mjsw_medial", knee.mjsw_medial), ("mjsw_lateral", knee.mjsw_lateral)):
                errors.append(abs(widths[name] * layout.spacing - true))
    assert np.median(errors) < 0.03
    assert np.quantile(errors, 0.95) < 0.2
    _, truth = tables
    assert [f"jsw_{round(1000 * x):04d}_mm" in truth for x in JSW_PLACES] == [True] * len(JSW_PLACES)


def test_widths_between_straight_margins_are_their_distance() -> None:
    x = np.linspace(0, 80, 81)
    femur = np.stack([x, np.full(81, 10.0)], axis=1)
    tibia = femur + np.array([0.0, 4.0])
    turn = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    margins = Margins(femur @ turn.T, tibia @ turn.T, femur[0] @ turn.T, femur[-1] @ turn.T)
    assert all(width == pytest.approx(4.0) for width in measure_widths(margins).values())


def test_the_margins_lie_on_the_edges_of_the_picture() -> None:
    settings = PhantomSettings(long_side=(1500, 1500))
    found = []
    for index in range(3):
        film, layout = make_film(8, index, settings), plan_film(8, index, settings)
        for place in range(len(layout.knees)):
            margins = margins_in_pixels(layout, place)
            for line, sign in ((margins.femur, -1), (margins.tibia, 1)):
                x, y = line[len(line) // 5].round().astype(int)  # mid medial plateau
                column = film.signal[y - 12 : y + 13, x - 2 : x + 3].mean(axis=1)
                rise = sign * np.gradient(column)
                found.append((rise[6:19].argmax() - 6) * film.spacing_mm)
    assert np.abs(np.median(found)) < 0.4


def test_the_table_of_visits_has_the_grade_and_outcome_of_every_film(tmp_path: Path) -> None:
    settings = PhantomSettings(patients=1, seed=4, long_side=(300, 320), visits=(0, 24, 48))
    write_phantom(tmp_path, settings, jobs=1)
    table = read_cohort(tmp_path / "JSL_visits.csv")
    truth = pd.read_csv(tmp_path / "truth.csv")
    assert list(table["visit"]) == ["00", "00", "03", "03", "06", "06"]
    assert list(table["BL_KL_grade"]) == list(truth["KL"])
    written = pd.read_csv(tmp_path / "JSL_visits.csv")
    assert list(written["Scan"]) == list(truth["file"])
    assert written.loc[written["months"] > 0, "JSL_Prog"].isna().all()  # no film 48 months after them


def test_each_visit_is_a_baseline_for_the_next_48_months_and_grades_follow_the_wear() -> None:
    settings = PhantomSettings(patients=25, seed=4, visits=(0, 24, 48, 72, 96))
    table = tabulate_visits(settings, *make_tables(settings))
    widths = table.pivot_table(index="ID", columns="months", values="mJSW_mm")
    grades = table.pivot_table(index="ID", columns="months", values="KL_grade")
    assert (grades.sub(grades[0], axis=0) >= 0).all(axis=None)
    assert grades.mean().is_monotonic_increasing
    for months in (0, 24, 48):
        rows = table[(table["months"] == months) & table["JSL_Prog"].notna()].set_index("ID")
        lost = (widths[months] - widths[months + 48]).loc[rows.index].round(3)
        assert len(rows) > 30
        assert ((lost >= 0.7) == (rows["JSL_Prog"] == 1)).all()
