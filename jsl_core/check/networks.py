"""The networks of a run: a detector of one's own, initial weights, and the device."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from jsl_core.check.finding import Findings
from jsl_core.config import CropSettings, PipelineSettings, TrainingSettings, keyed_settings
from jsl_core.errors import BadSettings, DetectorError, JslError
from jsl_core.storage import FolderStore, Memo, cache_folder
from jsl_core.system.code_key import code_key

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


def check_weights(
    settings: PipelineSettings, findings: Findings, deep: bool, *, remembered: bool = False
) -> None:
    """Check that the backbone exists, and that its initial weights are there and fit it.

    Args:
        settings: The run's.
        findings: Gets what is wrong.
        deep: Whether the network is built, for which PyTorch is loaded: a run that has nothing to train takes
            half of its time for that.
        remembered: Whether a network that was built on this machine from the same settings, files and code
            counts as built.
    """
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
    network = _NetworkOnThisMachine(settings)
    if remembered and network.was_built():
        return
    from jsl_core.learning.model.backbones import build_backbone

    weights = "none" if _would_download(training) else training.weights
    with findings.catch():
        build_backbone(training.backbone, training.channels, settings.pack.size, weights)
        if weights != training.weights:
            findings.facts.append(f"the ImageNet weights of {training.backbone} come from the network")
        if remembered:
            network.remember()


class _NetworkOnThisMachine:
    """Whether a network was built before; the cache folder remembers it, as a check writes into no store."""

    def __init__(self, settings: PipelineSettings) -> None:
        self._settings = settings

    def was_built(self) -> bool:
        with suppress(JslError):  # building it tells what is wrong
            memo, item = self._memo()
            return memo.get(item) is not None
        return False

    def remember(self) -> None:
        with suppress(JslError):
            memo, item = self._memo()
            memo.put(item, True)

    def _memo(self) -> tuple[Memo, dict[str, Any]]:
        training = keyed_settings(self._settings.training)
        item = {name: training[name] for name in ("backbone", "channels", "weights")}
        item["size"] = self._settings.pack.size
        store = FolderStore(cache_folder() / "networks")
        return Memo(store, code_key(check_weights, exact=True).digest), item


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
