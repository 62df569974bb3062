"""The networks of a run: a detector of one's own, initial weights, and the device."""

import os
from pathlib import Path

from jsl_core.check.finding import Findings
from jsl_core.config import CropSettings, PipelineSettings, TrainingSettings
from jsl_core.errors import BadSettings, DetectorError

__all__ = ["check_detector", "check_device", "check_weights"]


def check_detector(settings: CropSettings, findings: Findings, deep: bool) -> None:
    """Check that the user's own cfg and weights are there, and, if `deep`, that they are a pair."""
    if bool(settings.cfg) != bool(settings.weights):
        findings.stop(
            DetectorError("a detector of your own needs both cfg and weights; give both or neither")
        )
    missing = False
    for name in ("cfg", "weights"):
        path = getattr(settings, name)
        if path and not os.path.isfile(path):
            missing = True
            findings.stop(
                DetectorError(f"crop.{name} {path}: no such file; mend the path, or leave it empty")
            )
    if deep and settings.cfg and settings.weights and not missing:
        from jsl_core.detection.model import load_model  # OpenCV's import takes a moment

        with findings.catch():
            load_model(Path(settings.cfg), Path(settings.weights))


def check_weights(settings: PipelineSettings, findings: Findings, deep: bool) -> None:
    """Check that the backbone exists, and that its initial weights are there and fit it."""
    training = settings.training
    if training.weights not in ("none", "imagenet", "shipped") and not os.path.exists(training.weights):
        findings.stop(
            BadSettings(
                f"training.weights {training.weights}: no such file; "
                "give none, imagenet, shipped, a file or a bundle"
            )
        )
        return
    if not deep:
        return
    from jsl_core.learning.model.backbones import build_backbone

    weights = "none" if _would_download(training) else training.weights
    with findings.catch():
        build_backbone(training.backbone, training.channels, settings.pack.size, weights)
        if weights != training.weights:
            findings.facts.append(f"the ImageNet weights of {training.backbone} come from the network")


def _would_download(training: TrainingSettings) -> bool:
    """Whether ImageNet weights may have to be fetched: none comes with a package that is installed."""
    return (
        training.weights == "imagenet"
        and training.backbone != "jslnet"
        and not training.packages_of("weights")
    )


def check_device(settings: PipelineSettings, findings: Findings) -> None:
    """Check that the device asked for is there, and tell which one trains."""
    import torch

    from jsl_core.training.device import pick_device

    with findings.catch():
        device = pick_device(settings.training.device)
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else "the processor"
        findings.facts.append(f"{name} trains")
