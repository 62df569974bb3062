"""The notebooks' own models (`KL_prediction.pt`, `joint_model.pt`, `multi_tasking_vgg.pt`) as bundles."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import cast

import pandas as pd
import torch
from torch import nn

from jsl_core.cohort.factors import FactorEncoder
from jsl_core.config.training_presets import training_preset
from jsl_core.errors import BadTable, BundleError
from jsl_core.learning.model.bundle import ModelBundle
from jsl_core.learning.model.networks import KneeNetwork
from jsl_core.learning.model.safe_unpickle import read_tensors
from jsl_core.learning.model.spec import NetworkSpec
from jsl_core.system.files import write_atomically

__all__ = ["import_notebook_model"]

_SIZE = 224  # of the notebooks' crops
_FEATURES = 512  # of VGG16 after global pooling
_GRADES = 5
_UNKNOWN = "imported"  # in place of the digest of a dataset


def import_notebook_model(file: Path, out: Path, cohort: pd.DataFrame | None = None) -> str:
    """Make a bundle of a VGG16 with the notebooks' heads, whatever its layers are called.

    Tensors are known by their shapes and their order: 13 convolutions, then layers 512→5 (grade), 512→1 or 2
    (progression), and of a joint model 14→K (risk factors) and 512 + K→1 or 2.

    Args:
        file: A state dict or a whole module that torch.save wrote; it is not run.
        out: Folder of the bundle.
        cohort: Rows whose means fill missing risk factors, as in the notebooks; a joint model needs it.

    Returns:
        The regime that the model is of.

    Raises:
        BundleError: The file cannot be read, or is no such network.
        BadTable: The model takes risk factors and there is no cohort, or one without a factor.
    """
    tensors = list(read_tensors(file).values())
    layers = _linear_layers(file, tensors)
    spec = _spec(file, layers)
    network = KneeNetwork(spec)
    _fill_backbone(file, network, tensors)
    for name, (weight, bias) in layers.items():
        target = cast(nn.Sequential, network.factor_branch)[0] if name == "factors" else network.heads[name]
        target.load_state_dict({"weight": weight, "bias": bias})
    encoder = None
    if spec.inputs:
        if cohort is None:
            raise BadTable(f"{file}: takes risk factors; give --cohort, whose means fill what is missing")
        encoder = FactorEncoder.fit(cohort, "all", scaled=False, impute="seed")
    alone = "jsl-joint" if spec.inputs else "jsl-image"
    regime = "multitask" if len(spec.heads) > 1 else "kl" if "kl" in spec.heads else alone
    ModelBundle(
        regime=regime,
        network=network.eval(),
        factors=encoder,
        mirror_left=False,
        temperature=dict.fromkeys(spec.heads, 1.0),
        prior_shift=0.0,
        thresholds={"jsl": 0.5} if "jsl" in spec.heads else {},
        dataset=_UNKNOWN,
        parent="",
        settings=training_preset("seed").model_dump(mode="json"),
    ).save(out)
    with write_atomically(out / "card.md") as card:
        card.write(_card(regime, file).encode())
    return regime


def _linear_layers(file: Path, tensors: list[torch.Tensor]) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Weight and bias of the heads and the factor branch, by what they are."""
    layers: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
    for weight, bias in pairwise(tensors):
        if weight.ndim != 2 or bias.shape != weight.shape[:1]:
            continue
        outputs, inputs = weight.shape
        if (outputs, inputs) == (_GRADES, _FEATURES):
            name = "kl"
        elif outputs in (1, 2) and inputs >= _FEATURES:
            name = "jsl"
        else:
            name = "factors"
        if name in layers and name == "jsl" and inputs < layers[name][0].shape[1]:
            continue  # of a joint model the head that its CNN had before
        layers[name] = weight, bias
    if "factors" in layers:
        layers.pop("kl", None)
    if not layers.keys() & {"kl", "jsl"}:
        raise BundleError(
            f"{file}: has no layer {_FEATURES}→{_GRADES}, 1 or 2; it is no model of the notebooks"
        )
    return layers


def _spec(file: Path, layers: dict[str, tuple[torch.Tensor, torch.Tensor]]) -> NetworkSpec:
    heads = tuple(name for name in ("kl", "jsl") if name in layers)
    spec = NetworkSpec("vgg16", 3, _SIZE, "none", heads)
    if "jsl" in layers:
        spec = replace(spec, jsl_outputs=len(layers["jsl"][0]))
    if "factors" in layers:
        width, inputs = layers["factors"][0].shape
        spec = replace(spec, inputs=inputs, factor_width=width, factor_nonlinear=False)
    wide = layers["jsl"][0].shape[1] if "jsl" in layers else _FEATURES
    factors = spec.factor_width if spec.inputs else 0
    known = 14  # encoded risk factors, in the notebooks' order
    if wide != _FEATURES + factors or spec.inputs not in (0, known) or (spec.inputs and "kl" in heads):
        raise BundleError(
            f"{file}: its layers are not the notebooks' (512 features, {known} risk factors); train anew"
        )
    return spec


def _fill_backbone(file: Path, network: KneeNetwork, tensors: list[torch.Tensor]) -> None:
    """Copy the convolutions, which lie in the file in the order of the network."""
    convolutions = [
        tensor
        for weight, bias in pairwise(tensors)
        if weight.ndim == 4 and bias.ndim == 1
        for tensor in (weight, bias)
    ]
    own = network.backbone.state_dict()
    if [tensor.shape for tensor in convolutions] != [tensor.shape for tensor in own.values()]:
        raise BundleError(f"{file}: its convolutions are not those of VGG16; train anew")
    network.backbone.load_state_dict(dict(zip(own, convolutions, strict=True)))


def _card(regime: str, file: Path) -> str:
    return "\n".join(
        [
            f"# {regime}, imported",
            "",
            "For research only. Not a medical device; not validated for any clinical use.",
            "",
            f"- Imported from {file.name}, as the notebooks trained it: on whom is not known here",
            "- Risks are neither calibrated nor set back from halved stable knees; threshold 0.5, not chosen",
            "- Crops: 224 pixels, the detector's box with 5 pixels around it, left knees as they are",
            "",
        ]
    )
