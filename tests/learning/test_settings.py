"""Every setting of training does what it says: one tiny real training run per configuration."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import cohen_kappa_score
from torch.optim.lr_scheduler import ReduceLROnPlateau

from jsl_core.config import Regime, RegimeSettings, TrainingSettings
from jsl_core.dataset import PackedDataset
from jsl_core.errors import BadSettings, BundleError
from jsl_core.learning.model.bundle import ModelBundle
from jsl_core.learning.regimes import EpochReport, TrainingJob, train_regime, train_risk_factors
from jsl_core.training.schedule import learning_rate


def trained(
    regime: Regime, dataset: Path, out: Path, parent: Path | None = None, **settings: Any
) -> list[EpochReport]:
    """Train a regime; settings of the regime itself are given as the mapping `of`."""
    history: list[EpochReport] = []
    of: Mapping[str, Any] = settings.pop("of", {})
    chosen = RegimeSettings(**{"epochs": 1, "batch": 16, **of})
    name = regime.replace("-", "_")
    every = TrainingSettings(**{"device": "cpu", **settings, name: chosen})
    train_regime(TrainingJob(regime, dataset, every, out, parent), history.append)
    assert np.isfinite(history[-1].train_loss + history[-1].val_loss)
    return history


@pytest.mark.parametrize(
    "settings",
    [
        {"of": {"optimizer": "sgd", "schedule": "cosine", "warm_up": 0.5}},
        {"of": {"optimizer": "adam", "schedule": "step", "balance": "halve"}},
        {"of": {"schedule": "plateau", "balance": "weights", "keep": "score"}},
        {"of": {"schedule": "constant", "balance": "sample", "dropout": 0.0, "average": 0.9}},
        {"kl_loss": "softmax", "channels": 3, "normalise": "imagenet"},
        {"kl_loss": "coral", "normalise": "none", "mirror_left": False, "augment": "seed"},
        {"precision": "bf16", "augment": "none"},
        {"precision": "fp32", "backbone": "squeezenet1_1"},
        {
            "of": {"epochs": 2, "small_epochs": 1, "small": 0.5},
            "band": (0.25, 0.75),
            "augment": "wide",
            "backbone": "mobilenet_v3_small",
        },
    ],
    ids=str,
)
def test_kl_trains(dataset: Path, tmp_path: Path, settings: dict[str, Any]) -> None:
    trained("kl", dataset, tmp_path, **settings)
    predictions = pd.read_csv(tmp_path / "predictions.csv")
    np.testing.assert_allclose(predictions[[f"kl_{grade}" for grade in range(5)]].sum(axis=1), 1, atol=1e-6)


def test_the_last_epoch_is_kept_where_it_is_asked_for(dataset: Path, tmp_path: Path) -> None:
    unsteady = {"epochs": 4, "lr": 0.05, "schedule": "constant"}  # so that the last epoch is not the best
    losses = [epoch.val_loss for epoch in trained("kl", dataset, tmp_path / "loss", of=unsteady)]
    history = trained("kl", dataset, tmp_path / "last", of={**unsteady, "keep": "last"})
    assert [epoch.val_loss for epoch in history] == losses
    assert all(epoch.best for epoch in history)
    kept, last = (ModelBundle.load(tmp_path / name).network.state_dict() for name in ("loss", "last"))
    same = all(torch.equal(kept[name], last[name]) for name in kept)
    assert same == (min(losses) == losses[-1])


def test_a_pupil_learns_its_teacher_s_grades(dataset: Path, tmp_path: Path) -> None:
    trained("kl", dataset, tmp_path / "teacher", of={"epochs": 8, "lr": 3e-3})
    taught = {"teacher": str(tmp_path / "teacher"), "teacher_share": 1.0}
    history = trained("kl", dataset, tmp_path / "pupil", **taught, of={"epochs": 8, "lr": 3e-3})
    names = [f"kl_{grade}" for grade in range(5)]
    teacher, pupil = (
        pd.read_csv(tmp_path / each / "predictions.csv")[names] for each in ("teacher", "pupil")
    )
    spread = -(teacher * np.log(teacher)).sum(axis=1).mean()  # what even a perfect pupil's loss would be
    assert spread < history[-1].train_loss < history[0].train_loss
    assert (pupil - teacher).abs().to_numpy().mean() < (0.2 - teacher).abs().to_numpy().mean() / 2


def test_a_teacher_without_grades_is_refused(dataset: Path, tmp_path: Path) -> None:
    trained("jsl-image", dataset, tmp_path / "teacher")
    with pytest.raises(BundleError, match="grades no knees; name another"):
        trained("kl", dataset, tmp_path / "pupil", teacher=str(tmp_path / "teacher"))
    with pytest.raises(ValueError, match="set kl_loss to ordinal"):
        TrainingSettings(teacher="shipped", kl_loss="coral")


@pytest.mark.parametrize(
    ("regime", "settings"),
    [
        ("jsl-image", {"jsl_outputs": 2, "of": {"backbone_lr": 0.1}}),
        ("jsl-image", {"of": {"balance": "weights"}}),
        ("jsl-image", {"of": {"balance": "sample"}}),
        (
            "jsl-joint",
            {"factors": "clinical", "scale_factors": False, "of": {"epochs": 2, "freeze_epochs": 1}},
        ),
        ("jsl-joint", {"factor_nonlinear": False, "factor_width": 4}),
        ("jsl-joint-frozen", {"factors": "clinical", "kl_loss": "coral", "jsl_outputs": 2}),
        ("multitask", {"kl_weight": 0.3, "kl_loss": "coral", "of": {"balance": "halve"}}),
    ],
    ids=str,
)
def test_progression_trains(dataset: Path, tmp_path: Path, regime: Regime, settings: dict[str, Any]) -> None:
    trained(regime, dataset, tmp_path, **settings)
    risk = pd.read_csv(tmp_path / "predictions.csv")["jsl_risk"]
    assert risk.between(0, 1).all()


def test_without_the_expert_s_grade_a_joint_network_reads_it_from_the_image(
    dataset: Path, tmp_path: Path
) -> None:
    longer = {"epochs": 12, "lr": 3e-3}
    trained("jsl-image", dataset, tmp_path / "image")
    trained("jsl-joint", dataset, tmp_path / "joint", tmp_path / "image", factors="clinical", of=longer)
    bundle = ModelBundle.load(tmp_path / "joint")
    assert bundle.factors is not None
    assert {name.partition("_")[0] for name in bundle.factors.names} == {"Age", "Sex", "BMI", "Knee", "Race"}
    assert json.loads((tmp_path / "joint" / "metrics.json").read_text())["test"]["kappa"] > 0.5

    packed = PackedDataset.load(dataset)
    blind = packed.table.assign(BL_KL_grade=np.nan, Alignment_degree=np.nan)
    pd.testing.assert_frame_equal(
        bundle.predict(packed.images, packed.table), bundle.predict(packed.images, blind)
    )
    other = bundle.predict(packed.images[::-1].copy(), blind)  # the same factors, other pictures
    assert (other["jsl_risk"] - bundle.predict(packed.images, blind)["jsl_risk"]).abs().max() > 0.05


def test_without_risk_factors_the_models_that_need_any_are_left_out(dataset: Path, tmp_path: Path) -> None:
    settings = TrainingSettings(factors="none")
    assert settings.regimes_to_train() == ("kl", "jsl-image", "multitask")
    with pytest.raises(BadSettings, match="jsl-joint learns from risk factors; set factors"):
        train_regime(TrainingJob("jsl-joint", dataset, settings, tmp_path))
    with pytest.raises(BadSettings, match="risk-factor model has no inputs; set factors"):
        train_risk_factors(dataset, settings, tmp_path)


def test_joint_regimes_start_from_the_network_that_is_named_and_it_is_trained_as_well() -> None:
    settings = TrainingSettings(regimes=("jsl-joint",), joint_from="multitask", baseline=False)
    assert settings.training_order() == ("kl", "multitask", "jsl-joint")
    seeds_way = settings.model_copy(update={"joint_from": "jsl-image"})
    assert seeds_way.training_order() == ("kl", "jsl-image", "jsl-joint")


def test_two_softmax_outputs_say_the_log_odds(dataset: Path, tmp_path: Path) -> None:
    trained("jsl-image", dataset, tmp_path, jsl_outputs=2)
    network = ModelBundle.load(tmp_path).network
    features = torch.rand(3, network.heads["jsl"].in_features)
    two = torch.nn.functional.linear(features, network.heads["jsl"].weight, network.heads["jsl"].bias)
    risk = torch.softmax(two, dim=1)[:, 1]
    torch.testing.assert_close(torch.sigmoid(network.forward_head(features)["jsl"][:, 0]), risk)


def test_a_batch_in_micro_batches_is_the_same_step(dataset: Path, tmp_path: Path) -> None:
    # A network without batch statistics, which depend on what is computed together.
    plain = {"backbone": "squeezenet1_1", "augment": "none", "precision": "fp32"}
    whole = trained("kl", dataset, tmp_path / "whole", **plain, of={"dropout": 0.0})
    parts = trained("kl", dataset, tmp_path / "parts", **plain, of={"dropout": 0.0, "accumulate": 3})
    assert parts[0].train_loss == pytest.approx(whole[0].train_loss, rel=1e-4)
    assert parts[0].val_loss == pytest.approx(whole[0].val_loss, rel=1e-3)


def test_training_stops_when_it_gets_no_better(dataset: Path, tmp_path: Path) -> None:
    still = {"epochs": 9, "patience": 2, "lr": 1e-12, "optimizer": "sgd", "dropout": 0.0, "average": 0.999}
    history = trained("kl", dataset, tmp_path, of=still, augment="none", backbone="squeezenet1_1")
    best = [report.epoch for report in history if report.best]
    assert len(history) == best[-1] + 2 < 9
    assert [report.last for report in history] == [False] * (len(history) - 1) + [True]
    assert len(pd.read_csv(tmp_path / "history.csv")) == len(history)


def test_the_epoch_of_the_best_score_is_kept_where_asked_for(dataset: Path, tmp_path: Path) -> None:
    trained("kl", dataset, tmp_path, of={"epochs": 6, "lr": 3e-3, "keep": "score"})
    history = pd.read_csv(tmp_path / "history.csv")
    assert history.loc[history["kept"], "epoch"].item() == history.loc[history["val_kappa"].idxmax(), "epoch"]
    predictions = pd.read_csv(tmp_path / "predictions.csv").query("split == 'val'")
    likeliest = predictions[[f"kl_{grade}" for grade in range(5)]].to_numpy().argmax(axis=1)
    kappa = cohen_kappa_score(predictions["BL_KL_grade"], likeliest, weights="quadratic", labels=range(5))
    assert kappa == pytest.approx(history["val_kappa"].max(), abs=1e-6)


def test_a_plateau_lowers_the_rate_as_pytorch_does() -> None:
    losses = [1.0, 0.9, 0.95, 0.91, 0.92, 0.8, 0.85, 0.85, 0.85, 0.85, 0.7]
    settings = RegimeSettings(schedule="plateau", lr=1.0, step_epochs=3, step_factor=0.1)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    # PyTorch waits one epoch more than its `patience`.
    theirs = ReduceLROnPlateau(optimizer, factor=0.1, patience=2, threshold=0.0)
    for epoch, loss in enumerate(losses, start=1):
        theirs.step(loss)
        assert learning_rate(epoch, settings, losses[:epoch]) == pytest.approx(
            optimizer.param_groups[0]["lr"]
        )


def test_the_rate_warms_up() -> None:
    settings = RegimeSettings(schedule="constant", lr=1.0, warm_up=2)
    rates = [learning_rate(progress, settings) for progress in (0.0, 0.5, 1.0, 2.0, 5.0)]
    assert rates == pytest.approx([0.04, 0.28, 0.52, 1.0, 1.0])


def test_training_that_diverges_is_one_clear_line(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"diverged in epoch 1: the loss is no number; lower lr"):
        trained("kl", dataset, tmp_path, of={"lr": 1e18, "schedule": "constant", "optimizer": "sgd"})


def test_short_gpu_memory_halves_the_batch_and_says_so(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jsl_core.learning.model.networks import KneeNetwork

    forward = KneeNetwork.forward_features

    def fits(most: int) -> None:
        def limited(self: KneeNetwork, images: torch.Tensor, scale: float = 1) -> torch.Tensor:
            if torch.is_grad_enabled() and len(images) > most:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return forward(self, images, scale)

        monkeypatch.setattr(KneeNetwork, "forward_features", limited)

    plain = {"backbone": "squeezenet1_1", "augment": "seed", "precision": "fp32"}
    trained("kl", dataset, tmp_path / "planned", **plain, of={"dropout": 0.0, "accumulate": 4})
    fits(4)
    short = trained("kl", dataset, tmp_path / "short", **plain, of={"dropout": 0.0})
    assert short[0].micro_batches == 4
    assert "batches in 4 pieces as the GPU's memory is short" in str(short[0])
    model = "model.safetensors"
    assert (tmp_path / "short" / model).read_bytes() == (tmp_path / "planned" / model).read_bytes()
    fits(0)
    with pytest.raises(BadSettings, match="one image does not fit into the GPU's memory"):
        trained("kl", dataset, tmp_path / "none", **plain)


def test_the_cnn_can_be_compiled(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[Any] = []

    def compile_(function: Any) -> Any:  # the real compiler takes most of a minute
        compiled.append(function)
        return function

    monkeypatch.setattr(torch, "compile", compile_)
    trained("kl", dataset, tmp_path, compile=True)
    assert len(compiled) == 1
