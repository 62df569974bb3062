"""Darknet's `.weights`: a header, then the float32 parameters of each convolution in the cfg's order."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jsl_core.detection.layout import Layout
from jsl_core.errors import DetectorError
from jsl_core.system.files import write_atomically

__all__ = ["read_weights", "save_weights", "weights_bytes"]

HEADER_BYTES = (
    20  # major, minor, revision as int32, then images trained on as uint64 (int32 before version 0.2)
)
OLD_HEADER_BYTES = 16
VERSION = (0, 2, 5)  # what AlexeyAB's Darknet writes


def read_weights(layout: Layout, path: Path) -> dict[str, NDArray[np.float32]]:
    """Read the weights of a layout from a `.weights` file.

    Raises:
        DetectorError: Where the file cannot be read or does not fit the layout exactly.
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
    expected = header + 4 * sum(math.prod(shape) for _, shape in layout.parameters())
    if len(data) != expected:
        raise DetectorError(
            f"{path.name} has {len(data)} bytes, the cfg needs {expected}; "
            f"{'the file is cut short' if len(data) < expected else 'they are not a pair'}"
        )
    numbers = np.frombuffer(data, "<f4", offset=header)
    if not np.isfinite(numbers).all():
        raise DetectorError(f"{path.name} holds numbers that are not finite; train or copy the weights again")
    weights, start = {}, 0
    for name, shape in layout.parameters():
        stop = start + math.prod(shape)
        weights[name] = numbers[start:stop].reshape(shape).astype(np.float32)
        start = stop
    return weights


def weights_bytes(layout: Layout, weights: Mapping[str, NDArray[np.float32]]) -> bytes:
    """The contents of a network's `.weights` file, as Darknet and OpenCV read it."""
    header = np.array(VERSION, "<i4").tobytes() + np.uint64(0).tobytes()
    return header + b"".join(weights[name].astype("<f4").tobytes() for name, _ in layout.parameters())


def save_weights(layout: Layout, weights: Mapping[str, NDArray[np.float32]], path: Path) -> None:
    """Write a network's weights as a `.weights` file, whole or not at all.

    Raises:
        StoreError: Where the file cannot be written.
    """
    with write_atomically(path) as file:
        file.write(weights_bytes(layout, weights))
