"""On a GPU, passes captured as CUDA graphs teach a network what the same passes do without."""

from pathlib import Path

import pytest
import torch

from jsl_core.config import RegimeSettings, TrainingSettings
from jsl_core.learning.regimes.job import TrainingJob
from jsl_core.learning.regimes.train_regime import train_regime
from jsl_core.learning.regimes.trainer import EpochReport

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need a GPU of NVIDIA")


def losses(dataset: Path, out: Path) -> list[float]:
    """Of three epochs, the first of which sees reduced images."""
    reports: list[EpochReport] = []
    settings = TrainingSettings(
        precision="fp32", kl=RegimeSettings(epochs=3, dropout=0.0, small_epochs=1, average=0.9)
    )
    train_regime(TrainingJob("kl", dataset, settings, out), reports.append)
    return [loss for report in reports for loss in (report.train_loss, report.val_loss)]


def test_learning_is_the_same_as_without_graphs(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    captures = []
    capture = torch.cuda.make_graphed_callables

    def counted(*arguments: object, **named: object) -> object:
        captures.append(capture(*arguments, **named))  # type: ignore[no-untyped-call]
        return captures[-1]

    monkeypatch.setattr(torch.cuda, "make_graphed_callables", counted)
    with_graphs = losses(dataset, tmp_path / "with")
    assert len(captures) >= 2, "of reduced and of whole images"

    def refused(*arguments: object, **named: object) -> None:
        raise torch.OutOfMemoryError("no memory for a graph")

    monkeypatch.setattr(torch.cuda, "make_graphed_callables", refused)
    assert with_graphs == pytest.approx(losses(dataset, tmp_path / "without"), rel=0.02)
