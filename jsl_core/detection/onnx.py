"""ONNX export: the cfg's layers as an ONNX graph, whose outputs are boxes and scores."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from jsl_core.detection.layers import LEAKY_SLOPE, ConvBlock, MaxPool, Route, Shortcut
from jsl_core.detection.network import Head, Network
from jsl_core.errors import DetectorError

__all__ = ["save_onnx"]

OPSET = 13  # the oldest with per-axis Split and Resize as used here; read by OpenCV 4, 5 and ONNX Runtime


def save_onnx(network: Network, path: Path) -> None:
    """Write a network as ONNX. Raises DetectorError where the package `onnx` is not installed.

    Input `images`: N×C×H×W float32 in 0…1. Outputs `boxes`: N×M×4 (x1, y1, x2, y2 in pixels of the input) and
    `scores`: N×M×classes, M being all anchors of all heads, before non-maximum suppression.
    """
    try:
        import onnx  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise DetectorError(
            "ONNX export needs the package onnx; install it with `pip install onnx`."
        ) from error
    graph = _Graph(onnx)
    outputs = graph.network(network)
    width, height = network.size
    float32 = onnx.TensorProto.FLOAT
    anchors = sum(
        len(head.anchors) * (width // head.stride) * (height // head.stride) for head in network.heads
    )
    shapes = (("boxes", 4), ("scores", network.heads[0].classes))
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            [*graph.nodes, *graph.join(outputs)],
            "joint_detector",
            [onnx.helper.make_tensor_value_info("images", float32, ["n", network.channels, height, width])],
            [
                onnx.helper.make_tensor_value_info(name, float32, ["n", anchors, last])
                for name, last in shapes
            ],
            graph.constants,
        ),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=8,
        producer_name="jsl",
    )
    onnx.checker.check_model(model)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(model.SerializeToString())
    partial.replace(path)


class _Graph:
    """Nodes and constants in the making; every method gives the name of the tensor it made."""

    def __init__(self, onnx: Any) -> None:
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, values: NDArray[Any] | Tensor) -> str:
        array = values.detach().float().cpu().numpy() if isinstance(values, Tensor) else values
        name = f"c{len(self.constants)}"
        self.constants.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def network(self, network: Network) -> list[tuple[str, str]]:
        """The graph of a network; gives the names of boxes N×M×4 and scores N×M×classes of every head."""
        made: list[str] = []
        outputs: list[tuple[str, str]] = []
        heads = iter(network.heads)
        x = "images"
        for layer, section in zip(network.layers, network.sections[1:], strict=True):
            if isinstance(layer, ConvBlock):
                x = self._convolution(layer, x, section.options.get("activation", "linear"))
            elif isinstance(layer, MaxPool):
                before, after = layer.padding
                pads = [before, before, after, after]
                x = self.node(
                    "MaxPool", x, kernel_shape=[layer.size] * 2, strides=[layer.stride] * 2, pads=pads
                )
            elif isinstance(layer, Route):
                x = self._route(layer, made)
            elif isinstance(layer, Shortcut):
                x = self.node("Add", *(made[source] for source in layer.sources))
            elif section.kind == "upsample":
                factor = float(section.integer("stride", 2))
                scales = self.constant(np.array([1, 1, factor, factor], np.float32))
                rounding = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
                x = self.node("Resize", x, "", scales, mode="nearest", **rounding)
            elif section.kind == "yolo":
                outputs.append(self._decode(x, next(heads), network.size))
            made.append(x)
        return outputs

    def _convolution(self, layer: ConvBlock, x: str, activation: str) -> str:
        kernel, bias = layer.fused()
        size, stride, padding = layer.conv.kernel_size[0], layer.conv.stride[0], layer.conv.padding[0]
        x = self.node("Conv", x, self.constant(kernel), self.constant(bias), kernel_shape=[size] * 2,
                      strides=[stride] * 2, pads=[int(padding)] * 4, group=layer.conv.groups)  # fmt: skip
        if activation == "leaky":
            return self.node("LeakyRelu", x, alpha=LEAKY_SLOPE)
        if activation == "mish":
            return self.node("Mul", x, self.node("Tanh", self.node("Softplus", x)))
        return x

    def _route(self, layer: Route, made: list[str]) -> str:
        parts = [self._group(made[source], layer.groups, layer.group) for source in layer.sources]
        return self.node("Concat", *parts, axis=1) if len(parts) > 1 else parts[0]

    def _group(self, x: str, groups: int, group: int) -> str:
        if groups == 1:
            return x
        names = [f"t{len(self.nodes)}_{index}" for index in range(groups)]
        self.nodes.append(self.onnx.helper.make_node("Split", [x], names, axis=1))
        return names[group]

    def _slice(self, x: str, axis: int, start: int, stop: int) -> str:
        ends = (self.constant(np.array([value], np.int64)) for value in (start, stop, axis))
        return self.node("Slice", x, *ends)

    def _decode(self, raw: str, head: Head, size: tuple[int, int]) -> tuple[str, str]:
        """As `boxes.decode_head`: N×A·(5 + classes)×H×W to N×A·H·W×…"""
        width, height = size[0] // head.stride, size[1] // head.stride
        count, values = len(head.anchors), 5 + head.classes
        shape = self.constant(np.array([0, count, values, height * width], np.int64))
        maps = self.node("Transpose", self.node("Reshape", raw, shape), perm=[0, 1, 3, 2])
        maps = self.node(
            "Reshape", maps, self.constant(np.array([0, count * height * width, values], np.int64))
        )
        rows, columns = np.divmod(np.arange(height * width), width)
        cells = np.tile(np.stack([columns, rows], 1), (count, 1)).astype(np.float32)
        anchors = np.repeat(np.array(head.anchors, np.float32), height * width, 0)
        corner = (cells - (head.scale_xy - 1) / 2) * head.stride
        centre = self.node("Sigmoid", self._slice(maps, 2, 0, 2))
        centre = self.node("Mul", centre, self.constant(np.array(head.scale_xy * head.stride, np.float32)))
        centre = self.node("Add", centre, self.constant(corner.astype(np.float32)[None]))
        half = self.node("Exp", self._slice(maps, 2, 2, 4))
        half = self.node("Mul", half, self.constant(anchors[None] / 2))
        boxes = self.node("Concat", self.node("Sub", centre, half), self.node("Add", centre, half), axis=2)
        objectness = self.node("Sigmoid", self._slice(maps, 2, 4, 5))
        classes = self.node("Sigmoid", self._slice(maps, 2, 5, values))
        return boxes, self.node("Mul", objectness, classes)

    def join(self, outputs: list[tuple[str, str]]) -> list[Any]:
        """The last nodes: all heads' boxes and scores, one after another."""
        names = zip(("boxes", "scores"), zip(*outputs, strict=True), strict=True)
        return [self.onnx.helper.make_node("Concat", list(parts), [name], axis=1) for name, parts in names]
