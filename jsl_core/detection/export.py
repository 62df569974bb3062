"""The detector for others: Darknet's cfg and weights, or ONNX."""

from pathlib import Path
from typing import Literal

from jsl_core.detection.cfg import write_cfg
from jsl_core.detection.darknet import save_weights, settled
from jsl_core.detection.network import Network
from jsl_core.detection.onnx import save_onnx

__all__ = ["Format", "export_detector"]

Format = Literal["darknet", "onnx"]


def export_detector(network: Network, folder: Path, how: Format) -> list[Path]:
    """Write `knee.cfg` and `knee.weights`, or `knee.onnx`, into a folder; gives the files' paths."""
    folder.mkdir(parents=True, exist_ok=True)
    if how == "onnx":
        save_onnx(network, folder / "knee.onnx")
        return [folder / "knee.onnx"]
    cfg, weights = folder / "knee.cfg", folder / "knee.weights"
    cfg.write_text(write_cfg(network.sections), encoding="utf-8")
    save_weights(settled(network), weights)
    return [cfg, weights]
