"""The device that computes, and its precision."""

from typing import Literal

import torch
from torch import nn

from jsl_core.errors import BadSettings

__all__ = ["Precision", "autocast", "pick_device"]

Precision = Literal["auto", "fp32", "bf16"]


def pick_device(setting: Literal["auto", "cpu", "cuda"], gpu: int = 0) -> torch.device:
    """The device that the setting names; `auto` takes GPU number `gpu` where there is one.

    Raises:
        BadSettings: `cuda` is asked for where no GPU can be used.
    """
    if setting == "cuda" and not torch.cuda.is_available():
        raise BadSettings("no CUDA GPU can be used here; set device to auto or cpu")
    if setting == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", gpu)


def autocast(
    precision: Precision, device: torch.device, network: nn.Module, cache_casts: bool = True
) -> torch.autocast:
    """The context in which `network` computes in mixed precision, or in full precision.

    Emulated bf16 is slower than fp32, on processors without AVX512-BF16 as on older GPUs. And a processor
    convolves depth-wise in bf16 at half the pace: on one core of an EPYC 9004 a MobileNetV3-small took 25 ms
    an image in bf16, 14 in fp32; an EfficientNet-B0 103 and 87; a ResNet-18 57 and 123.

    Args:
        precision: `auto` means bf16 where it is faster.
        device: Where the network lies.
        network: Whose layers decide on a processor.
        cache_casts: Whether weights are cast once a pass rather than at every use.
    """
    if precision == "auto":
        if device.type == "cuda":
            faster = torch.cuda.is_bf16_supported(including_emulation=False)
        else:
            native = getattr(torch.cpu, "_is_avx512_bf16_supported", bool)()
            faster = native and not any(map(_is_depthwise, network.modules()))
        precision = "bf16" if faster else "fp32"
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16", cache_enabled=cache_casts)


def _is_depthwise(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1
