"""The recipes `demo`, `seed`, `best` and `kl` of the training stage, as data."""

from typing import Literal

from jsl_core.config.training import RegimeSettings, TrainingSettings

__all__ = ["training_preset"]


def training_preset(name: Literal["demo", "seed", "best", "kl"]) -> TrainingSettings:
    """The training settings of a preset.

    `demo` learns five regimes from a few hundred small crops on two processor cores, from shipped weights.
    `best` is for a cohort of thousands, ImageNet weights and a GPU. `kl` grades knees only: ImageNet weights
    from a package, a network and a field of view that two processor cores can fine-tune (docs/kl.md).

    `seed` is the notebooks' recipe with its flaws: ImageNet weights without ImageNet's normalisation, left
    knees not mirrored, ±5° rotation as the only augmentation, no decay, no dropout, risk factors unscaled
    and through a linear layer, so that the network is linear in them. What was a fault of the notebooks
    rather than of the recipe is not repeated: the optimizer rebuilt at every epoch, the wrong network saved,
    no random seed, imputation from all rows, a missing sex read as female, test sets of halved prevalence,
    KL trained on another split. Splitting by knee is `PackSettings.split_by`.
    """
    return {"demo": _demo, "seed": _seed, "best": _best, "kl": _kl}[name]()


def _demo() -> TrainingSettings:
    fine = RegimeSettings(epochs=10, batch=16, lr=1e-3, backbone_lr=0.3, average=0.95)
    return TrainingSettings(
        backbone="jslnet",
        weights="shipped",
        band=(0.26, 0.815),  # of crops of 1.45 plateau widths, what the weights saw of tighter ones
        joint_from="multitask",
        factor_nonlinear=False,  # hundreds of knees tell no more of fourteen factors
        kl=RegimeSettings(
            epochs=24, batch=16, lr=3e-3, backbone_lr=0.5, freeze_epochs=3, freeze_lr=1e-2, average=0.95
        ),
        jsl_image=fine,
        jsl_joint_frozen=RegimeSettings(epochs=30, batch=16, lr=1e-2, average=0.99, hold_heads=True),
        jsl_joint=fine,
        multitask=fine,
    )


def _seed() -> TrainingSettings:
    def recipe(epochs: int, lr: float, factor: float = 0.5, every: int = 5) -> RegimeSettings:
        return RegimeSettings(
            epochs=epochs,
            batch=16,
            lr=lr,
            optimizer="adam",
            schedule="step",
            step_epochs=every,
            step_factor=factor,
            weight_decay=0.0,
            dropout=0.0,
            keep="score",
        )

    halved = {"balance": "halve"}
    return TrainingSettings(
        backbone="vgg16",
        channels=3,
        weights="imagenet",
        factors="all",
        scale_factors=False,
        factor_width=128,
        factor_nonlinear=False,
        risk_model="boosting",
        normalise="none",
        mirror_left=False,
        augment="seed",
        kl_loss="softmax",
        multitask_from_kl=False,
        inherit_heads=False,
        stack=False,
        impute="seed",
        second_look=False,
        calibrate=False,
        precision="fp32",
        kl=recipe(10, 1e-4).model_copy(update={"keep": "accuracy"}),
        jsl_image=recipe(15, 5e-5).model_copy(update=halved),
        jsl_joint_frozen=recipe(10, 1e-3, factor=0.8, every=3).model_copy(update=halved),
        jsl_joint=recipe(20, 5e-5).model_copy(
            update={**halved, "schedule": "constant", "freeze_epochs": 1, "freeze_lr": 1e-3}
        ),
        multitask=recipe(20, 1e-4).model_copy(update=halved),
    )


def _best() -> TrainingSettings:
    def recipe(epochs: int, lr: float) -> RegimeSettings:
        return RegimeSettings(
            epochs=epochs, batch=32, lr=lr, backbone_lr=0.2, weight_decay=0.05, dropout=0.3, average=0.998
        )

    return TrainingSettings(
        backbone="convnext_tiny",
        weights="imagenet",
        normalise="imagenet",
        joint_from="multitask",
        kl=recipe(30, 1e-3),
        jsl_image=recipe(20, 3e-4),
        jsl_joint_frozen=RegimeSettings(
            epochs=60, batch=64, lr=1e-3, weight_decay=0.1, dropout=0.3, hold_heads=True
        ),
        jsl_joint=recipe(15, 2e-4).model_copy(update={"freeze_epochs": 1}),
        multitask=recipe(20, 3e-4),
    )


def _kl() -> TrainingSettings:
    return TrainingSettings(
        regimes=("kl",),
        backbone="timm/tf_efficientnet_lite0",
        weights="imagenet",
        band=(52 / 224, 196 / 224),  # of crops of 1.25 plateau widths, down to the head of the fibula
        augment="wide",
        baseline=False,
        kl=RegimeSettings(
            epochs=24, batch=32, lr=1.5e-3, weight_decay=0.02, average=0.998, small_epochs=10, small=2 / 3
        ),
    )
