"""`jsl measure` on films with known widths, and on bare crops of them in every way that crops come."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pydicom
import pytest

from jsl_core.config import PhantomSettings
from jsl_core.detection.detector import Detection
from jsl_core.phantom.cohort import write_phantom
from jsl_core.width.folder import MeasureJob, measure_folder
from jsl_core.width.joints import FilmJoint, _is_crop, joints_of_file
from jsl_core.width.table import COLUMNS

SETTINGS = PhantomSettings(patients=3, seed=5, long_side=(1200, 1300))


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three phantom films and the truth about them."""
    folder = tmp_path_factory.mktemp("phantom")
    write_phantom(folder, SETTINGS)
    return folder


@pytest.fixture(scope="module")
def joints(cohort: Path) -> list[FilmJoint]:
    """The joints of the first film."""
    film = min((cohort / "scans").glob("*.dcm"))
    return joints_of_file(film.read_bytes(), film.name, {})


def measure_crops(folder: Path, crops: dict[str, np.ndarray], **job: object) -> pd.DataFrame:
    """Measure pictures, written under these names; a row each, by name."""
    source = folder / "crops"
    source.mkdir()
    for name, pixels in crops.items():
        cv2.imwrite(str(source / name), pixels)
    return measure_folder(source, MeasureJob(folder / "out", **job), jobs=1).set_index("file")


def test_films_give_a_row_a_knee_with_widths_in_mm_and_a_mask(cohort: Path, tmp_path: Path) -> None:
    table = measure_folder(cohort / "scans", MeasureJob(tmp_path, overlay=True), jobs=1)
    assert table.columns.tolist() == COLUMNS
    assert set(table["ID"]) == set(pd.read_csv(cohort / "truth.csv")["ID"])
    assert (table["reason"] == "").all()
    known = table[table["spacing_mm"].notna()]
    assert len(known) >= 2
    assert np.allclose(known["mjsw_medial_mm"], known["mjsw_medial_px"] * known["spacing_mm"])
    assert table["quality"].between(0, 1).all()
    for mask in table["mask"]:
        assert (cv2.imread(str(tmp_path / mask), cv2.IMREAD_UNCHANGED) > 0).any()
        assert (tmp_path / mask.replace("masks", "overlay")).is_file()
    written = pd.read_csv(tmp_path / "widths.csv")
    assert written["mjsw_lateral_px"].tolist() == pytest.approx(table["mjsw_lateral_px"].tolist(), abs=1e-3)


def test_a_spacing_that_no_femur_fits_is_not_believed(cohort: Path, tmp_path: Path) -> None:
    film = pydicom.dcmread(min((cohort / "scans").glob("*.dcm")))
    widths = {}
    for spacing in (0.25, 1.0, 0.05):
        for keyword in ("PixelSpacing", "ImagerPixelSpacing"):
            film.pop(keyword, None)
        film.ImagerPixelSpacing = [spacing, spacing]
        (tmp_path / str(spacing)).mkdir()
        film.save_as(tmp_path / str(spacing) / "film.dcm")
        widths[spacing] = measure_folder(
            tmp_path / str(spacing), MeasureJob(tmp_path / f"{spacing}o"), jobs=1
        )
    for spacing in (1.0, 0.05):
        assert widths[spacing]["spacing_mm"].isna().all()
        assert widths[spacing]["mjsw_medial_mm"].isna().all()
        assert (widths[spacing]["mjsw_medial_px"] > 0).all()
        assert widths[spacing]["note"].str.contains("ImagerPixelSpacing would make the femur").all()
    assert widths[0.25]["mjsw_medial_mm"].gt(0).all()


def test_a_bare_crop_is_measured_whatever_its_format_and_its_mask_has_its_size(
    joints: list[FilmJoint], tmp_path: Path
) -> None:
    small = [cv2.resize(joint.pixels, (224, 224), interpolation=cv2.INTER_AREA) for joint in joints]
    table = measure_crops(
        tmp_path, {"1000001R.png": small[0], "1000001_2.webp": small[1], "1000002_R.jpg": small[0]}
    )
    assert table["reason"].tolist() == ["", "", ""]
    assert table["side"].to_dict() == {"1000001R.png": 1, "1000001_2.webp": 2, "1000002_R.jpg": 1}
    assert table["spacing_mm"].isna().all()
    assert table["mjsw_medial_mm"].isna().all()
    assert table["mjsw_medial_px"].notna().all()
    for stem in ("1000001R", "1000001_2", "1000002_R"):
        mask = cv2.imread(str(tmp_path / "out" / "masks" / f"{stem}.png"), cv2.IMREAD_UNCHANGED)
        assert mask.shape == (224, 224)
        assert set(np.unique(mask)) == {0, 127, 255}


def test_a_negative_and_a_mirror_image_have_the_same_widths(joints: list[FilmJoint], tmp_path: Path) -> None:
    crop = cv2.resize(joints[0].pixels, (224, 224), interpolation=cv2.INTER_AREA)
    table = measure_crops(
        tmp_path, {"a_R.png": crop, "b_R.png": 255 - crop, "c_L.png": np.ascontiguousarray(crop[:, ::-1])}
    )
    for name in ("b_R.png", "c_L.png"):
        for width in ("mjsw_medial_px", "mjsw_lateral_px", "jsw_0250_px", "jsw_0725_px"):
            assert table.loc[name, width] == pytest.approx(table.loc["a_R.png", width], abs=0.02)


def test_a_mirrored_crop_is_measured_as_it_looks_and_the_row_says_so(
    joints: list[FilmJoint], tmp_path: Path
) -> None:
    crop = cv2.resize(joints[0].pixels, (224, 224), interpolation=cv2.INTER_AREA)
    table = measure_crops(tmp_path, {"a_R.png": crop, "b_R.png": np.ascontiguousarray(crop[:, ::-1])})
    assert table.loc["b_R.png", "mjsw_medial_px"] == pytest.approx(table.loc["a_R.png", "mjsw_medial_px"])
    assert table.loc["b_R.png", "side"] == 1
    assert "mirrored" in table.loc["b_R.png", "note"]


def test_the_side_of_a_crop_without_a_name_is_the_tables_or_its_anatomys(
    joints: list[FilmJoint], tmp_path: Path
) -> None:
    crop = cv2.resize(joints[1].pixels, (224, 224), interpolation=cv2.INTER_AREA)
    table = measure_crops(tmp_path, {"one.png": crop, "other.png": crop + 1}, sides={"one": 2})
    assert table["side"].tolist() == [2, 2]
    assert table["side_from"].tolist() == ["table", "anatomy"]


def test_a_tiny_square_picture_is_a_crop_whatever_small_box_is_found_in_it() -> None:
    condyle, other = Detection(9, 91, 87, 169, 0.9), Detection(120, 91, 200, 169, 0.9)
    assert _is_crop((224, 224), [condyle])
    assert not _is_crop((224, 224), [condyle, other])
    assert not _is_crop((900, 900), [condyle])


def test_what_shows_no_joint_is_a_row_with_its_reason(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 224).astype(np.uint8)[:, None].repeat(224, 1)
    table = measure_crops(tmp_path, {"a_R.png": np.full((224, 224), 90, np.uint8), "b_R.png": ramp})
    assert (table["reason"] != "").all()
    assert table["mjsw_medial_px"].isna().all()
    assert not list((tmp_path / "out").rglob("*.png"))


def test_a_joint_on_its_head_or_side_and_a_picture_too_small_are_rows_with_their_reasons(
    joints: list[FilmJoint], tmp_path: Path
) -> None:
    crop = cv2.resize(joints[0].pixels, (224, 224), interpolation=cv2.INTER_AREA)
    table = measure_crops(
        tmp_path,
        {
            "a_R.png": np.rot90(crop, 2).copy(),
            "b_R.png": np.rot90(crop).copy(),
            "c_R.png": cv2.resize(crop, (64, 64)),
        },
    )
    reasons = {"a_R.png": "turned", "b_R.png": "unclear_margins", "c_R.png": "too_small"}
    assert table["reason"].to_dict() == reasons
