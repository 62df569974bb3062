"""Cross-validation: every knee is tested on once, by a model that never saw its participant."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jsl_core.config import PackSettings, TrainingSettings
from jsl_core.dataset import PackedDataset, pack
from jsl_core.errors import BadTable
from jsl_core.learning.__main__ import main
from jsl_core.learning.model.bundle import ModelBundle
from jsl_core.learning.regimes.job import TrainingJob
from jsl_core.learning.regimes.risk_factors import train_risk_factors
from jsl_core.learning.regimes.train_regime import train_regime

from .conftest import SIZE, draw_cohort


def test_every_participant_is_tested_on_once_and_one_in_ten_is_for_validation(dataset: Path) -> None:
    packed = PackedDataset.load(dataset)
    rounds = [packed.fold(number, 5).table for number in range(5)]
    tested = pd.concat([table[table["split"] == "test"] for table in rounds])
    assert sorted(tested["ID"]) == sorted(packed.table["ID"])
    for table in rounds:
        assert len(table[["participant", "split"]].drop_duplicates()) == 40
        assert table["split"].value_counts().to_dict() == {"train": 56, "test": 16, "val": 8}
    assert len({packed.fold(number, 5).digest for number in range(5)}) == 5


def test_folds_have_their_share_of_progression_and_of_grades(dataset: Path) -> None:
    packed = PackedDataset.load(dataset)
    tested = [packed.fold(number, 4).table.query("split == 'test'") for number in range(4)]
    shares = [part.groupby("participant")["JSL_Prog"].max().mean() for part in tested]
    assert max(shares) - min(shares) <= 0.1 + 1e-9  # one of ten participants


def test_a_test_part_that_the_table_gives_stays_one(tmp_path: Path) -> None:
    joints, table = draw_cohort(20)
    table["split"] = ["test"] * 8 + ["train"] * 22 + ["val"] * 10
    pack(joints, table, PackSettings(size=SIZE), tmp_path)
    packed = PackedDataset.load(tmp_path)
    rounds = [packed.fold(number, 4).table for number in range(4)]
    test_part = set(table["ID"][:8])
    assert all(set(one.query("split == 'test'")["ID"]) == test_part for one in rounds)
    chosen = pd.concat([one.query("split == 'val'") for one in rounds])
    assert sorted(chosen["ID"]) == sorted(set(table["ID"]) - test_part)


@pytest.mark.slow
def test_predictions_out_of_fold_are_those_of_the_model_that_was_tested_on_the_knee(
    dataset: Path, fast: TrainingSettings, tmp_path: Path
) -> None:
    (tmp_path / "settings.json").write_text(fast.model_dump_json())
    chosen = [
        "--settings",
        str(tmp_path / "settings.json"),
        "--folds",
        "3",
        "--regimes",
        "jsl-image",
        "risk-factors",
    ]
    assert main([str(dataset), str(tmp_path / "out"), *chosen]) == 0
    packed = PackedDataset.load(dataset)
    for regime in ("jsl-image", "risk-factors"):
        gathered = pd.read_csv(tmp_path / "out" / regime / "predictions.csv").set_index("ID")
        assert list(gathered.index) == list(packed.table["ID"])
        assert set(gathered["split"]) == {"test"}
        for number in range(3):
            fold = pd.read_csv(tmp_path / "out" / f"fold-{number + 1}" / regime / "predictions.csv")
            own = fold[fold["split"] == "test"].set_index("ID")["jsl_risk"]
            np.testing.assert_allclose(gathered.loc[own.index, "jsl_risk"], own)
            record = json.loads(
                (tmp_path / "out" / f"fold-{number + 1}" / regime / "bundle.json").read_text()
            )
            # flagged by the model's own threshold: the mean of all was chosen on these knees, too
            np.testing.assert_allclose(gathered.loc[own.index, "jsl_threshold"], record["thresholds"]["jsl"])
    bundles = [ModelBundle.load(tmp_path / "out" / f"fold-{number}" / "jsl-image") for number in (1, 2, 3)]
    record = json.loads((tmp_path / "out" / "jsl-image" / "bundle.json").read_text())
    assert record["folds"] == 3
    mean = np.mean([bundle.thresholds["jsl"] for bundle in bundles])
    assert record["thresholds"]["jsl"] == pytest.approx(mean)


def test_a_fold_with_nothing_to_learn_is_an_error_before_the_first_is_trained(
    fast: TrainingSettings, tmp_path: Path
) -> None:
    joints, table = draw_cohort(20)
    table["JSL_Prog"] = [1.0] * 4 + [0.0] * 36
    pack(joints, table, PackSettings(size=SIZE), tmp_path / "dataset")
    settings = TrainingSettings.model_validate(fast.model_dump() | {"folds": 5})
    one_line = r"fold . of 5: the .* only one value of JSL_Prog; .* use fewer"
    with pytest.raises(BadTable, match=one_line):
        train_regime(TrainingJob("jsl-image", tmp_path / "dataset", settings, tmp_path / "out", fold=0))
    with pytest.raises(BadTable, match=one_line):
        train_risk_factors(tmp_path / "dataset", settings, tmp_path / "out", fold=0)
    assert not (tmp_path / "out").exists()


def test_too_few_folds_are_one_clear_line() -> None:
    with pytest.raises(ValueError, match="give 0, or at least 3"):
        TrainingSettings(folds=2)
