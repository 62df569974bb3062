"""A device or settings that cannot be are one line, wherever they are asked for."""

from pathlib import Path

import numpy as np
import pytest
import torch

from jsl_core.config import DetectorTrainSettings, TrainingSettings
from jsl_core.detection.training.films import BoxedImage
from jsl_core.detection.training.train import train_detector
from jsl_core.errors import BadSettings
from jsl_core.learning.__main__ import main
from jsl_core.learning.model.ensemble import Ensemble
from jsl_core.learning.regimes import TrainingJob, train_regime
from jsl_core.training.device import pick_device


def draw_film(rng: np.random.Generator) -> BoxedImage:
    return BoxedImage(rng.integers(0, 255, (64, 64), np.uint8), np.array([[8, 8, 40, 40]], np.float32))


def test_a_gpu_that_is_not_there_is_one_line_wherever_it_is_asked_for(
    dataset: Path,
    fast: TrainingSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    train_regime(TrainingJob("kl", dataset, fast, tmp_path / "kl"))
    settings = fast.model_copy(update={"device": "cuda"})
    one_line = "^no CUDA GPU can be used here; set device to auto or cpu$"
    with pytest.raises(BadSettings, match=one_line):
        pick_device("cuda")
    with pytest.raises(BadSettings, match=one_line):
        train_regime(TrainingJob("kl", dataset, settings, tmp_path / "out"))
    with pytest.raises(BadSettings, match=one_line):
        Ensemble.load([tmp_path / "kl"], "cuda")
    with pytest.raises(BadSettings, match=one_line):
        train_detector(draw_film, [], DetectorTrainSettings(device="cuda"), tmp_path / "detector")
    (tmp_path / "settings.json").write_text(settings.model_dump_json())
    assert main([str(dataset), str(tmp_path / "out"), "--settings", str(tmp_path / "settings.json")]) == 1
    assert capsys.readouterr().err == "error: no CUDA GPU can be used here; set device to auto or cpu\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "error: {file}: Invalid JSON"),
        ("[1]", "error: {file}: Invalid JSON"),
        ('{"epochs": 3}', "error: {file}: there is no setting epochs"),
        ('{"kl": {"epochs": 0}}', "error: {file}: kl.epochs: Input should be"),
    ],
)
def test_settings_that_cannot_be_are_one_line(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    file = tmp_path / "settings.json"
    file.write_text(text)
    assert main([str(dataset), str(tmp_path / "out"), "--settings", str(file)]) == 1
    line = capsys.readouterr().err
    assert line.startswith(message.format(file=file))
    assert line.count("\n") == 1
