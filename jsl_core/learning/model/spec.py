"""What a network is, as a value: enough to build it again, without PyTorch."""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict

__all__ = ["NetworkSpec"]


@dataclass(frozen=True)
class NetworkSpec:
    """All that is needed to build a network again.

    Attributes:
        backbone: `jslnet`, a classification network of torchvision, or `timm/` and one of timm.
        channels: Of the images that the backbone takes.
        size: Side of the crops in pixels.
        normalise: How grey values are normalised (see `Normalise`).
        heads: What is predicted.
        kl_head: Kind of the head for the grade.
        jsl_head: Kind of the head for progression: log odds of the label, a log hazard (`cox`), or the log
            odds of the hazard in each interval of time (`discrete`).
        jsl_outputs: 1, or 2 for a softmax over stable and progressed; of a discrete head the intervals.
        inputs: Number of encoded risk factors, 0 for none. With some and a `kl` head, the grade that the
            network reads from the image is a risk factor, too.
        factor_width: Outputs of the factor branch.
        factor_nonlinear: Whether it ends with a ReLU.
        dropout: Share of the features that the heads lose in training.
        band: The rows of each crop that the backbone gets, from and to, as shares of its height.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)  # of reading

    backbone: str
    channels: Literal[1, 3]
    size: int
    normalise: Literal["none", "imagenet", "image"]
    heads: tuple[Literal["kl", "jsl"], ...]
    kl_head: Literal["linear", "coral"] = "linear"
    jsl_head: Literal["label", "cox", "discrete"] = "label"
    jsl_outputs: int = 1
    inputs: int = 0
    factor_width: int = 128
    factor_nonlinear: bool = True
    dropout: float = 0.0
    band: tuple[float, float] = (0.0, 1.0)

    def to_json(self) -> dict[str, Any]:
        """The fields as `bundle.json` holds them; `NetworkRecord` reads them back."""
        return asdict(self)
