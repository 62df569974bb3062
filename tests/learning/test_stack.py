"""A joint network begins as image and regression of the factors, weighed, and goes on using both."""

import dataclasses
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
import torch

from jsl_core.config import Regime, TrainingSettings
from jsl_core.learning.model.baseline import BaselineBundle
from jsl_core.learning.model.bundle import ModelBundle
from jsl_core.learning.model.networks import KneeNetwork
from jsl_core.learning.model.spec import NetworkSpec
from jsl_core.learning.regimes import TrainingJob, train_regime, train_risk_factors
from jsl_core.learning.regimes.stack import weigh_sources


@pytest.fixture(scope="module")
def image(dataset: Path, fast: TrainingSettings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of a network that sees the image."""
    folder = tmp_path_factory.mktemp("image")
    train_regime(TrainingJob("jsl-image", dataset, fast, folder))
    return folder


def factor_coefficients(folder: Path) -> np.ndarray:
    """Log odds per encoded factor of a joint network whose branch is linear."""
    bundle = ModelBundle.load(folder)
    network = bundle.network
    assert network.factor_branch is not None
    weights = network.heads["jsl"].weight[0, network.image_features :]
    return (weights @ network.factor_branch[0].weight).detach().numpy() / bundle.temperature["jsl"]


@pytest.mark.parametrize("regime", ["jsl-joint-frozen", "jsl-joint"])
def test_a_joint_network_uses_the_factors_as_much_as_the_baseline_does(
    dataset: Path, image: Path, fast: TrainingSettings, tmp_path: Path, regime: Regime
) -> None:
    linear = fast.model_copy(update={"factor_nonlinear": False})
    train_risk_factors(dataset, linear, tmp_path / "baseline")
    train_regime(TrainingJob(regime, dataset, linear, tmp_path / "joint", image))
    baseline = BaselineBundle.load(tmp_path / "baseline").coefficients
    joint = factor_coefficients(tmp_path / "joint")
    assert 0.4 < np.linalg.norm(joint) / np.linalg.norm(baseline) < 2.5
    assert np.corrcoef(joint, baseline)[0, 1] > 0.9
    rows = pd.read_csv(tmp_path / "joint" / "predictions.csv")
    total = rows["jsl_from_image"] + rows["jsl_from_factors"]
    np.testing.assert_allclose(1 / (1 + np.exp(-total)), rows["jsl_risk"], atol=1e-6)
    assert rows["jsl_from_factors"].std() > 0.2


@pytest.mark.parametrize("nonlinear", [False, True])
@pytest.mark.parametrize("outputs", [1, 2])
def test_a_stack_is_the_weighed_sum_of_both_sources(outputs: Literal[1, 2], nonlinear: bool) -> None:
    torch.manual_seed(0)
    spec = NetworkSpec(
        "jslnet", 1, 32, "image", ("jsl",), jsl_outputs=outputs, inputs=3, factor_nonlinear=nonlinear
    )
    network = KneeNetwork(spec).eval()
    network.start_from(KneeNetwork(dataclasses.replace(spec, inputs=0)), heads=True)
    images, factors, coefficients = (
        torch.rand(4, 1, 32, 32),
        torch.randn(4, 3),
        torch.tensor([0.5, -1.0, 0.2]),
    )
    before = network(images, factors)["jsl"][:, 0]
    network.set_stack(0.8, 0.6, coefficients, 0.3)
    both = network(images, factors)["jsl"][:, 0]
    torch.testing.assert_close(both, 0.8 * before + 0.6 * factors @ coefficients + 0.3, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network.factor_log_odds(factors), 0.6 * factors @ coefficients)


def test_sources_are_weighed_by_what_they_are_worth() -> None:
    rng = np.random.default_rng(0)
    known, noise = rng.normal(size=(2, 8000))
    sources = np.column_stack([known, noise])
    progressed = (rng.random(8000) < 1 / (1 + np.exp(-1.2 * known))).astype(float)
    assert weigh_sources(sources, progressed) == pytest.approx([1.2, 0.0, 0.0], abs=0.1)
    few = weigh_sources(sources[:8], progressed[:8])
    assert np.abs(few[:2] - 0.85).max() < 0.4  # of four participants the prior is not forgotten


def test_two_sources_are_no_worse_than_the_better_one_on_a_hundred_participants() -> None:
    gains = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        parts = rng.normal(size=(2, 2036))
        odds = 1.0 * parts[0] + 0.7 * parts[1] - 0.8
        progressed = (rng.random(2036) < 1 / (1 + np.exp(-odds))).astype(float)
        own, new = slice(0, 36), slice(36, None)  # eighteen participants to weigh the sources on
        sources = np.column_stack([parts[0], 0.7 * parts[1]])
        weights = weigh_sources(sources[own], progressed[own])
        better = max(_auc(progressed[new], column) for column in sources[new].T)
        gains.append(_auc(progressed[new], sources[new] @ weights[:2]) - better)
    assert np.mean([gain > -0.01 for gain in gains]) >= 0.9
    assert np.mean(gains) > 0.01


def _auc(progressed: np.ndarray, risk: np.ndarray) -> float:
    ranks = risk.argsort().argsort() + 1
    cases = int(progressed.sum())
    return float((ranks[progressed == 1].sum() - cases * (cases + 1) / 2) / (cases * (len(risk) - cases)))
