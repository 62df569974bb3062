"""OARSI features as co-targets of the grade: what is learned, what is masked, and what is left behind."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from jsl_core.cohort.columns import OARSI
from jsl_core.config import PackSettings, RegimeSettings, TrainingSettings
from jsl_core.dataset import PackedDataset, pack
from jsl_core.errors import BadTable
from jsl_core.learning.model.bundle import ModelBundle
from jsl_core.learning.model.tensors import DeviceData
from jsl_core.learning.regimes import TrainingJob, train_regime
from jsl_core.learning.regimes.feature_head import feature_grades, feature_loss
from jsl_core.learning.regimes.objective import Objective
from tests.learning.conftest import SIZE, draw_cohort


@pytest.fixture(scope="module")
def with_features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Features that follow the grade, blank in a third of the knees; sclerosis in none."""
    folder = tmp_path_factory.mktemp("features")
    joints, table = draw_cohort(30)
    for number, name in enumerate(OARSI[:6]):
        table[name] = (table["BL_KL_grade"] - number % 2).clip(0, 3)
        table.loc[table.index % 3 == 0, name] = np.nan
    table.loc[1, "JSN_medial"] = 1.4
    pack(joints, table, PackSettings(size=SIZE), folder)
    return folder


def _train(dataset: Path, out: Path, **changes: object) -> None:
    regime = RegimeSettings(epochs=2, batch=16, lr=2e-3, average=0.5)
    settings = TrainingSettings(kl=regime, device="cpu", augment="none", precision="fp32")
    train_regime(TrainingJob("kl", dataset, settings.model_copy(update=changes), out))


def test_features_that_were_not_read_do_not_count() -> None:
    logits = torch.randn(3, 4 * len(OARSI), generator=torch.Generator().manual_seed(0))
    grades = torch.full((3, len(OARSI)), -1)
    grades[0, 2], grades[2, 9] = 3, 1
    first = functional.cross_entropy(logits[0, 8:12][None], torch.tensor([3]))
    second = functional.cross_entropy(logits[2, 36:40][None], torch.tensor([1]))
    torch.testing.assert_close(feature_loss(logits, grades), (first + second) / 2)
    assert feature_loss(logits, torch.full_like(grades, -1)) == 0


def test_a_narrowing_between_two_grades_is_the_lower_one(with_features: Path) -> None:
    packed = PackedDataset.load(with_features)
    grades = feature_grades(packed, torch.device("cpu"))
    row = packed.table.index[packed.table["JSN_medial"] == 1.4][0]
    assert grades[row, 0] == 1
    assert (grades[:, 6:] == -1).all()
    assert int((grades[:, 0] == -1).sum()) == 20


def test_the_head_of_the_features_changes_what_is_learned_and_is_not_kept(
    with_features: Path, tmp_path: Path
) -> None:
    _train(with_features, tmp_path / "without")
    _train(with_features, tmp_path / "with", oarsi_weight=1.0)
    without, beside = (ModelBundle.load(tmp_path / name).network for name in ("without", "with"))
    assert without.state_dict().keys() == beside.state_dict().keys()
    assert any(
        not torch.equal(one, other)
        for one, other in zip(without.state_dict().values(), beside.state_dict().values(), strict=True)
    )


def test_micro_batches_add_up_to_the_batch(with_features: Path) -> None:
    packed = PackedDataset.load(with_features)
    data = DeviceData.of(packed, None, True, torch.device("cpu"))
    objective = Objective(features=feature_grades(packed, torch.device("cpu")), feature_weight=0.7)
    generator = torch.Generator().manual_seed(1)
    outputs = {"kl": torch.randn(9, 5, generator=generator), "oarsi": torch.randn(9, 40, generator=generator)}
    batch = torch.arange(9)
    parts = [
        objective({name: values[rows] for name, values in outputs.items()}, data, rows, batch)
        for rows in batch.tensor_split(3)
    ]
    torch.testing.assert_close(sum(parts), objective(outputs, data, batch))


def test_a_table_without_features_is_told_so(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(BadTable, match="oarsi_weight: no training knee has OARSI features"):
        _train(dataset, tmp_path, oarsi_weight=0.5)
