"""Makes a grader of a bundle: its network as ONNX with half-precision weights, and what is usual to it."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from torch import nn

from jsl_core import __version__
from jsl_core.errors import BundleError
from jsl_core.learning.model.bundle import ModelBundle
from jsl_core.learning.model.grader import Grader, UsualKnees, ask_grader, prepare_images, summarise_maps
from jsl_core.learning.model.grader_record import FORMAT, NETWORK, RECORD, USUAL
from jsl_core.learning.model.grader_weights import HALF, import_onnx
from jsl_core.learning.model.record import write_json
from jsl_core.storage.artifact import Artifact
from jsl_core.storage.proof import with_proof
from jsl_core.system.files import replace_atomically, write_atomically

__all__ = ["export_grader", "fit_usual_knees"]

_OPSET = 13  # what OpenCV 4 and ONNX Runtime both read
_MIDDLE = 4  # the stage of blocks whose maps tell a knee from other pictures (docs/kl.md)
_LEAST_VARIANCE = 1e-4  # of a direction, beside the widest one's
_STRANGE_SHARE = 0.99  # of held-back knees that are not strange
_BATCH = 16

Images = NDArray[np.uint8]


def export_grader(
    bundle: ModelBundle,
    folder: Path,
    usual: Images,
    held_back: Images,
    *,
    crop_field: float,
    made: dict[str, Any],
) -> Grader:
    """Write a grader and load it again.

    Args:
        bundle: A model with a linear head for the grade on an EfficientNet-Lite, of one grey channel.
        folder: Of the grader.
        usual: Crops that the bundle learned from, uint8 N×S×S, left knees mirrored if it mirrors them.
        held_back: Others, that it did not learn from, likewise: nearly all of them are to be usual.
        crop_field: Side of the crops to be cut from films, as a multiple of the detected joint's box.
        made: How, from what and with which settings; goes into the record.

    Raises:
        BundleError: The bundle is another model, or the package onnx is missing.
    """
    _check_bundle(bundle)
    spec = bundle.network.spec
    top, bottom = (round(share * spec.size) for share in spec.band)
    model = _write_network(bundle.network, bottom - top, spec.size)
    folder.mkdir(parents=True, exist_ok=True)
    with write_atomically(folder / NETWORK) as file:
        file.write(model)
    net = cv2.dnn.readNetFromONNX(np.frombuffer(model, np.uint8))
    head = bundle.network.state_dict()["heads.kl.weight"].numpy()
    knees = fit_usual_knees(_features(net, usual, spec.band), head)
    with replace_atomically(folder / USUAL) as temporary:
        save_file(vars(knees), temporary)
    distances = knees.distance(_features(net, held_back, spec.band))
    record = {
        "format": FORMAT,
        "version": __version__,
        "size": spec.size,
        "band": list(spec.band),
        "mirror_left": bundle.mirror_left,
        "flip": bundle.flip,
        "temperature": bundle.temperature["kl"],
        "crop_field": crop_field,
        "strange_from": max(float(np.quantile(distances, _STRANGE_SHARE)), 1e-6),
        "made": made,
        "probe": np.round(ask_grader(net, spec.size, spec.band).astype(float), 4).tolist(),
        "files": {name: Artifact.of_file(folder / name).sha256 for name in (NETWORK, USUAL)},
    }
    write_json(folder / RECORD, with_proof(record))
    return Grader.load(folder)


def _check_bundle(bundle: ModelBundle) -> None:
    spec = bundle.network.spec
    fits = (
        spec.heads == ("kl",)
        and spec.kl_head == "linear"
        and "efficientnet_lite" in spec.backbone
        and spec.channels == 1
        and spec.normalise == "image"
    )
    if not fits:
        raise BundleError(
            f"{bundle.regime} on {spec.backbone}: a grader is a kl bundle on timm/tf_efficientnet_lite0…4 "
            "with one channel and normalise = image; train one with preset kl"
        )


def fit_usual_knees(features: NDArray[np.float32], head: NDArray[np.float32]) -> UsualKnees:
    """Describe where the features N×D of usual knees lie; `head` is 5×E."""
    mean = features.mean(0, dtype=np.float64)
    variances, columns = np.linalg.eigh(np.cov(features.T.astype(np.float64)))
    spread = np.sqrt(np.maximum(variances, max(_LEAST_VARIANCE * variances[-1], 1e-12)))
    values = (mean, columns.T, spread, head)
    # In rows: safetensors writes an array's memory as it lies, and so a transposed one turned back.
    return UsualKnees(*(np.ascontiguousarray(value, np.float32) for value in values))


def _features(net: Any, images: Images, band: tuple[float, float]) -> NDArray[np.float32]:
    parts = []
    for start in range(0, len(images), _BATCH):
        net.setInput(prepare_images(images[start : start + _BATCH], band))
        parts.append(summarise_maps(np.array(net.forward("middle"))))
    return np.concatenate(parts)


def _write_network(network: Any, height: int, width: int) -> bytes:
    """The ONNX file of a network, for images N×1×height×width that are prepared."""
    graph = _Graph(import_onnx())
    backbone = network.backbone
    size = (height, width)
    x = "images"
    x, size = graph.add_convolution(backbone.conv_stem, "backbone.conv_stem", x, size)
    x = graph.add_norm(backbone.bn1, "backbone.bn1", x)
    for stage_number, stage in enumerate(backbone.blocks):
        for number, block in enumerate(stage):
            x, size = graph.add_block(block, f"backbone.blocks.{stage_number}.{number}", x, size)
        if stage_number == _MIDDLE:
            x = graph.add_node("Identity", x, output="middle")
            middle = [stage[-1].conv_pwl.out_channels, *size]
    x, size = graph.add_convolution(backbone.conv_head, "backbone.conv_head", x, size)
    maps = graph.add_norm(backbone.bn2, "backbone.bn2", x, output="maps")
    features = graph.add_node("Flatten", graph.add_node("GlobalAveragePool", maps))
    head = network.heads["kl"]
    weights = [
        graph.add_constant(f"heads.kl.{name}", getattr(head, name).detach().numpy())
        for name in ("weight", "bias")
    ]
    graph.add_node("Gemm", features, *weights, output="kl", transB=1)
    return graph.to_bytes(
        (height, width), {"kl": [5], "middle": middle, "maps": [backbone.conv_head.out_channels, *size]}
    )


class _Graph:
    """Collects the nodes and constants of an ONNX graph; `add_…` return the name of what they add."""

    def __init__(self, onnx: Any) -> None:
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add_node(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        name = output or f"t{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def add_constant(self, name: str, values: NDArray[np.float32]) -> str:
        to_tensor = self.onnx.numpy_helper.from_array
        if values.ndim < 2:
            self.constants.append(to_tensor(values, name))
            return name
        self.constants.append(to_tensor(values.astype(np.float16), name + HALF))
        return self.add_node("Cast", name + HALF, output=name, to=self.onnx.TensorProto.FLOAT)

    def add_convolution(
        self, layer: nn.Conv2d, name: str, x: str, size: tuple[int, int]
    ) -> tuple[str, tuple[int, int]]:
        """A convolution padded as TensorFlow's SAME, with what is odd on the right and below."""
        kernel, stride = layer.kernel_size[0], layer.stride[0]
        after = -(-size[0] // stride), -(-size[1] // stride)
        spare = [max((many - 1) * stride + kernel - side, 0) for many, side in zip(after, size, strict=True)]
        x = self.add_node(
            "Conv", x, self.add_constant(f"{name}.weight", layer.weight.detach().numpy()),
            kernel_shape=[kernel] * 2, strides=[stride] * 2, group=layer.groups,
            pads=[*(pixels // 2 for pixels in spare), *(pixels - pixels // 2 for pixels in spare)],
        )  # fmt: skip
        return x, after

    def add_norm(self, layer: Any, name: str, x: str, output: str = "") -> str:
        """A batch norm and, where it has one, its ReLU6."""
        statistics = [
            self.add_constant(f"{name}.{part}", getattr(layer, part).detach().numpy())
            for part in ("weight", "bias", "running_mean", "running_var")
        ]
        linear = isinstance(layer.act, nn.Identity)
        x = self.add_node(
            "BatchNormalization", x, *statistics, output=output if linear else "", epsilon=layer.eps
        )
        if linear:
            return x
        edges = [self.add_constant(f"{name}.{edge}", np.array(edge, np.float32)) for edge in (0, 6)]
        return self.add_node("Clip", x, *edges, output=output)

    def add_block(self, block: Any, name: str, x: str, size: tuple[int, int]) -> tuple[str, tuple[int, int]]:
        """One block of an EfficientNet-Lite: its convolutions in turn, and what skips them."""
        start = x
        layers = ("conv_pw", "conv_dw", "conv_pwl") if hasattr(block, "conv_pwl") else ("conv_dw", "conv_pw")
        for number, layer in enumerate(layers, 1):
            x, size = self.add_convolution(getattr(block, layer), f"{name}.{layer}", x, size)
            x = self.add_norm(getattr(block, f"bn{number}"), f"{name}.bn{number}", x)
        return (self.add_node("Add", x, start) if block.has_skip else x), size

    def to_bytes(self, size: tuple[int, int], outputs: dict[str, list[int]]) -> bytes:
        helper, float32 = self.onnx.helper, self.onnx.TensorProto.FLOAT
        model = helper.make_model(
            helper.make_graph(
                self.nodes,
                "grader",
                [helper.make_tensor_value_info("images", float32, ["n", 1, *size])],
                [
                    helper.make_tensor_value_info(name, float32, ["n", *shape])
                    for name, shape in outputs.items()
                ],
                self.constants,
            ),
            opset_imports=[helper.make_opsetid("", _OPSET)],
            ir_version=8,
            producer_name="jsl",
        )
        self.onnx.checker.check_model(model)
        return bytes(model.SerializeToString())
