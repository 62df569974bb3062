"""Export of a detector: Darknet's cfg and weights, or ONNX."""

import os
from pathlib import Path
from typing import Literal

from jsl_core.detection.cfg import format_cfg
from jsl_core.detection.darknet import save_weights
from jsl_core.detection.model import Model, normalise_batchnorm_variance
from jsl_core.detection.onnx import save_onnx
from jsl_core.errors import StoreError
from jsl_core.system.files import write_atomically

__all__ = ["Format", "export_detector"]

Format = Literal["darknet", "onnx"]
_NAME = "knee"


def export_detector(model: Model, folder: Path, file_format: Format) -> list[Path]:
    """Write `knee.cfg` and `knee.weights`, or `knee.onnx`, into a folder, which is made where it is missing.

    Returns:
        The paths of the files.

    Raises:
        StoreError: Where the folder is a file or cannot be written.
        DetectorError: Where the package `onnx` is needed and not installed.
    """
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise StoreError(f"{folder}: is a file; name a folder to export to")
    if file_format == "onnx":
        path = folder / f"{_NAME}.onnx"
        save_onnx(model, path)
        return [path]
    cfg, weights = folder / f"{_NAME}.cfg", folder / f"{_NAME}.weights"
    with write_atomically(cfg) as file:
        file.write(format_cfg(model.layout.sections).encode())
    save_weights(model.layout, normalise_batchnorm_variance(model).weights, weights)
    return [cfg, weights]
