"""Settings of the networks and the regimes that train them."""

from typing import Literal

from pydantic import Field

from jsl_core.config.base import Settings

__all__ = ["Regime", "RegimeSettings", "TrainingSettings"]

Regime = Literal["kl", "jsl-image", "jsl-joint-frozen", "jsl-joint", "multitask"]

_IMAGE = (
    "backbone",
    "channels",
    "weights",
    "normalise",
    "mirror_left",
    "augment",
    "inherit_heads",
    "precision",
    "device",
)
_FACTORS = ("factors", "scale_factors")


class RegimeSettings(Settings):
    """How one regime is trained."""

    epochs: int = Field(10, ge=1, title="Epochs")
    batch: int = Field(16, ge=2, title="Batch")
    lr: float = Field(1e-3, gt=0, title="Learning rate")
    backbone_lr: float = Field(
        1.0,
        gt=0,
        title="Backbone's rate",
        description="Learning rate of the CNN as a multiple of the head's.",
    )
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
    freeze_lr: float = Field(
        1e-3, gt=0, title="Frozen rate", description="Learning rate of the head in the frozen epochs."
    )
    average: float = Field(
        0.0, ge=0, lt=1, title="Weight average", description="Decay per step of a moving average; 0: none."
    )


class TrainingSettings(Settings):
    """The network and its regimes."""

    regimes: tuple[Regime, ...] = Field(
        ("kl", "jsl-image", "jsl-joint-frozen", "jsl-joint", "multitask"),
        title="Regimes",
        description="jsl-image starts from kl, and jsl-joint from jsl-image.",
    )
    backbone: str = Field(
        "jslnet",
        title="Backbone",
        description="jslnet (small, for processors), or any classification network of torchvision by name.",
    )
    channels: Literal[1, 3] = Field(
        1, title="Channels", description="Show the network one grey channel, or three equal ones (the seed)."
    )
    weights: str = Field(
        "none",
        title="Initial weights",
        description="none, imagenet (downloaded), or the path of a file or bundle.",
    )
    factors: Literal["all", "clinical"] = Field(
        "all", title="Risk factors", description="clinical leaves out expert KL grade and alignment."
    )
    scale_factors: bool = Field(
        True, title="Scale factors", description="Standardise the risk factors. Off in the seed."
    )
    factor_width: int = Field(128, ge=1, title="Factor layer", description="Width of the risk-factor layer.")
    factor_nonlinear: bool = Field(True, title="Non-linear factors", description="Off in the seed.")
    risk_model: Literal["logistic", "boosting"] = Field(
        "logistic", title="Risk-factor model", description="Logistic regression, or boosted trees (the seed)."
    )
    normalise: Literal["none", "imagenet", "image"] = Field(
        "image",
        title="Normalise",
        description="Standardise each image, use ImageNet's statistics, or neither (the seed).",
    )
    mirror_left: bool = Field(True, title="Mirror left knees", description="Off in the seed.")
    augment: Literal["none", "seed", "strong"] = Field(
        "strong", title="Augmentation", description="seed: ±5° rotation. strong: affine and photometric."
    )
    kl_loss: Literal["softmax", "ordinal"] = Field("ordinal", title="KL loss")
    baseline: bool = Field(
        True, title="Baseline", description="Also fit the risk factors alone, where the table has them."
    )
    multitask_from_kl: bool = Field(
        True, title="Multi-task from KL", description="Start multi-task from the kl network. Off in the seed."
    )
    inherit_heads: bool = Field(
        True,
        title="Inherit heads",
        description="A head that the parent has too goes on from there. Off in the seed: heads start anew.",
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", title="Precision", description="auto: bf16 where the processor or GPU has it in hardware."
    )
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

    def parent_of(self, regime: Regime) -> Regime | None:
        """The regime whose network this one starts from, if any."""
        parents: dict[Regime, Regime | None] = {
            "kl": None,
            "jsl-image": "kl",
            "jsl-joint-frozen": "jsl-image",
            "jsl-joint": "jsl-image",
            "multitask": "kl" if self.multitask_from_kl else None,
        }
        return parents[regime]

    def only(self, regime: Regime | None = None) -> "TrainingSettings":
        """What one regime depends on (None: the baseline without images); all else is set to its default."""
        matters = {"seed"}
        if regime is None:
            matters |= {*_FACTORS, "risk_model"}
        else:
            matters |= {*_IMAGE, regime.replace("-", "_")}
        if regime in ("kl", "multitask"):
            matters |= {"kl_loss"}
        if regime in ("jsl-joint-frozen", "jsl-joint"):
            matters |= {*_FACTORS, "factor_width", "factor_nonlinear"}
        return TrainingSettings(**{name: getattr(self, name) for name in matters})
