"""A packed dataset on the device that trains: images, labels and encoded risk factors."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import nn

from jsl_core.cohort.columns import GRADE, PROGRESSION
from jsl_core.cohort.factors import FactorEncoder
from jsl_core.dataset import PackedDataset
from jsl_core.errors import BadSettings
from jsl_core.learning.augment import to_float

__all__ = ["DeviceData", "Precision", "autocast", "pick_device"]

Precision = Literal["auto", "fp32", "bf16"]


@dataclass(frozen=True)
class DeviceData:
    """Row i of each tensor is row i of the dataset's table.

    `images` uint8 N×1×S×S; `mirrored` bool N; `factors` float N×F or None; `grades` long N and
    `progressed` float N, both -1 where missing.
    """

    images: torch.Tensor
    mirrored: torch.Tensor
    factors: torch.Tensor | None
    grades: torch.Tensor
    progressed: torch.Tensor

    @classmethod
    def of(
        cls, dataset: PackedDataset, encoder: FactorEncoder | None, mirror_left: bool, device: torch.device
    ) -> "DeviceData":
        table = dataset.table
        left = dataset.left if mirror_left else np.zeros(len(table), bool)
        return cls(
            images=torch.from_numpy(np.asarray(dataset.images)).unsqueeze(1).to(device),
            mirrored=torch.from_numpy(left).to(device),
            factors=torch.from_numpy(encoder.transform(table)).to(device) if encoder else None,
            grades=torch.tensor(table[GRADE].fillna(-1).to_numpy(np.int64)).to(device),
            progressed=torch.tensor(table[PROGRESSION].fillna(-1).to_numpy(np.float32)).to(device),
        )

    def pixels(self, rows: torch.Tensor) -> torch.Tensor:
        """Float B×1×S×S in 0…1, mirrored, not augmented, laid out as convolutions like it."""
        pixels = to_float(self.images[rows], self.mirrored[rows])
        return pixels.contiguous(memory_format=torch.channels_last)

    def factors_of(self, rows: torch.Tensor) -> torch.Tensor | None:
        return None if self.factors is None else self.factors[rows]


def pick_device(wanted: Literal["auto", "cpu", "cuda"], gpu: int = 0) -> torch.device:
    """`auto` takes GPU number `gpu` where there is one. Raises `BadSettings`."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise BadSettings("no CUDA GPU can be used here; set device to auto or cpu")
    if wanted == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", gpu)


def autocast(
    precision: Precision, device: torch.device, network: nn.Module, keep_casts: bool = True
) -> torch.autocast:
    """Mixed precision: `auto` means bf16 where it is faster. `keep_casts`: weights are cast once for a pass.

    Emulated bf16 is slower than fp32, on processors without AVX512-BF16 as on older GPUs. And a processor
    convolves depth-wise in bf16 at half the pace: on one core of an EPYC 9004 a MobileNetV3-small took 25 ms
    an image in bf16, 14 in fp32; an EfficientNet-B0 103 and 87; a ResNet-18 57 and 123.
    """
    if precision == "auto":
        if device.type == "cuda":
            faster = torch.cuda.is_bf16_supported(including_emulation=False)
        else:
            native = getattr(torch.cpu, "_is_avx512_bf16_supported", bool)()
            faster = native and not any(map(_is_depthwise, network.modules()))
        precision = "bf16" if faster else "fp32"
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16", cache_enabled=keep_casts)


def _is_depthwise(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1
