"""One network for all regimes: normalisation, backbone, optional factor branch, one head per label."""

from collections.abc import Iterable
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from jsl_core.learning.model.backbones import build_backbone, feature_count
from jsl_core.learning.model.heads import build_head
from jsl_core.learning.model.spec import NetworkSpec

__all__ = ["FEATURE_HEAD", "KneeNetwork"]

FEATURE_HEAD = "oarsi"  # there while a network is trained, see regimes/feature_head.py

# Mean over the three channels of the ImageNet statistics that torchvision's networks were trained with.
_IMAGENET_GREY = (0.449, 0.226)
_EVEN = 8  # sides of reduced images are multiples of it: strides then lose no border


class Normalise(nn.Module):
    """Grey values 0…1, B×1×H×W, to what the backbone expects, B×C×H×W; statistics are buffers.

    Args:
        how: `none` leaves the values, `imagenet` takes the statistics of ImageNet, `image` standardises each
            image by itself, so that exposure drops out.
        channels: C.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, how: Literal["none", "imagenet", "image"], channels: int) -> None:
        super().__init__()
        mean, std = _IMAGENET_GREY if how == "imagenet" else (0.0, 1.0)
        self.per_image = how == "image"
        self.channels = channels
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("std", torch.tensor(std))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Normalise images B×1×H×W."""
        if self.per_image:
            std, mean = torch.std_mean(images, (1, 2, 3), keepdim=True)
            images = (images - mean) / (std + 1e-3)  # an image of one grey value becomes 0
        images = (images - self.mean) / self.std
        return images.expand(-1, self.channels, -1, -1)


class KneeNetwork(nn.Module):
    """Images, and where the regime has them risk factors, to logits by head: `kl` B×5, `jsl` B×1 or B×K.

    Args:
        spec: What is built.
        weights: Of the backbone (see `build_backbone`).
    """

    def __init__(self, spec: NetworkSpec, weights: str = "none") -> None:
        super().__init__()
        self.spec = spec
        self.normalise = Normalise(spec.normalise, spec.channels)
        self.backbone = build_backbone(spec.backbone, spec.channels, spec.size, weights)
        height = self.view(torch.zeros(1, 1, spec.size, spec.size)).shape[2]
        self.image_features = width = feature_count(self.backbone, spec.channels, height, spec.size)
        self.factor_branch: nn.Module | None = None
        if spec.inputs:
            inputs = spec.inputs + (5 if "kl" in spec.heads else 0)
            branch: list[nn.Module] = [nn.Linear(inputs, spec.factor_width)]
            if spec.factor_nonlinear:
                branch.append(nn.ReLU())
            self.factor_branch = nn.Sequential(*branch)
            width += spec.factor_width
        self.dropout = nn.Dropout(spec.dropout)
        self.heads = nn.ModuleDict(
            {
                label: build_head(
                    label,
                    self.image_features if label == "kl" else width,
                    spec.kl_head,
                    spec.jsl_head,
                    spec.jsl_outputs,
                )
                for label in spec.heads
            }
        )

    def view(self, images: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
        """The rows B×1×H×S of images B×1×S×S that the backbone gets, with `scale` below 1 in fewer pixels."""
        top, bottom = (round(share * images.shape[2]) for share in self.spec.band)
        band = images[:, :, top:bottom]
        if scale == 1:
            return band
        size = [max(_EVEN, round(side * scale / _EVEN) * _EVEN) for side in band.shape[2:]]
        return functional.interpolate(band, size=size, mode="bilinear", antialias=True)

    def check_scale(self, scale: float) -> None:
        """Check that the backbone takes images reduced by `scale`.

        Raises:
            BadSettings: It does not.
        """
        side = self.spec.size
        height, width = self.view(torch.zeros(1, 1, side, side), scale).shape[2:]
        feature_count(self.backbone, self.spec.channels, height, width)

    def forward_features(self, images: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
        """Float images in 0…1, B×1×S×S, to features B×D; `scale` is that of `view`."""
        features: torch.Tensor = self.backbone(self.normalise(self.view(images, scale)))
        return features

    def forward_head(
        self, features: torch.Tensor, factors: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        """Features B×D and encoded risk factors B×F to logits by head."""
        outputs: dict[str, torch.Tensor] = {}
        if "kl" in self.heads:
            outputs["kl"] = self.heads["kl"](self.dropout(features))
        if self.training and FEATURE_HEAD in self.heads:
            outputs[FEATURE_HEAD] = self.heads[FEATURE_HEAD](self.dropout(features))
        if self.factor_branch is not None and factors is not None:
            if "kl" in outputs:  # progression's loss must not bend what the grade means
                grades = outputs["kl"].detach().softmax(dim=1)
                factors = torch.cat([factors, grades.to(factors.dtype)], dim=1)
            features = torch.cat([features, self.factor_branch(factors)], dim=1)
        if "jsl" in self.heads:
            outputs["jsl"] = self.heads["jsl"](self.dropout(features))
        return outputs

    def forward(self, images: torch.Tensor, factors: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        """Float images in 0…1, B×1×S×S, and encoded risk factors B×F to logits by head."""
        return self.forward_head(self.forward_features(images), factors)

    def start_from(self, parent: "KneeNetwork", heads: bool) -> frozenset[str]:
        """Copy the parent's backbone and, with `heads`, its heads' weights on the features of the image.

        Risk factors then begin without weight, so that the first logits are the parent's. A head of another
        kind than the parent's keeps its own weights.

        Returns:
            Names of the heads that were copied.
        """
        self.backbone.load_state_dict(parent.backbone.state_dict())
        copied = set()
        for name in self.heads.keys() & parent.heads.keys() if heads else ():
            theirs, own = parent.heads[name].state_dict(), self.heads[name].state_dict()
            if theirs.keys() == own.keys() and all(len(theirs[key]) == len(own[key]) for key in own):
                self.heads[name].load_state_dict({key: _widen(theirs[key], own[key]) for key in own})
                copied.add(name)
        return frozenset(copied)

    @property
    def has_room_for_stack(self) -> bool:
        """Whether `set_stack` can write the risk factors' log odds into the factor branch."""
        return self.factor_branch is not None and "jsl" in self.heads and self._copies > 0

    @property
    def _copies(self) -> int:
        """Outputs of the factor branch that share the factors' log odds: dropout then loses little."""
        return min(
            max(self.spec.factor_width // 4, 1), self.spec.factor_width // (1 + self.spec.factor_nonlinear)
        )

    @torch.no_grad()
    def set_stack(
        self,
        image_scale: float,
        factor_weight: float,
        coefficients: torch.Tensor,
        intercept: float | torch.Tensor,
    ) -> None:
        """Make the log odds of progression a weighed sum of the present ones and a regression of the factors.

        Args:
            image_scale: Multiplies the present log odds.
            factor_weight: Multiplies the regression's.
            coefficients: The regression's, of the F encoded factors.
            intercept: Added to the sum; of a head with K intervals may be K.
        """
        head, branch = self.heads["jsl"], self.factor_branch
        linear = branch[0] if isinstance(branch, nn.Sequential) else None
        if not isinstance(head, nn.Linear) or not isinstance(linear, nn.Linear):
            raise TypeError("a head of progression and a factor branch that are linear")
        head.weight[:, : self.image_features].mul_(image_scale)
        head.bias.mul_(image_scale)
        own = slice(None) if self.spec.jsl_head == "discrete" else slice(-1, None)  # of two outputs the last
        head.bias[own] += torch.as_tensor(intercept).to(head.bias)
        for number, sign in enumerate((1, -1) if self.spec.factor_nonlinear else (1,)):
            units = slice(number * self._copies, (number + 1) * self._copies)
            linear.weight[units] = 0
            linear.weight[units, : len(coefficients)] = sign * coefficients.to(linear.weight)
            linear.bias[units] = 0
            columns = slice(self.image_features + units.start, self.image_features + units.stop)
            head.weight[own, columns] = sign * factor_weight / self._copies

    @torch.no_grad()
    def set_prior(self, log_odds: torch.Tensor) -> None:
        """Let the head of progression begin with the log odds of its K intervals, the same for all knees."""
        head = self.heads["jsl"]
        if not isinstance(head, nn.Linear):
            raise TypeError("a head of progression that is linear")
        head.bias.copy_(log_odds)

    def factor_log_odds(self, factors: torch.Tensor, grades: torch.Tensor | None = None) -> torch.Tensor:
        """What the risk factors add to the log odds of progression, B; of K intervals their mean.

        Args:
            factors: Encoded, B×F.
            grades: Logits B×5 of the grade that the network reads, where it does.
        """
        if grades is not None:
            factors = torch.cat([factors, grades.softmax(dim=1).to(factors.dtype)], dim=1)
        branch, head = self.factor_branch, self.heads["jsl"]
        if branch is None or not isinstance(head, nn.Linear):
            raise TypeError("a network without risk factors")
        added: torch.Tensor = branch(factors) @ head.weight[:, self.image_features :].T
        if self.spec.jsl_head == "discrete":
            return added.mean(dim=1)
        return added[:, -1] - (added[:, 0] if added.shape[1] == 2 else 0)

    def image_weights(self, heads: Iterable[str]) -> list[torch.Tensor]:
        """Views of the weights, each ·×D, by which these heads read the features of the image."""
        weights = (weight for name in heads for weight in self.heads[name].parameters() if weight.ndim == 2)
        return [weight.detach()[:, : self.image_features] for weight in weights]


def _widen(weight: torch.Tensor, wide: torch.Tensor) -> torch.Tensor:
    """`weight` with columns of zeros for the inputs that only `wide` has."""
    widened = torch.zeros_like(wide)
    widened[..., : weight.shape[-1]] = weight
    return widened
