"""ONNX export: a network as an ONNX graph whose outputs are boxes and scores."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jsl_core.detection.layout import (
    LEAKY_SLOPE,
    Addition,
    Convolution,
    Head,
    Join,
    MaxPooling,
    Upsampling,
)
from jsl_core.detection.model import Model, fuse_batchnorm
from jsl_core.errors import DetectorError
from jsl_core.system.files import write_atomically

__all__ = ["save_onnx"]

OPSET = 13  # the oldest with per-axis Split and Resize as used here; read by OpenCV 4, 5 and ONNX Runtime


def save_onnx(model: Model, path: Path) -> None:
    """Write a network as an ONNX file.

    Input `images`: N×C×H×W float32 in 0…1. Outputs `boxes`: N×M×4 (x1, y1, x2, y2 in pixels of the input) and
    `scores`: N×M×classes, M being all anchors of all heads, before non-maximum suppression.

    Raises:
        DetectorError: Where the package `onnx` is not installed.
        StoreError: Where the file cannot be written.
    """
    try:
        import onnx  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise DetectorError(
            "ONNX export needs the package onnx; install it with `pip install onnx`"
        ) from error
    graph = _Graph(onnx)
    layout = model.layout
    outputs = graph.add_network(model)
    width, height = layout.size
    float32 = onnx.TensorProto.FLOAT
    anchors = sum(
        len(head.anchors) * (width // head.stride) * (height // head.stride) for head in layout.heads
    )
    shapes = (("boxes", 4), ("scores", layout.heads[0].classes))
    exported = onnx.helper.make_model(
        onnx.helper.make_graph(
            [*graph.nodes, *graph.join_heads(outputs)],
            "joint_detector",
            [onnx.helper.make_tensor_value_info("images", float32, ["n", layout.channels, height, width])],
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
    onnx.checker.check_model(exported)
    with write_atomically(path) as file:
        file.write(exported.SerializeToString())


class _Graph:
    """Collects nodes and constants; every `add_…` method returns the name of the tensor it adds."""

    def __init__(self, onnx: Any) -> None:
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add_node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def add_constant(self, array: NDArray[Any]) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add_network(self, model: Model) -> list[tuple[str, str]]:
        """Add a whole network; returns the names of boxes N×M×4 and scores N×M×classes of every head."""
        tensors: list[str] = []
        outputs: list[tuple[str, str]] = []
        x = "images"
        for number, layer in enumerate(model.layout.layers):
            if isinstance(layer, Head):
                outputs.append(self._add_decoding(x, layer, model.layout.size))
            elif isinstance(layer, Convolution):
                x = self._add_convolution(layer, x, *fuse_batchnorm(model, number))
            else:
                x = self._add_layer(layer, x, tensors)
            tensors.append(x)
        return outputs

    def _add_layer(self, layer: MaxPooling | Upsampling | Join | Addition, x: str, tensors: list[str]) -> str:
        match layer:
            case MaxPooling():
                before, after = layer.padding
                pads = [before, before, after, after]
                return self.add_node(
                    "MaxPool", x, kernel_shape=[layer.size] * 2, strides=[layer.stride] * 2, pads=pads
                )
            case Upsampling():
                scales = self.add_constant(np.array([1, 1, layer.factor, layer.factor], np.float32))
                rounding = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
                return self.add_node("Resize", x, "", scales, mode="nearest", **rounding)
            case Join():
                return self._add_join(layer, tensors)
            case Addition():
                return self.add_node("Add", *(tensors[source] for source in layer.sources))

    def _add_convolution(
        self, layer: Convolution, x: str, kernel: NDArray[np.float32], bias: NDArray[np.float32]
    ) -> str:
        x = self.add_node(
            "Conv", x, self.add_constant(kernel), self.add_constant(bias), kernel_shape=[layer.size] * 2,
            strides=[layer.stride] * 2, pads=[layer.padding] * 4, group=layer.groups,
        )  # fmt: skip
        if layer.activation == "leaky":
            return self.add_node("LeakyRelu", x, alpha=LEAKY_SLOPE)
        if layer.activation == "mish":
            return self.add_node("Mul", x, self.add_node("Tanh", self.add_node("Softplus", x)))
        return x

    def _add_join(self, layer: Join, tensors: list[str]) -> str:
        parts = [self._add_group(tensors[source], layer.groups, layer.group) for source in layer.sources]
        return self.add_node("Concat", *parts, axis=1) if len(parts) > 1 else parts[0]

    def _add_group(self, x: str, groups: int, group: int) -> str:
        if groups == 1:
            return x
        names = [f"t{len(self.nodes)}_{index}" for index in range(groups)]
        self.nodes.append(self.onnx.helper.make_node("Split", [x], names, axis=1))
        return names[group]

    def _add_slice(self, x: str, axis: int, start: int, stop: int) -> str:
        ends = (self.add_constant(np.array([value], np.int64)) for value in (start, stop, axis))
        return self.add_node("Slice", x, *ends)

    def _add_decoding(self, raw: str, head: Head, size: tuple[int, int]) -> tuple[str, str]:
        """As `decoding.decode`: from N×A·(5 + classes)×H×W to N×A·H·W×4 and N×A·H·W×classes."""
        width, height = size[0] // head.stride, size[1] // head.stride
        count, values = len(head.anchors), 5 + head.classes
        shape = self.add_constant(np.array([0, count, values, height * width], np.int64))
        maps = self.add_node("Transpose", self.add_node("Reshape", raw, shape), perm=[0, 1, 3, 2])
        maps = self.add_node(
            "Reshape", maps, self.add_constant(np.array([0, count * height * width, values], np.int64))
        )
        rows, columns = np.divmod(np.arange(height * width), width)
        cells = np.tile(np.stack([columns, rows], 1), (count, 1)).astype(np.float32)
        anchors = np.repeat(np.array(head.anchors, np.float32), height * width, 0)
        corner = (cells - (head.scale_xy - 1) / 2) * head.stride
        centre = self.add_node("Sigmoid", self._add_slice(maps, 2, 0, 2))
        centre = self.add_node(
            "Mul", centre, self.add_constant(np.array(head.scale_xy * head.stride, np.float32))
        )
        centre = self.add_node("Add", centre, self.add_constant(corner.astype(np.float32)[None]))
        half = self.add_node("Exp", self._add_slice(maps, 2, 2, 4))
        half = self.add_node("Mul", half, self.add_constant(anchors[None] / 2))
        boxes = self.add_node(
            "Concat", self.add_node("Sub", centre, half), self.add_node("Add", centre, half), axis=2
        )
        objectness = self.add_node("Sigmoid", self._add_slice(maps, 2, 4, 5))
        classes = self.add_node("Sigmoid", self._add_slice(maps, 2, 5, values))
        return boxes, self.add_node("Mul", objectness, classes)

    def join_heads(self, outputs: list[tuple[str, str]]) -> list[Any]:
        """The last nodes, which join the boxes and scores of all heads."""
        names = zip(("boxes", "scores"), zip(*outputs, strict=True), strict=True)
        return [self.onnx.helper.make_node("Concat", list(parts), [name], axis=1) for name, parts in names]
