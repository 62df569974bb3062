"""A network as its files hold it: layout and weights, and what can be done to them without computing."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from jsl_core.detection.cfg import Section, format_cfg, read_cfg
from jsl_core.detection.darknet import read_weights
from jsl_core.detection.half_precision import save_half_precision
from jsl_core.detection.layout import Convolution, Layout, detector_layout, read_layout
from jsl_core.errors import DetectorError
from jsl_core.system.files import write_atomically

__all__ = [
    "VARIANCE_FLOOR",
    "Model",
    "Weights",
    "fuse_batchnorm",
    "load_model",
    "normalise_batchnorm_variance",
    "read_safetensors",
    "save_model",
    "to_one_channel",
]

VARIANCE_FLOOR = 1e-5  # what Darknet adds to a batch norm's variance

Weights = Mapping[str, NDArray[np.float32]]
"""By the names that PyTorch's state has them under, such as `layers.0.1.running_mean`."""


@dataclass(frozen=True)
class Model:
    """A network's layout and all of its weights."""

    layout: Layout
    weights: Weights


def load_model(cfg: Path, weights: Path) -> Model:
    """Load a detector's network from a cfg and its weights: `.safetensors`, or Darknet's own.

    Raises:
        DetectorError: Where a file cannot be read, or the two are no pair.
    """
    layout = detector_layout(read_cfg(cfg))
    if weights.suffix != ".safetensors":
        return Model(layout, read_weights(layout, weights))
    no_pair = f"{weights.name} does not hold the weights of {cfg.name}; are they a pair?"
    return Model(layout, read_safetensors(layout, weights, no_pair)[0])


def read_safetensors(layout: Layout, path: Path, no_pair: str) -> tuple[Weights, Mapping[str, str]]:
    """Read the weights of a layout, and what the file says beside them.

    Args:
        layout: Whose weights the file should hold.
        path: The file.
        no_pair: What to say where it holds others, or is damaged.

    Raises:
        DetectorError: Where the file cannot be read, does not fit the layout, or holds what is not finite.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            # The batch norms' step counters mean nothing once trained.
            names = [name for name in file.keys() if not name.endswith("num_batches_tracked")]  # noqa: SIM118
            weights = {name: np.asarray(file.get_tensor(name), np.float32) for name in names}
    except OSError as error:
        raise DetectorError(f"{path} cannot be read; check the path of the weights") from error
    except Exception as error:  # safetensors has many ways to dislike a file
        raise DetectorError(no_pair) from error
    if {name: array.shape for name, array in weights.items()} != dict(layout.parameters()):
        raise DetectorError(no_pair)
    if not all(np.isfinite(array).all() for array in weights.values()):
        raise DetectorError(f"{path.name} holds numbers that are not finite; train or copy the weights again")
    return weights, metadata


def save_model(model: Model, cfg: Path, weights: Path) -> None:
    """Write a network as a cfg and half-precision safetensors, each file whole or not at all.

    Raises:
        StoreError: Where a file cannot be written.
    """
    save_half_precision(model.weights, weights)
    with write_atomically(cfg) as file:
        file.write(format_cfg(model.layout.sections).encode())


def to_one_channel(model: Model) -> Model:
    """Turn a network into one of a single grey channel that gives the same maps in fewer operations.

    Equal channels meet the sum of their kernels. A network of grouped first kernels stays as it is.
    """
    layout, first = model.layout, model.layout.layers[0]
    if layout.channels == 1 or not isinstance(first, Convolution) or first.groups != 1:
        return model
    net = Section("net", {**layout.sections[0].options, "channels": "1"})
    kernel = model.weights["layers.0.0.weight"].sum(1, keepdims=True, dtype=np.float32)
    grey = read_layout((net, *layout.sections[1:]))
    return Model(grey, {**model.weights, "layers.0.0.weight": kernel})


def normalise_batchnorm_variance(model: Model) -> Model:
    """The same network with variances of 1 in its batch norms.

    Darknet adds 1e-5 to a variance, OpenCV's importer 1e-6: a difference where a channel hardly varies.
    """
    weights = dict(model.weights)
    for name, variance in model.weights.items():
        if name.endswith(".running_var"):
            scale = name.replace("running_var", "weight")
            weights[scale] = weights[scale] * np.sqrt((1 + VARIANCE_FLOOR) / (variance + VARIANCE_FLOOR))
            weights[name] = np.ones_like(variance)
    return replace(model, weights={name: array.astype(np.float32) for name, array in weights.items()})


def fuse_batchnorm(model: Model, number: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Kernel O×I×K×K and bias O of a convolution that computes the same as one and its batch norm.

    Args:
        model: The network.
        number: Of the convolution among its layers.
    """
    weights = {
        name.partition(f"layers.{number}.")[2]: array
        for name, array in model.weights.items()
        if name.startswith(f"layers.{number}.")
    }
    kernel = weights["0.weight"]
    if "0.bias" in weights:
        return kernel, weights["0.bias"]
    scale = weights["1.weight"] / np.sqrt(weights["1.running_var"] + np.float32(VARIANCE_FLOOR))
    return kernel * scale[:, None, None, None], weights["1.bias"] - weights["1.running_mean"] * scale
