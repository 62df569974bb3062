"""Darknet's `.weights`: a header, then the float32 parameters of each convolution in the cfg's order."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from jsl_core.detection.layers import ConvBlock
from jsl_core.errors import DetectorError
from jsl_core.system.files import write_atomically

__all__ = ["load_weights", "normalise_batchnorm_variance", "save_weights", "weights_bytes"]

HEADER_BYTES = (
    20  # major, minor, revision as int32, then images trained on as uint64 (int32 before version 0.2)
)
OLD_HEADER_BYTES = 16
VERSION = (0, 2, 5)  # what AlexeyAB's Darknet writes


class DarknetLayers(Protocol):
    """A network whose layers follow the sections of a cfg."""

    layers: nn.ModuleList


NetworkT = TypeVar("NetworkT", bound=DarknetLayers)


def _parameters(network: DarknetLayers) -> Iterator[Tensor]:
    """The tensors in the file's order: bias or batch norm (shift, scale, mean, variance), then the kernel."""
    for layer in network.layers:
        if isinstance(layer, ConvBlock):
            if layer.norm is not None:
                shift, scale = layer.norm.bias, layer.norm.weight
                mean, variance = layer.norm.running_mean, layer.norm.running_var
                assert mean is not None
                assert variance is not None
                yield from (shift, scale, mean, variance)
            elif layer.conv.bias is not None:
                yield layer.conv.bias
            yield layer.conv.weight


def load_weights(network: DarknetLayers, path: Path) -> None:
    """Fill a network from a `.weights` file.

    Raises:
        DetectorError: Where the file cannot be read or does not fit the network exactly.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DetectorError(f"{path.name} cannot be read; check the path of the weights") from error
    if len(data) < HEADER_BYTES:
        raise DetectorError(f"{path.name} has {len(data)} bytes, less than a header; copy the weights again")
    major, minor = (int(number) for number in np.frombuffer(data, "<i4", 2))
    if not (major == 0 and 0 <= minor <= 2):
        raise DetectorError(
            f"{path.name} is no Darknet weights file of version 0.1 or 0.2; is it another format?"
        )
    header = HEADER_BYTES if minor == 2 else OLD_HEADER_BYTES
    expected = header + 4 * sum(tensor.numel() for tensor in _parameters(network))
    if len(data) != expected:
        raise DetectorError(
            f"{path.name} has {len(data)} bytes, the cfg needs {expected}; "
            f"{'the file is cut short' if len(data) < expected else 'they are not a pair'}"
        )
    numbers = np.frombuffer(data, "<f4", offset=header)
    if not np.isfinite(numbers).all():
        raise DetectorError(f"{path.name} holds numbers that are not finite; train or copy the weights again")
    start = 0
    with torch.no_grad():
        for tensor in _parameters(network):
            stop = start + tensor.numel()
            tensor.copy_(torch.from_numpy(numbers[start:stop].copy()).view_as(tensor))
            start = stop


def normalise_batchnorm_variance(network: NetworkT) -> NetworkT:
    """Copy a network so that it computes the same with variances of 1 in its batch norms.

    Darknet adds 1e-5 to a variance, OpenCV's importer 1e-6: a difference where a channel hardly varies.
    """
    normalised = copy.deepcopy(network)
    for layer in normalised.layers:
        if isinstance(layer, ConvBlock) and (norm := layer.norm) is not None and norm.running_var is not None:
            with torch.no_grad():
                norm.weight.mul_(((1 + norm.eps) / (norm.running_var + norm.eps)).sqrt())
                norm.running_var.fill_(1.0)
    return normalised


def weights_bytes(network: DarknetLayers) -> bytes:
    """The contents of the network's `.weights` file, as Darknet and OpenCV read it."""
    header = np.array(VERSION, "<i4").tobytes() + np.uint64(0).tobytes()
    body = (tensor.detach().float().cpu().numpy().astype("<f4").tobytes() for tensor in _parameters(network))
    return header + b"".join(body)


def save_weights(network: DarknetLayers, path: Path) -> None:
    """Write a network's parameters as a `.weights` file, whole or not at all.

    Raises:
        StoreError: Where the file cannot be written.
    """
    with write_atomically(path) as file:
        file.write(weights_bytes(network))
