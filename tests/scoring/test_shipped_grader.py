"""Without a model of the user's own the shipped grader grades, from films and from crops."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from flows.cli.main import main
from jsl_core.config import PhantomSettings
from jsl_core.phantom import write_phantom
from jsl_core.scoring.crops import crop_centre


def jsl(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom")
    write_phantom(folder, PhantomSettings(patients=2, seed=3, long_side=(700, 800)), 1)
    return folder


def test_films_are_graded_without_any_model_and_phantoms_are_strange(films: Path, tmp_path: Path) -> None:
    assert jsl("score", films / "scans", "--out", tmp_path / "s.csv", "--overlay", "--jobs", 1) == 0
    scores = pd.read_csv(tmp_path / "s.csv")
    assert len(scores) == 4
    grades = scores[[f"kl_{grade}" for grade in range(5)]].to_numpy()
    np.testing.assert_allclose(grades.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(scores["kl2_risk"], grades[:, 2:].sum(axis=1), atol=2e-6)
    assert scores["jsl_risk"].isna().all()
    assert (scores["strange"] > 1).all()
    assert scores["note"].str.contains("look at this one").all()
    overlays = sorted((tmp_path / "s_overlays").glob("*.png"))
    assert len(overlays) == 4
    assert np.asarray(Image.open(overlays[0])).shape[:2] == (224, 224)


def test_the_shipped_grader_is_measured_on_a_table_of_crops(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for number in range(30):
        Image.fromarray(rng.integers(0, 256, (60, 60), np.uint8)).save(tmp_path / f"{number}.png")
        rows.append({"ID": f"{1000001 + number}_1", "Img_path": f"{number}.png", "BL_KL_grade": number % 5})
    pd.DataFrame(rows).to_csv(tmp_path / "cohort.csv", index=False)
    out = tmp_path / "f.json"
    assert jsl("evaluate", "--cohort", tmp_path / "cohort.csv", "--json", out) == 0
    assert '"shipped"' in out.read_text()


@pytest.mark.parametrize(("field", "side"), [(0.86, 172), (1.0, 200), (1.2, 200), (0.001, 1)])
def test_a_joint_is_cut_about_its_middle(field: float, side: int) -> None:
    joint = np.zeros((200, 200), np.uint8)
    joint[90:110, 90:110] = 255
    cut = crop_centre(joint, field)
    assert cut.shape == (side, side)
    assert cut[side // 2, side // 2] == 255
