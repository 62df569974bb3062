"""Settings of the networks and the regimes that train them."""

from typing import Literal

from pydantic import Field

from jsl_core.config.base import Settings

__all__ = ["Regime", "RegimeSettings", "TrainingSettings"]

Regime = Literal["kl", "jsl-image", "jsl-joint-frozen", "jsl-joint", "multitask"]


class RegimeSettings(Settings):
    """How one regime is trained."""

    epochs: int = Field(10, ge=1, title="Epochs")
    batch: int = Field(16, ge=1, title="Batch")
    lr: float = Field(1e-4, gt=0, title="Learning rate")
    optimizer: Literal["adam", "adamw", "sgd"] = Field("adamw", title="Optimizer")
    schedule: Literal["constant", "step", "cosine", "one-cycle"] = Field("one-cycle", title="Schedule")
    step_epochs: int = Field(
        5, ge=1, title="Step length", description="Epochs between steps of the step schedule."
    )
    step_factor: float = Field(0.5, gt=0, le=1, title="Step factor")
    weight_decay: float = Field(0.01, ge=0, title="Weight decay")
    dropout: float = Field(0.2, ge=0, lt=1, title="Dropout")
    balance: Literal["none", "halve", "weights"] = Field(
        "none",
        title="Balance",
        description="Halve the stable knees of the training part, weight the loss 1:2, or neither.",
    )
    freeze_epochs: int = Field(
        0, ge=0, title="Frozen epochs", description="Epochs at the start in which the CNN stays frozen."
    )


class TrainingSettings(Settings):
    """The network and its three regimes."""

    regimes: tuple[Regime, ...] = Field(
        ("kl", "jsl-image", "jsl-joint-frozen", "jsl-joint", "multitask"),
        title="Regimes",
        description="jsl-image starts from kl, and jsl-joint from jsl-image.",
    )
    backbone: str = Field(
        "resnet18", title="Backbone", description="Any classification network of torchvision, by its name."
    )
    weights: str = Field(
        "none",
        title="Initial weights",
        description="none, imagenet (downloaded), or the path of a file or bundle.",
    )
    factors: Literal["all", "clinical"] = Field(
        "all", title="Risk factors", description="clinical leaves out expert KL grade and alignment."
    )
    factor_width: int = Field(128, ge=1, title="Factor layer", description="Width of the risk-factor layer.")
    factor_nonlinear: bool = Field(True, title="Non-linear factors", description="Off in the seed.")
    normalise: bool = Field(
        True, title="Normalise", description="Standardise the grey values. Off in the seed."
    )
    mirror_left: bool = Field(True, title="Mirror left knees", description="Off in the seed.")
    augment: Literal["none", "seed", "strong"] = Field(
        "strong", title="Augmentation", description="seed: ±5° rotation. strong: affine and photometric."
    )
    kl_loss: Literal["softmax", "ordinal"] = Field("ordinal", title="KL loss")
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", title="Precision")
    seed: int = Field(0, ge=0, title="Seed")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", title="Device")
    kl: RegimeSettings = RegimeSettings()
    jsl_image: RegimeSettings = RegimeSettings()
    jsl_joint_frozen: RegimeSettings = RegimeSettings()
    jsl_joint: RegimeSettings = RegimeSettings()
    multitask: RegimeSettings = RegimeSettings()

    def of(self, regime: Regime) -> RegimeSettings:
        """The settings of one regime, by its name on the command line."""
        settings: RegimeSettings = getattr(self, regime.replace("-", "_"))
        return settings
