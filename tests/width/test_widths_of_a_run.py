"""Widths that a run measured: what goes to the dataset, and what its report says of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jsl_core.config import CropSettings, PhantomSettings
from jsl_core.detection.crop import crop_at
from jsl_core.detection.detector import Detection
from jsl_core.evaluation.report.widths import describe_widths
from jsl_core.evaluation.statistics.clustered import clustered_mean
from jsl_core.imaging import encode_png
from jsl_core.phantom.film import PhantomFilm, make_film
from jsl_core.storage import open_store
from jsl_core.width.item import measure_item
from jsl_core.width.join import add_measured


def test_the_widths_of_the_film_that_is_packed_count_and_the_tables_own_go_first() -> None:
    cohort = pd.DataFrame({"ID": ["7_1", "7_2", "8_1"], "mJSW_medial_mm": [np.nan, 4.5, np.nan]})
    measured = [
        {"file": "a.dcm", "ID": "7_1", "mjsw_medial_mm": 3.0, "mjsw_lateral_mm": 6.0},
        {"file": "b.dcm", "ID": "7_1", "mjsw_medial_mm": 3.5, "mjsw_lateral_mm": 6.5},
        {"file": "a.dcm", "ID": "7_2", "mjsw_medial_mm": 2.0, "mjsw_lateral_mm": 7.0},
        {"file": "c.dcm", "ID": "8_1", "reason": "implant"},
    ]
    joints = [
        {"file": file, "ID": knee} for file, knee in (("b.dcm", "7_1"), ("a.dcm", "7_2"), ("c.dcm", "8_1"))
    ]
    joined = add_measured(cohort, measured, joints)
    assert joined["mJSW_medial_mm"].fillna(-1).tolist() == [3.5, 4.5, -1]
    assert joined["mJSW_lateral_mm"].fillna(-1).tolist() == [6.5, 7.0, -1]


@pytest.fixture(scope="module")
def film() -> PhantomFilm:
    return make_film(5, 1, PhantomSettings(patients=2, long_side=(1200, 1300)))


@pytest.mark.parametrize("settings", [{}, {"margin_px": 40}, {"box": "mm", "box_mm": 150}])
def test_a_crop_of_any_shape_has_the_widths_of_its_knee(
    settings: dict[str, Any], film: PhantomFilm, tmp_path: Path
) -> None:
    for side, knee in zip((1, 2), film.knees, strict=True):
        box = Detection(*film.boxes[side], score=1.0)
        joint = crop_at(film.display, box, film.spacing_mm, CropSettings(**settings))
        store = open_store(str(tmp_path))
        row: dict[str, Any] = {
            "file": "a.dcm",
            "ID": f"7_{side}",
            "participant": "7",
            "side": side,
            "side_from": "tag",
            "spacing_mm": film.spacing_mm,
            "spacing_from": "PixelSpacing",
            "length": joint.length,
            "png": store.put(encode_png(joint.pixels), "joint.png").model_dump(),
        }
        measured = measure_item(row, store.url)[0]
        assert measured["ID"] == f"7_{side}"
        assert measured["mjsw_medial_mm"] == pytest.approx(knee.mjsw_medial, abs=0.3)
        assert measured["mjsw_lateral_mm"] == pytest.approx(knee.mjsw_lateral, abs=0.5)


KNEES = 40
TABLE = pd.DataFrame(
    {
        "ID": [f"{knee // 2}_{knee % 2 + 1}" for knee in range(KNEES)],
        "participant": [str(knee // 2) for knee in range(KNEES)],
        "BL_KL_grade": np.repeat([0.0, 3.0], KNEES // 2),
    }
)
MEDIAL = np.where(TABLE["BL_KL_grade"] == 0, 5.0, 2.0) + np.tile([-0.2, 0.2], KNEES // 2)
WIDTHS = TABLE[["ID"]].assign(
    mjsw_medial_mm=MEDIAL,
    mjsw_lateral_mm=7.0,
    mjsw_medial_px=MEDIAL / 0.2,
    mjsw_lateral_px=35.0,
    reason=None,
    doubt="",
)


def test_a_report_has_widths_by_grade_and_agreement_with_readers() -> None:
    errors = np.tile([0.1, 0.1, -0.3], KNEES)[:KNEES]
    read = {"baseline": MEDIAL + errors, "followup": np.nan, "grade": TABLE["BL_KL_grade"].to_numpy()}
    readings = pd.DataFrame(read, index=pd.Index(TABLE["ID"], name="ID"))
    shown = describe_widths(WIDTHS, TABLE, readings)
    assert shown is not None
    assert shown["measured"] == KNEES
    assert [row[:2] for row in shown["by_grade"]] == [
        ["", "Knees"],
        ["All", "40"],
        ["KL 0", "20"],
        ["KL 3", "20"],
    ]
    assert [row[4][:4] for row in shown["by_grade"][1:]] == ["3.50", "5.00", "2.00"]
    assert shown["agreement"][1][:3] == ["All", "40", f"{-errors.mean():+.2f}"]
    assert shown["agreement_chart"].startswith("data:image/svg+xml")


def test_the_width_of_a_visits_film_stands_beside_the_grade_of_that_visit() -> None:
    table = pd.concat([TABLE.assign(visit="00"), TABLE.assign(visit="06", BL_KL_grade=4.0)])
    widths = pd.concat(
        [
            WIDTHS.assign(visit="00"),
            WIDTHS.assign(visit="06", mjsw_medial_mm=1.0),
            WIDTHS.assign(visit="", mjsw_medial_mm=0.1),  # of films that are not packed
        ]
    )
    shown = describe_widths(widths, table, None)
    assert shown is not None
    assert (shown["knees"], shown["measured"]) == (2 * KNEES, 2 * KNEES)
    assert [(row[0], row[1], row[2][:4]) for row in shown["by_grade"][2:]] == [
        ("KL 0", "20", "5.00"),
        ("KL 3", "20", "2.00"),
        ("KL 4", "40", "1.00"),
    ]


def test_a_report_tells_why_knees_have_no_width_and_goes_without_readings_or_spacing() -> None:
    widths = WIDTHS.assign(mjsw_medial_mm=np.nan, mjsw_lateral_mm=np.nan)
    unmeasured = ["mjsw_medial_px", "mjsw_lateral_px"]
    widths.loc[:2, unmeasured] = np.nan
    widths.loc[:2, "reason"] = ["implant", "unclear_margins", "implant"]
    widths.loc[5, "doubt"] = "two_rims"
    shown = describe_widths(widths, TABLE, None)
    assert shown is not None
    assert (shown["measured"], shown["without_mm"], shown["unit"]) == (KNEES - 3, KNEES - 3, "pixels")
    assert shown["reasons"][1:] == [["implant", "2"], ["unclear margins", "1"], ["two rims", "1"]]
    assert shown["agreement"] == []
    assert describe_widths(pd.DataFrame(), TABLE, None) is None


def test_a_mean_of_knees_is_as_sure_as_a_mean_of_participants_whose_knees_are_alike() -> None:
    people = np.random.default_rng(0).normal(size=200)
    participants = pd.Series(np.repeat(np.arange(200), 2))
    count, mean = clustered_mean(pd.Series(np.repeat(people, 2)), participants)
    assert count == 400
    assert mean.value == pytest.approx(people.mean())
    assert mean.high - mean.value == pytest.approx(1.96 * people.std() / np.sqrt(200))
