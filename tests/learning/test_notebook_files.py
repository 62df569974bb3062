"""The notebooks' model files become bundles that answer as the notebooks' networks did, and run nothing."""

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torchvision
from torch import nn

from jsl_core.errors import BadTable, BundleError
from jsl_core.learning.model.bundle import ModelBundle
from jsl_core.learning.model.notebook_files import import_notebook_model

from .conftest import draw_cohort

pytestmark = pytest.mark.slow


def vgg() -> nn.Module:
    """VGG16's convolutions and global pooling, as the notebooks take them, with random weights."""
    torch.manual_seed(0)
    network = torchvision.models.vgg16(weights=None)
    return nn.Sequential(network.features, nn.AdaptiveAvgPool2d(1), nn.Flatten())


class TwoHeads(nn.Module):
    """Grade and progression from one image."""

    def __init__(self) -> None:
        super().__init__()
        self.cnn, self.grade, self.progression = vgg(), nn.Linear(512, 5), nn.Linear(512, 1)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.cnn(images)
        return self.grade(features), self.progression(features)


class WithFactors(nn.Module):
    """Progression from an image and fourteen factors."""

    def __init__(self) -> None:
        super().__init__()
        self.cnn, self.old_head = vgg(), nn.Linear(512, 1)
        self.clinical, self.last = nn.Linear(14, 128), nn.Linear(640, 1)

    def forward(self, images: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.last(torch.cat([self.cnn(images), self.clinical(factors)], dim=1))
        return logits


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 224, 224), np.uint8)


def to_notebook(crops: np.ndarray) -> torch.Tensor:
    """As ToTensor made them of images of three equal channels."""
    return torch.from_numpy(crops / 255).float()[:, None].expand(-1, 3, -1, -1)


def test_a_whole_module_of_a_notebook_answers_as_it_did_there(
    crops: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TwoHeads, "__module__", "__main__")  # where a notebook's classes are
    monkeypatch.setattr(sys.modules["__main__"], "TwoHeads", TwoHeads, raising=False)
    network = TwoHeads().eval()
    torch.save(network, tmp_path / "multi_tasking_vgg.pt")
    assert import_notebook_model(tmp_path / "multi_tasking_vgg.pt", tmp_path / "out") == "multitask"
    grade, progression = network(to_notebook(crops))
    answers = ModelBundle.load(tmp_path / "out").predict(crops, pd.DataFrame({"side": [1, 2]}))
    expected = torch.softmax(grade, dim=1).detach().numpy()
    np.testing.assert_allclose(answers[[f"kl_{grade}" for grade in range(5)]], expected, atol=1e-5)
    np.testing.assert_allclose(answers["jsl_risk"], torch.sigmoid(progression[:, 0]).detach(), atol=1e-5)


def test_a_joint_model_takes_the_factors_in_the_notebooks_order(crops: np.ndarray, tmp_path: Path) -> None:
    network = WithFactors().eval()
    torch.save(network.state_dict(), tmp_path / "joint_model.pt")
    with pytest.raises(BadTable, match="takes risk factors; give --cohort"):
        import_notebook_model(tmp_path / "joint_model.pt", tmp_path / "out")
    table = draw_cohort(3)[1].iloc[:2]
    assert import_notebook_model(tmp_path / "joint_model.pt", tmp_path / "out", table) == "jsl-joint"
    coded = table.assign(Sex=table["Sex"] - 1)  # the notebooks: male 0, female 1
    measured = coded[["Age", "Sex", "BMI", "Knee_Injury", "Alignment_degree"]].to_numpy()
    codes = [np.eye(size)[table[name].astype(int)] for name, size in (("Race", 4), ("BL_KL_grade", 5))]
    factors = torch.from_numpy(np.column_stack([measured, *codes])).float()
    expected = torch.sigmoid(network(to_notebook(crops), factors)[:, 0]).detach()
    answers = ModelBundle.load(tmp_path / "out").predict(crops, table.reset_index(drop=True))
    np.testing.assert_allclose(answers["jsl_risk"], expected, atol=1e-4)


class Intruder:
    """Runs a command when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch '{self.trace}'",)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_that_would_run_something_is_refused_and_runs_nothing(tmp_path: Path, zipped: bool) -> None:
    file, trace = tmp_path / "KL_prediction.pt", tmp_path / "ran"
    torch.save({"model": Intruder(trace)}, file, _use_new_zipfile_serialization=zipped)
    with pytest.raises(BundleError, match=r"KL_prediction.pt: not read, as it asks for \w+.system"):
        import_notebook_model(file, tmp_path / "out")
    assert not trace.exists()


def test_other_files_are_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("no weights")
    with pytest.raises(BundleError, match=r"text.pt: .*give a state dict"):
        import_notebook_model(tmp_path / "text.pt", tmp_path / "out")
    with pytest.raises(BundleError, match="no such file"):
        import_notebook_model(tmp_path / "none.pt", tmp_path / "out")
    torch.save(torchvision.models.resnet18(num_classes=5).state_dict(), tmp_path / "resnet.pt")
    with pytest.raises(BundleError, match="its convolutions are not those of VGG16"):
        import_notebook_model(tmp_path / "resnet.pt", tmp_path / "out")
