"""Builds a PyTorch module from any YOLOv4 cfg."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from jsl_core.detection.cfg import Section
from jsl_core.detection.cfg_check import check_section
from jsl_core.detection.layers import ConvBlock, MaxPool, Route, Shortcut
from jsl_core.errors import DetectorError

__all__ = ["Head", "Network"]

LARGEST_KERNEL = 2**27  # numbers in one layer's kernel; YOLOv4's largest has 4.7 million


@dataclass(frozen=True)
class Head:
    """One `[yolo]` layer: what its A·(5 + classes) channels mean on a grid of cells of `stride` pixels."""

    stride: int
    anchors: tuple[tuple[float, float], ...]
    classes: int
    scale_xy: float


class Network(nn.Module):
    """A Darknet network; `size` (width, height) and `channels` of its input, `heads` of its output.

    `stride`: an input's width and height are multiples of it.

    Raises:
        DetectorError: Where the cfg's sections do not fit together or are not supported.
    """

    def __init__(self, sections: Sequence[Section]) -> None:
        super().__init__()
        for section in sections:
            check_section(section)
        net = sections[0]
        self.sections = tuple(sections)
        self.size = (net.integer("width", 416), net.integer("height", 416))
        self.channels = net.integer("channels", 3)
        self.layers = nn.ModuleList()
        self.heads: tuple[Head, ...] = ()
        shapes: list[tuple[int, int]] = []  # channels and stride of every layer's output
        for number, section in enumerate(sections[1:]):
            before = shapes[-1] if shapes else (self.channels, 1)
            layer, shape = _build_layer(section, number, before, shapes)
            self.layers.append(layer)
            shapes.append(shape)
            if section.kind == "yolo":
                self.heads += (_build_head(section, *before),)
        if not self.heads:
            raise DetectorError("the cfg has no [yolo] section; a detector needs at least one")
        self.stride = math.lcm(*(stride for _, stride in shapes))
        if any(side % self.stride for side in self.size):
            raise DetectorError(
                f"[net] width and height should be multiples of {self.stride}; correct the cfg"
            )
        joining = (layer for layer in self.layers if isinstance(layer, Route | Shortcut))
        self.reused = frozenset(source for layer in joining for source in layer.sources)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Raw maps of the heads, each B×A·(5 + classes)×H×W, from images B×C×H×W in 0…1."""
        reused: dict[int, Tensor] = {}
        outputs: list[Tensor] = []
        x = images
        for number, (layer, section) in enumerate(zip(self.layers, self.sections[1:], strict=True)):
            x = layer(reused if isinstance(layer, Route | Shortcut) else x)
            if section.kind == "yolo":
                outputs.append(x)
            if number in self.reused:
                reused[number] = x
        return outputs


def _build_layer(
    section: Section, number: int, before: tuple[int, int], shapes: Sequence[tuple[int, int]]
) -> tuple[nn.Module, tuple[int, int]]:
    """The layer of one section, and the channels and stride of its output."""
    channels, stride = before
    match section.kind:
        case "convolutional":
            _check_convolution(section, number, channels)
            block = ConvBlock(section, channels)
            return block, (block.conv.out_channels, stride * block.conv.stride[0])
        case "maxpool":
            pool = MaxPool(section.integer("size", 1), section.integer("stride", 1))
            return pool, (channels, stride * pool.stride)
        case "upsample":
            factor = section.integer("stride", 2)
            if stride % factor:
                raise DetectorError(f"layer {number} of the cfg upsamples beyond the input; correct the cfg")
            return nn.Upsample(scale_factor=factor, mode="nearest"), (channels, stride // factor)
        case "route":
            sources = tuple(_absolute_index(int(layer), number) for layer in section.numbers("layers"))
            groups, group = section.integer("groups", 1), section.integer("group_id", 0)
            joined = [shapes[source] for source in sources]
            if len({grid for _, grid in joined}) != 1 or not 0 <= group < groups:
                raise DetectorError(
                    f"layer {number} of the cfg joins layers that do not fit; correct its [route]"
                )
            if any(width % groups for width, _ in joined):
                raise DetectorError(
                    f"layer {number} of the cfg has groups={groups}, which do not divide its input; mend it"
                )
            return Route(sources, groups, group), (sum(width // groups for width, _ in joined), joined[0][1])
        case "shortcut":
            source = _absolute_index(section.integer("from"), number)
            if not shapes or shapes[source] != before:
                raise DetectorError(
                    f"layer {number} of the cfg adds layers that do not fit; correct its [shortcut]"
                )
            return Shortcut((number - 1, source)), before
        case _:
            return nn.Identity(), before


def _check_convolution(section: Section, number: int, channels: int) -> None:
    filters, groups = section.integer("filters", 1), section.integer("groups", 1)
    if filters % groups or channels % groups:
        raise DetectorError(
            f"layer {number} of the cfg has groups={groups}, which do not divide its channels; mend it"
        )
    if filters * channels // groups * section.integer("size", 1) ** 2 > LARGEST_KERNEL:
        raise DetectorError(f"layer {number} of the cfg is too large to be meant; correct filters and size")


def _absolute_index(layer: int, number: int) -> int:
    """A layer's number from the cfg's, which counts from here where it is negative."""
    absolute = layer + number if layer < 0 else layer
    if not 0 <= absolute < number:
        raise DetectorError(
            f"layer {number} of the cfg refers to layer {absolute}, which is not before it; mend that"
        )
    return absolute


def _build_head(section: Section, channels: int, stride: int) -> Head:
    values = section.numbers("anchors")
    if not (values and len(values) % 2 == 0 and min(values) > 0):
        raise DetectorError("[yolo] anchors should be pairs of a width and a height; correct the cfg")
    pairs = list(zip(values[::2], values[1::2], strict=False))
    mask = [int(index) for index in section.numbers("mask", range(len(pairs)))]
    if not mask or min(mask) < 0 or max(mask) >= len(pairs):
        raise DetectorError(
            f"[yolo] mask names anchor {max(mask, default=0)} of {len(pairs)}; correct the cfg"
        )
    classes = section.integer("classes", 20)
    needed = len(mask) * (5 + classes)
    if channels != needed:
        raise DetectorError(
            f"[yolo] with {len(mask)} anchors and {classes} classes needs {needed} filters before it; "
            f"the cfg has {channels}"
        )
    return Head(stride, tuple(pairs[index] for index in mask), classes, section.number("scale_x_y", 1.0))
