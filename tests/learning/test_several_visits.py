"""Several rows a knee, one a visit: read, packed, split, trained on, gathered and compared."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from jsl_core.cohort import read_cohort
from jsl_core.cohort.columns import GRADE, VISIT, row_names
from jsl_core.config import EvaluateSettings, PackSettings, TrainingSettings
from jsl_core.dataset import PackedDataset, pack_from_paths
from jsl_core.errors import BadTable
from jsl_core.evaluation.comparisons import compare_models
from jsl_core.evaluation.report.gallery import select_surest
from jsl_core.learning.model.ensemble import Ensemble
from jsl_core.learning.regimes import TrainingJob, train_regime
from jsl_core.learning.regimes.folds import gather_folds
from jsl_core.scoring.scores import score_crops
from jsl_core.system.spreadsheet import read_csv
from jsl_core.width.join import join_widths
from tests.learning.conftest import SIZE, draw_cohort

_VISITS = ("00", "03", "06")


def write_visits(folder: Path, participants: int = 24) -> Path:
    """Crops on disk and the table of `jsl oai --visits`, with `Img_path`, a grade at each visit."""
    joints, table = draw_cohort(participants)
    parts = []
    for number, visit in enumerate(_VISITS):
        grade = (table[GRADE] + number).clip(upper=4)
        paths = [f"{name}_{visit}.png" for name in table["ID"]]
        for name, path in zip(table["ID"], paths, strict=True):
            shifted = np.roll(joints[name], number, axis=0)
            Image.fromarray(shifted).save(folder / path)
        part = table.assign(visit=visit, months=12 * int(visit), KL_grade=grade, Img_path=paths)
        parts.append(part.drop(columns=["participant", "side", "split"]))
    pd.concat(parts).to_csv(folder / "JSL.csv", index=False)
    return folder / "JSL.csv"


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("visits")
    table = read_cohort(write_visits(folder), needs=["Img_path"])
    pack_from_paths(table, folder, PackSettings(size=SIZE), folder / "packed")
    return folder / "packed"


def test_a_rows_grade_is_that_of_its_own_film(tmp_path: Path) -> None:
    table = read_cohort(write_visits(tmp_path, 3))
    written = pd.read_csv(tmp_path / "JSL.csv")
    assert list(table[GRADE]) == list(written["KL_grade"])
    assert (written["KL_grade"] != written[GRADE]).any()
    assert set(table[VISIT]) == set(_VISITS)


def test_visits_that_a_spreadsheet_has_shortened_are_known(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("ID,visit\n1000001_1,0\n1000001_1,6.0\n1000001_1,10\n")
    assert list(read_cohort(tmp_path / "t.csv")[VISIT]) == ["00", "06", "10"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            "1000001_1,00\n1000001_1,0",
            "row 3, visit 00: ID is '1000001_1', as in row 2; keep one row per knee and",
        ),
        ("1000001_1,00\n1000001_1,", "row 3: visit is blank; name the visit"),
        ("1000001_1,V06\n1000001_1,6", "row 3, visit 06: ID is '1000001_1', as in row 2"),
        ("1000001_1,00\n1000001_1,Baseline", "row 3, visit 00: ID is '1000001_1', as in row 2"),
    ],
)
def test_a_knee_twice_at_one_visit_is_refused(tmp_path: Path, rows: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(f"ID,visit\n{rows}\n")
    with pytest.raises(BadTable, match=message):
        read_cohort(tmp_path / "t.csv")


def test_participants_are_never_parted_in_split_and_folds(packed: Path) -> None:
    whole = PackedDataset.load(packed)
    assert len(whole.table) == 24 * 2 * 3
    assert list(row_names(whole.table)) == sorted(row_names(whole.table))
    for dataset in (whole, *(whole.fold(number, 3) for number in range(3))):
        assert dataset.table.groupby("participant")["split"].nunique().max() == 1
        assert set(dataset.table["split"]) == {"train", "val", "test"}


def test_pixels_lie_beside_the_row_of_their_visit(packed: Path) -> None:
    joints, _ = draw_cohort(24)
    whole = PackedDataset.load(packed)
    for row, (name, visit) in enumerate(zip(whole.table["ID"], whole.table[VISIT], strict=True)):
        expected = np.roll(joints[name], _VISITS.index(visit), axis=0)
        np.testing.assert_array_equal(whole.images[row], expected)


def test_one_picture_at_two_visits_is_refused(tmp_path: Path) -> None:
    table = pd.read_csv(write_visits(tmp_path, 2), dtype={VISIT: str})
    table.loc[table[VISIT] == "03", "Img_path"] = table.loc[table[VISIT] == "00", "Img_path"].to_numpy()
    table.to_csv(tmp_path / "JSL.csv", index=False)
    with pytest.raises(BadTable, match="share"):
        read_cohort(tmp_path / "JSL.csv", needs=["Img_path"])


def test_predictions_carry_the_visit_and_are_joined_by_it(
    packed: Path, fast: TrainingSettings, tmp_path: Path
) -> None:
    folders = [tmp_path / "fold-1", tmp_path / "fold-2"]
    for seed, folder in enumerate(folders):
        train_regime(TrainingJob("kl", packed, fast.model_copy(update={"seed": seed}), folder))
    one, other = (read_csv(folder / "predictions.csv") for folder in folders)
    assert list(zip(one["ID"], one[VISIT], strict=True)) == list(zip(other["ID"], other[VISIT], strict=True))
    gather_folds(folders, packed, tmp_path / "all")
    gathered = read_csv(tmp_path / "all" / "predictions.csv")
    held = one[one["split"] != "train"].reset_index(drop=True)
    assert row_names(gathered) == row_names(held)
    assert gathered["kl_0"].to_numpy() == pytest.approx(
        (held["kl_0"] + other.loc[other["split"] != "train", "kl_0"].to_numpy()).to_numpy() / 2, abs=1e-6
    )
    risks = [rows.assign(jsl_risk=rows["kl_3"] + rows["kl_4"]) for rows in (one, other)]
    pairs = compare_models(
        dict(zip("ab", risks, strict=True)), dict.fromkeys("ab", 0.5), EvaluateSettings(bootstrap=100), "test"
    )
    tested = one[(one["split"] == "test") & one["JSL_Prog"].notna()]
    assert pairs[0]["n"] == len(tested) > tested["ID"].nunique()
    assert len(select_surest(one.assign(ID=row_names(one)), None, 6)["ID"].unique()) == 6


def test_what_knows_one_film_of_a_knee_refuses_several_visits_in_one_line(tmp_path: Path) -> None:
    table = read_cohort(write_visits(tmp_path, 2))
    with pytest.raises(BadTable, match="several visits of a knee; keep the rows of the visit"):
        next(score_crops(Ensemble((), None), [], table))
    with pytest.raises(BadTable, match="several visits of a knee; join their widths by a run"):
        join_widths(table, pd.DataFrame({"ID": []}))
