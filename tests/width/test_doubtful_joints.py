"""What cannot be measured, or not without a doubt: replaced joints, plateaus with two rims."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from jsl_core.config import PhantomSettings
from jsl_core.detection.training.implants import draw_implant
from jsl_core.phantom.cohort import write_phantom
from jsl_core.width.doubts import second_rim
from jsl_core.width.folder import MeasureJob, measure_folder
from jsl_core.width.joints import joints_of_file
from jsl_core.width.label import label_progression, read_widths
from jsl_core.width.margins import Compartment
from jsl_core.width.metal import shows_metal
from jsl_core.width.refine import refining_edges


@pytest.fixture(scope="module")
def joint(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """A phantom's joint, 224×224."""
    folder = tmp_path_factory.mktemp("phantom")
    write_phantom(folder, PhantomSettings(patients=1, seed=5, long_side=(1200, 1300)))
    film = min((folder / "scans").glob("*.dcm"))
    pixels = joints_of_file(film.read_bytes(), film.name, {})[0].pixels
    assert pixels is not None
    return cv2.resize(pixels, (224, 224), interpolation=cv2.INTER_AREA)


def replace(joint: np.ndarray, seed: int) -> np.ndarray:
    """The joint with a knee replacement, blurred as a film is."""
    film = joint.astype(np.float32)
    draw_implant(film, np.array([-10, -18, 234, 226], np.float32), np.random.default_rng(seed))
    return np.clip(cv2.GaussianBlur(film, (0, 0), 0.7), 0, 255).astype(np.uint8)


def test_a_replaced_joint_shows_metal_and_a_burnt_out_one_does_not(joint: np.ndarray) -> None:
    assert all(shows_metal(replace(joint, seed)) for seed in range(4))
    assert not shows_metal(joint)
    burnt = np.clip(cv2.GaussianBlur(joint.astype(np.float32), (0, 0), 2) * 1.6, 0, 255).astype(np.uint8)
    assert (burnt == 255).mean() > 0.02
    assert not shows_metal(burnt)


def test_a_screw_far_from_the_joint_line_leaves_the_joint_to_be_measured(joint: np.ndarray) -> None:
    screwed = joint.copy()
    screwed[170:182, 60:170] = 255
    assert not shows_metal(screwed)


def test_a_replaced_joint_is_a_row_with_its_reason_and_no_widths(joint: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "crops").mkdir()
    cv2.imwrite(str(tmp_path / "crops" / "a_R.png"), replace(joint, 0))
    table = measure_folder(tmp_path / "crops", MeasureJob(tmp_path / "out"), jobs=1)
    assert table["reason"].tolist() == ["implant"]
    assert table["mjsw_medial_px"].isna().all()


@pytest.mark.parametrize(("second", "clear"), [(0, False), (20, False), (80, True)])
def test_another_rim_counts_by_how_clear_it_is(second: int, clear: bool) -> None:
    y, x = np.arange(224.0)[:, None], np.arange(30.0, 100)
    picture = np.where((y > 100) & (y < 118), 90.0, 170.0) + np.zeros((224, 224))
    picture += second * (y > 125)  # below the margin at 117.5
    picture = cv2.GaussianBlur(picture, (0, 0), 0.9)
    part = Compartment(x, np.full(len(x), 100.5), np.full(len(x), 117.5))
    assert (second_rim(refining_edges(picture, 1.0), part, 1.0) > 0.5) == clear


def test_a_knee_with_two_rims_at_a_visit_gets_no_label(tmp_path: Path) -> None:
    visits = []
    for number, doubt in enumerate(("", "two_rims")):
        rows = {"ID": ["1000001_1"], "side": [1], "mjsw_medial_mm": [4.0], "reason": [""], "sentence": [""]}
        file = tmp_path / f"{number}.csv"
        pd.DataFrame(rows | {"doubt": [doubt]}).to_csv(file, index=False)
        visits.append(read_widths(file))
    labels = label_progression(*visits)
    assert labels["reason"].tolist() == ["two_rims"]
    assert labels["JSL_Prog"].isna().all()
