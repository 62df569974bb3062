"""Preset `seed` is the notebooks' recipe, row by row."""

import numpy as np
import pandas as pd
import pytest

from jsl_core.cohort import FactorEncoder
from jsl_core.config import Regime, pipeline_preset
from jsl_core.training.schedule import learning_rate


@pytest.mark.parametrize(
    ("regime", "epochs", "rates"),
    [  # the rate at the start of some epochs, counted from 0
        ("kl", 10, {0: 1e-4, 4: 1e-4, 5: 5e-5, 9: 5e-5}),
        ("jsl-image", 15, {0: 5e-5, 5: 2.5e-5, 10: 1.25e-5}),
        ("jsl-joint-frozen", 10, {0: 1e-3, 3: 8e-4, 6: 6.4e-4, 9: 5.12e-4}),
        ("jsl-joint", 20, {1: 5e-5, 19: 5e-5}),
        ("multitask", 20, {0: 1e-4, 5: 5e-5, 10: 2.5e-5, 15: 1.25e-5}),
    ],
)
def test_epochs_and_rates_of_a_regime(regime: Regime, epochs: int, rates: dict[int, float]) -> None:
    chosen = pipeline_preset("seed").training.of(regime)
    assert (chosen.epochs, chosen.batch, chosen.optimizer) == (epochs, 16, "adam")
    assert (chosen.weight_decay, chosen.dropout, chosen.average, chosen.backbone_lr) == (0, 0, 0, 1)
    assert chosen.balance == ("none" if regime == "kl" else "halve")
    for epoch, rate in rates.items():
        assert learning_rate(epoch, chosen) == pytest.approx(rate)


def test_the_cnn_of_the_unfrozen_regime_is_held_for_the_first_epoch() -> None:
    joint = pipeline_preset("seed").training.jsl_joint
    assert (joint.freeze_epochs, joint.freeze_lr) == (1, 1e-3)


def test_the_network_and_its_inputs() -> None:
    settings = pipeline_preset("seed")
    training = settings.training
    assert (training.backbone, training.weights, training.channels) == ("vgg16", "imagenet", 3)
    assert (training.normalise, training.mirror_left, training.augment) == ("none", False, "seed")
    assert (training.factor_width, training.factor_nonlinear, training.scale_factors) == (128, False, False)
    assert (training.kl_loss, training.kl_weight, training.jsl_outputs) == ("softmax", 1, 1)
    assert (training.parent_of("jsl-image"), training.parent_of("multitask")) == ("kl", None)
    assert training.parent_of("jsl-joint") == training.parent_of("jsl-joint-frozen") == "jsl-image"
    assert (settings.pack.size, settings.pack.split_by, settings.crop.margin_px) == (224, "knee", 5)
    assert round(settings.pack.val * 4163) == round(settings.pack.test * 4163) == 300


def test_every_other_preset_corrects_the_seed_s_errors() -> None:
    for name in ("demo", "best"):
        settings = pipeline_preset(name)
        training = settings.training
        assert settings.pack.split_by == "participant"
        assert training.mirror_left
        assert training.scale_factors
        assert training.factor_nonlinear or name == "demo"  # measured: docs/training.md
        assert training.normalise != "none"
        assert training.augment == "strong"
        assert all(training.of(regime).balance == "none" for regime in training.regimes)
        assert all(training.of(regime).weight_decay > 0 for regime in training.regimes)
        assert all(training.of(regime).dropout > 0 for regime in training.regimes)


def test_what_is_kept_imputed_and_told_is_the_notebooks_way() -> None:
    settings = pipeline_preset("seed")
    training = settings.training
    assert training.kl.keep == "accuracy"
    assert training.jsl_image.keep == training.jsl_joint.keep == training.multitask.keep == "score"
    assert (training.impute, training.second_look, training.calibrate, training.stack) == (
        "seed",
        False,
        False,
        False,
    )
    assert (settings.crop.score, settings.crop.nms_iou) == (0.5, 0.45)
    assert settings.evaluate.saliency == "gradient"
    assert settings.evaluate.call == "likeliest"


def test_missing_factors_are_the_mean_and_no_injury() -> None:
    rows = pd.DataFrame(
        {
            "Age": [50.0, 60.0, 61.0],
            "Sex": [1.0, 1.0, 2.0],
            "BMI": [20.0, 30.0, np.nan],
            "Knee_Injury": [1.0, 1.0, np.nan],
            "Alignment_degree": [0.0, 0.0, 3.0],
            "Race": [1.0, 1.0, 2.0],
            "BL_KL_grade": [2.0, 2.0, 3.0],
        }
    )
    seed = FactorEncoder.fit(rows, "all", False, "seed")
    fill = dict(zip(seed.columns, seed.fill, strict=True))
    assert (fill["Age"], fill["BMI"], fill["Alignment_degree"], fill["Knee_Injury"]) == (57, 25, 1, 0)
    typical = FactorEncoder.fit(rows, "all", False)
    assert dict(zip(typical.columns, typical.fill, strict=True))["Knee_Injury"] == 1
