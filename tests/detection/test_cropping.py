"""From detections to one joint's crop."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from jsl_core.config import CropSettings, PhantomSettings
from jsl_core.detection import Detection, crop_joint
from jsl_core.detection.folder import CropJob, crop_folder
from jsl_core.detection.knee_pairing import pair_knees
from jsl_core.detection.training.metrics import iou_matrix
from jsl_core.errors import BadScan, DetectorError, JslError
from jsl_core.phantom.film import make_film

IMAGE = np.arange(100 * 80, dtype=np.uint32).reshape(100, 80).astype(np.uint8)
INNER = Detection(20, 30, 60, 60, 0.9)


def test_no_detection_is_the_reason_no_joint() -> None:
    with pytest.raises(BadScan) as caught:
        crop_joint(IMAGE, [], None, CropSettings())
    assert caught.value.code == "no_joint"


def test_the_predicted_box_is_cut_with_its_margin() -> None:
    joint = crop_joint(IMAGE, [INNER], None, CropSettings(box="predicted", margin_px=5))
    assert joint.box == (15, 25, 65, 65)
    np.testing.assert_array_equal(joint.pixels, IMAGE[25:65, 15:65])
    assert not joint.padded


def test_the_square_box_has_the_longer_side_about_the_same_centre() -> None:
    joint = crop_joint(IMAGE, [INNER], None, CropSettings(box="square", margin_px=0))
    assert joint.box == (20, 25, 60, 65)


def test_a_crop_in_millimetres_follows_the_spacing_and_falls_back_to_the_square() -> None:
    settings = CropSettings(box="mm", box_mm=20, margin_px=5)
    assert crop_joint(IMAGE, [INNER], 0.5, settings).box == (20, 25, 60, 65)
    assert crop_joint(IMAGE, [INNER], None, settings).box == (15, 20, 65, 70)


def test_a_crop_beyond_the_border_is_mirrored_and_says_so() -> None:
    edge = Detection(0, 0, 30, 30, 0.8)
    joint = crop_joint(IMAGE, [edge], None, CropSettings(margin_px=5))
    assert joint.padded
    assert joint.box == (0, 0, 35, 35)
    assert joint.pixels.shape == (40, 40)
    np.testing.assert_array_equal(joint.pixels[5:, 5:], IMAGE[:35, :35])
    np.testing.assert_array_equal(joint.pixels[:5, 5:], IMAGE[4::-1, :35])


@pytest.mark.parametrize(
    ("cut", "box"),
    [
        (Detection(0, 20, 30, 60, 0.9), (-10, 20, 30, 60)),
        (Detection(50, 20, 80, 60, 0.9), (50, 20, 90, 60)),
        (Detection(10, 0, 50, 25, 0.9), (10, -15, 50, 25)),
        (Detection(10, 80, 50, 100, 0.9), (10, 80, 50, 120)),
        (Detection(0, 0, 80, 90, 0.9), (-5, 0, 85, 90)),  # cut on both sides: about the middle
    ],
)
def test_a_joint_that_the_film_cuts_stays_in_the_middle_of_its_square(
    cut: Detection, box: tuple[int, int, int, int]
) -> None:
    joint = crop_joint(IMAGE, [cut], None, CropSettings(margin_px=0))
    assert joint.pixels.shape == (box[3] - box[1], box[2] - box[0])
    assert joint.box == (max(box[0], 0), max(box[1], 0), min(box[2], 80), min(box[3], 100))
    in_millimetres = crop_joint(IMAGE, [cut], 1.0, CropSettings(box="mm", box_mm=20)).box
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    assert in_millimetres == (max(x - 10, 0), max(y - 10, 0), min(x + 10, 80), min(y + 10, 100))


def test_a_crop_larger_than_the_whole_image_still_has_its_size() -> None:
    joint = crop_joint(IMAGE, [INNER], 0.1, CropSettings(box="mm", box_mm=50))
    assert joint.pixels.shape == (500, 500)
    assert joint.box == (0, 0, 80, 100)


def test_of_several_boxes_the_central_one_wins_and_a_close_second_is_recorded() -> None:
    corner, middle = Detection(0, 0, 20, 20, 0.9), Detection(20, 30, 60, 70, 0.8)
    joint = crop_joint(IMAGE, [corner, middle], None, CropSettings(margin_px=0))
    assert joint.box == middle.box
    assert joint.ambiguous
    assert not crop_joint(IMAGE, [middle, Detection(0, 0, 20, 20, 0.3)], None, CropSettings()).ambiguous


@pytest.mark.parametrize(
    ("other", "plausible"),
    [
        ((500.0, 120.0, 700.0, 320.0), True),
        ((500.0, 120.0, 640.0, 260.0), True),  # a smaller knee, still of the same person
        ((500.0, 120.0, 560.0, 180.0), False),  # a letter
        ((500.0, 400.0, 700.0, 600.0), False),  # a foot
        ((120.0, 340.0, 320.0, 540.0), False),  # on the same leg
        ((150.0, 160.0, 250.0, 260.0), False),  # within the joint
        ((690.0, 320.0, 890.0, 520.0), True),  # on a tilted film
    ],
)
def test_only_what_can_be_the_same_persons_knee_stands_beside_the_best_joint(
    other: tuple[float, float, float, float], plausible: bool
) -> None:
    best, second = Detection(100, 100, 300, 300, 0.9), Detection(*other, 0.6)
    assert pair_knees([best, second]) == ([best, second] if plausible else [best])


def test_a_box_below_the_second_knee_is_no_third_one() -> None:
    best, second = Detection(100, 100, 300, 300, 0.9), Detection(450, 100, 650, 300, 0.8)
    below = Detection(460, 200, 640, 380, 0.3)
    assert pair_knees([best, below]) == [best, below]
    assert pair_knees([best, second, below]) == [best, second]


def test_a_film_without_detections_has_no_joints() -> None:
    assert pair_knees([]) == []


def test_a_folder_gives_crops_a_table_and_overlays(tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    cv2.imwrite(str(source / "1000001_2.png"), np.zeros((300, 200), np.uint8))
    (source / "1000002_1.png").write_bytes(b"\x89PNG broken")
    (source / "notes.txt").write_text("no picture")
    rows = crop_folder(source, CropJob(target, CropSettings(), overlay=True), jobs=1)
    written = pd.read_csv(target / "boxes.csv")
    assert list(written.columns) == [
        *("file", "ID", "side", "side_from", "x1", "y1", "x2", "y2", "score", "polarity_from", "reason")
    ]
    assert {row["file"]: row["reason"] for row in rows} == {
        "1000001_2.png": "no_joint",
        "1000002_1.png": "undecodable",
    }


@pytest.mark.parametrize(("bits", "suffix"), [(8, "bmp"), (12, "png"), (16, "tif")])
def test_pictures_of_any_depth_give_the_joints_of_the_film(bits: int, suffix: str, tmp_path: Path) -> None:
    film = make_film(1, 0, PhantomSettings(long_side=(500, 500)))
    pixels = film.display.astype(np.uint16) << (bits - 8) if bits > 8 else film.display
    source = tmp_path / "in"
    source.mkdir()
    cv2.imwrite(str(source / f"film.{suffix}"), pixels)
    job = CropJob(tmp_path / "out", CropSettings(), full_film=True, overlay=True)
    table = pd.DataFrame(crop_folder(source, job, jobs=1))
    boxes, truth = (
        table[["x1", "y1", "x2", "y2"]].to_numpy(np.float32, copy=True),
        sorted(film.boxes.values()),
    )
    assert list(table["ID"]) == ["film_1", "film_2"]
    assert (iou_matrix(np.array(truth, np.float32), boxes).diagonal() > 0.85).all()
    assert cv2.imread(str(tmp_path / "out" / "overlay" / "film.jpg")).max() > 200


@pytest.mark.slow
def test_of_two_pictures_of_one_name_the_first_is_kept(tmp_path: Path) -> None:
    both, first = tmp_path / "both", tmp_path / "first"
    for index, (name, folders) in enumerate({"film.bmp": (both, first), "film.png": (both,)}.items()):
        film = make_film(1, index, PhantomSettings(long_side=(500, 500)))
        for folder in folders:
            folder.mkdir(exist_ok=True)
            cv2.imwrite(str(folder / name), film.display)
    tables = {
        source: pd.DataFrame(
            crop_folder(
                source,
                CropJob(source.with_suffix(".out"), CropSettings(), full_film=True, overlay=True),
                jobs=2,
            )
        )
        for source in (both, first)
    }
    assert list(tables[both]["ID"]) == ["film_1", "film_2"] * 2
    assert list(tables[both]["reason"]) == ["", "", "duplicate", "duplicate"]
    assert tables[both].loc[2:, ["x1", "y1", "x2", "y2", "score"]].isna().all(axis=None)
    for name in ("film_1.png", "film_2.png", "overlay/film.jpg"):
        crop, alone = (source.with_suffix(".out").joinpath(name).read_bytes() for source in (both, first))
        assert crop == alone


def test_a_second_run_leaves_its_own_crops_out_and_nothing_beside_them(tmp_path: Path) -> None:
    film = make_film(1, 0, PhantomSettings(long_side=(500, 500)))
    cv2.imwrite(str(tmp_path / "film.png"), film.display)
    job = CropJob(tmp_path / "crops", CropSettings(), full_film=True, overlay=True)
    first = crop_folder(tmp_path, job, jobs=1)
    assert crop_folder(tmp_path, job, jobs=1) == first
    names = {path.relative_to(job.dst).as_posix() for path in job.dst.rglob("*") if path.is_file()}
    assert names == {"boxes.csv", "film_1.png", "film_2.png", "overlay/film.jpg"}
    assert {path.name for path in job.dst.iterdir() if path.is_dir()} == {"overlay"}


def test_an_empty_folder_or_a_missing_detector_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(JslError):
        crop_folder(tmp_path, CropJob(tmp_path / "out", CropSettings()))
    cv2.imwrite(str(tmp_path / "a.png"), IMAGE)
    with pytest.raises(DetectorError):
        crop_folder(tmp_path, CropJob(tmp_path / "out", CropSettings(cfg="no.cfg", weights="no.weights")))
