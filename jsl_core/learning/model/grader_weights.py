"""The weights in a grader's file, under the network's own names."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from jsl_core.errors import BundleError

__all__ = ["HALF", "import_onnx", "read_network_weights"]

HALF = ".half"  # ends the names of what is kept in half precision, and cast as the file is read


def read_network_weights(file: Path) -> dict[str, torch.Tensor]:
    """The weights in a grader's ONNX file under the network's own names, for a training to start from.

    Raises:
        BundleError: The file cannot be read, or the package onnx is missing.
    """
    onnx = import_onnx()
    try:
        model = onnx.load(str(file))
    except FileNotFoundError:
        raise
    except Exception as error:  # protobuf has many ways to dislike a file
        raise BundleError(f"{file}: not readable weights; copy the grader again") from error
    return {
        value.name.removesuffix(HALF): torch.from_numpy(onnx.numpy_helper.to_array(value).astype(np.float32))
        for value in model.graph.initializer
    }


def import_onnx() -> Any:
    """The package onnx.

    Raises:
        BundleError: It is not installed.
    """
    try:
        import onnx  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise BundleError("a grader's file needs the package onnx; pip install onnx") from error
    return onnx
