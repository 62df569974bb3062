"""What the sections of a cfg describe: its layers, and whether their channels and sizes fit together."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jsl_core.detection.cfg import Section
from jsl_core.detection.cfg_check import check_section
from jsl_core.errors import DetectorError

__all__ = [
    "LEAKY_SLOPE",
    "Addition",
    "Convolution",
    "Head",
    "Join",
    "Layer",
    "Layout",
    "MaxPooling",
    "Upsampling",
    "detector_layout",
    "read_layout",
]

LARGEST_KERNEL = 2**27  # numbers in one layer's kernel; YOLOv4's largest has 4.7 million
LEAKY_SLOPE = 0.1  # Darknet's `leaky`
ACTIVATIONS = ("leaky", "mish", "linear")


@dataclass(frozen=True)
class Convolution:
    """A `[convolutional]` layer; with a batch norm it has no bias, and `padding` is on all four sides."""

    in_channels: int
    out_channels: int
    size: int
    stride: int
    padding: int
    groups: int
    normed: bool
    activation: str


@dataclass(frozen=True)
class MaxPooling:
    """A `[maxpool]` layer, padded by size - 1 in total: the smaller half before, the larger after."""

    size: int
    stride: int

    @property
    def padding(self) -> tuple[int, int]:
        """Pixels before and after."""
        return (self.size - 1) // 2, self.size // 2


@dataclass(frozen=True)
class Upsampling:
    """An `[upsample]` layer: each pixel becomes `factor`×`factor`."""

    factor: int


@dataclass(frozen=True)
class Join:
    """A `[route]` layer: of each source, by number, one of `groups` equal parts of its channels."""

    sources: tuple[int, ...]
    groups: int
    group: int


@dataclass(frozen=True)
class Addition:
    """A `[shortcut]` layer: the sum of two layers' outputs."""

    sources: tuple[int, int]


@dataclass(frozen=True)
class Head:
    """One `[yolo]` layer: what its A·(5 + classes) channels mean on a grid of cells of `stride` pixels."""

    stride: int
    anchors: tuple[tuple[float, float], ...]
    classes: int
    scale_xy: float


Layer = Convolution | MaxPooling | Upsampling | Join | Addition | Head


@dataclass(frozen=True)
class Layout:
    """A network without its weights.

    Attributes:
        sections: Of its cfg, `[net]` first.
        layers: One for every other section.
        stride: An input's width and height are multiples of it.
    """

    sections: tuple[Section, ...]
    layers: tuple[Layer, ...]
    stride: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the input."""
        return self.sections[0].integer("width", 416), self.sections[0].integer("height", 416)

    @property
    def channels(self) -> int:
        """Channels of the input."""
        return self.sections[0].integer("channels", 3)

    @property
    def heads(self) -> tuple[Head, ...]:
        """The outputs' heads, in the cfg's order."""
        return tuple(layer for layer in self.layers if isinstance(layer, Head))

    def parameters(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Names, as PyTorch has them, and shapes of all weights in the order of Darknet's files.

        Of every convolution bias or batch norm (shift, scale, mean, variance), then the kernel.
        """
        for number, layer in enumerate(self.layers):
            if isinstance(layer, Convolution):
                norm = ("1.bias", "1.weight", "1.running_mean", "1.running_var")
                for name in norm if layer.normed else ("0.bias",):
                    yield f"layers.{number}.{name}", (layer.out_channels,)
                inputs = layer.in_channels // layer.groups
                yield f"layers.{number}.0.weight", (layer.out_channels, inputs, layer.size, layer.size)


def detector_layout(sections: Sequence[Section]) -> Layout:
    """The layout of a detector's cfg.

    Raises:
        DetectorError: As `read_layout`, or where it has no head.
    """
    layout = read_layout(sections)
    if not layout.heads:
        raise DetectorError("the cfg has no [yolo] section; a detector needs at least one")
    return layout


def read_layout(sections: Sequence[Section]) -> Layout:
    """The layout of a cfg, `[net]` first.

    Raises:
        DetectorError: Where the sections do not fit together or are not supported.
    """
    for section in sections:
        check_section(section)
    layers: list[Layer] = []
    shapes: list[tuple[int, int]] = []  # channels and stride of every layer's output
    before = sections[0].integer("channels", 3), 1
    for number, section in enumerate(sections[1:]):
        layer, before = _read_layer(section, number, before, shapes)
        layers.append(layer)
        shapes.append(before)
    layout = Layout(tuple(sections), tuple(layers), math.lcm(*(stride for _, stride in shapes)))
    if any(side % layout.stride for side in layout.size):
        raise DetectorError(f"[net] width and height should be multiples of {layout.stride}; correct the cfg")
    return layout


def _read_layer(
    section: Section, number: int, before: tuple[int, int], shapes: Sequence[tuple[int, int]]
) -> tuple[Layer, tuple[int, int]]:
    """The layer of one section, and the channels and stride of its output."""
    channels, stride = before
    match section.kind:
        case "convolutional":
            convolution = _read_convolution(section, number, channels)
            return convolution, (convolution.out_channels, stride * convolution.stride)
        case "maxpool":
            pooling = MaxPooling(section.integer("size", 1), section.integer("stride", 1))
            return pooling, (channels, stride * pooling.stride)
        case "upsample":
            factor = section.integer("stride", 2)
            if stride % factor:
                raise DetectorError(f"layer {number} of the cfg upsamples beyond the input; correct the cfg")
            return Upsampling(factor), (channels, stride // factor)
        case "route":
            return _read_join(section, number, shapes)
        case "shortcut":
            source = _absolute_index(section.integer("from"), number)
            if not shapes or shapes[source] != before:
                raise DetectorError(
                    f"layer {number} of the cfg adds layers that do not fit; correct its [shortcut]"
                )
            return Addition((number - 1, source)), before
        case "yolo":
            return _read_head(section, channels, stride), before
        case kind:
            raise DetectorError(f"layer {number} of the cfg is a second [{kind}]; correct the cfg")


def _read_convolution(section: Section, number: int, channels: int) -> Convolution:
    filters, groups = section.integer("filters", 1), section.integer("groups", 1)
    size, activation = section.integer("size", 1), section.options.get("activation", "linear")
    if filters % groups or channels % groups:
        raise DetectorError(
            f"layer {number} of the cfg has groups={groups}, which do not divide its channels; mend it"
        )
    if filters * channels // groups * size**2 > LARGEST_KERNEL:
        raise DetectorError(f"layer {number} of the cfg is too large to be meant; correct filters and size")
    if activation not in ACTIVATIONS:
        raise DetectorError(
            f"activation={activation} in the cfg is unknown; YOLOv4 needs only leaky, mish and linear"
        )
    return Convolution(
        channels,
        filters,
        size,
        section.integer("stride", 1),
        size // 2 if section.integer("pad", 0) else section.integer("padding", 0),
        groups,
        bool(section.integer("batch_normalize", 0)),
        activation,
    )


def _read_join(
    section: Section, number: int, shapes: Sequence[tuple[int, int]]
) -> tuple[Join, tuple[int, int]]:
    sources = tuple(_absolute_index(int(layer), number) for layer in section.numbers("layers"))
    groups, group = section.integer("groups", 1), section.integer("group_id", 0)
    joined = [shapes[source] for source in sources]
    if len({grid for _, grid in joined}) != 1 or not 0 <= group < groups:
        raise DetectorError(f"layer {number} of the cfg joins layers that do not fit; correct its [route]")
    if any(width % groups for width, _ in joined):
        raise DetectorError(
            f"layer {number} of the cfg has groups={groups}, which do not divide its input; mend it"
        )
    return Join(sources, groups, group), (sum(width // groups for width, _ in joined), joined[0][1])


def _absolute_index(layer: int, number: int) -> int:
    """A layer's number from the cfg's, which counts from here where it is negative."""
    absolute = layer + number if layer < 0 else layer
    if not 0 <= absolute < number:
        raise DetectorError(
            f"layer {number} of the cfg refers to layer {absolute}, which is not before it; mend that"
        )
    return absolute


def _read_head(section: Section, channels: int, stride: int) -> Head:
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
