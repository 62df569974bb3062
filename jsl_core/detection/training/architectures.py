"""YOLOv4 and YOLOv4-tiny written as Darknet cfg sections.

Bochkovskiy, Wang, Liao, "YOLOv4" (arXiv 2004.10934) and "Scaled-YOLOv4" (arXiv 2011.08036) for tiny: layer
order, `scale_x_y` and default anchors are those of the authors' published cfg files.
"""

from collections.abc import Sequence

from jsl_core.detection.cfg import Section

__all__ = ["Anchors", "yolov4", "yolov4_tiny"]

Anchors = Sequence[tuple[float, float]]
"""Widths and heights in pixels of the network's input, smallest first."""

COCO_ANCHORS: Anchors = (
    (12, 16), (19, 36), (40, 28), (36, 75), (76, 55), (72, 146), (142, 110), (192, 243), (459, 401),
)  # fmt: skip
COCO_TINY_ANCHORS: Anchors = ((10, 14), (23, 27), (37, 58), (81, 82), (135, 169), (344, 319))


class _Layers:
    """Collects sections; a layer's number is its position after `[net]`, as `route` counts."""

    def __init__(self, size: int, channels: int, activation: str) -> None:
        options = {"batch": "64", "subdivisions": "1", "width": str(size), "height": str(size)}
        # As training here resizes: letterboxed, not stretched.
        self.sections = [Section("net", {**options, "channels": str(channels), "letter_box": "1"})]
        self.activation = activation

    @property
    def last(self) -> int:
        return len(self.sections) - 2

    def add(self, kind: str, **options: object) -> int:
        self.sections.append(Section(kind, {key: str(value) for key, value in options.items()}))
        return self.last

    def conv(self, filters: int, size: int = 1, stride: int = 1) -> int:
        return self.add(
            "convolutional", batch_normalize=1, filters=filters, size=size, stride=stride, pad=1,
            activation=self.activation,
        )  # fmt: skip

    def route(self, *layers: int) -> int:
        return self.add("route", layers=",".join(str(layer - self.last - 1) for layer in layers))

    def csp_stage(self, filters: int, blocks: int, first: bool = False) -> int:
        """Downsample, then `blocks` residual blocks on one of two paths that are joined at the end."""
        inner = filters if first else filters // 2
        down = self.conv(filters, 3, 2)
        side = self.conv(inner)
        self.route(down)
        self.conv(inner)
        for _ in range(blocks):
            self.conv(inner // 2 if first else inner)
            self.conv(inner, 3)
            self.add("shortcut", **{"from": -3}, activation="linear")
        main = self.conv(inner)
        self.route(main, side)
        return self.conv(filters)

    def panet_block(self, filters: int) -> int:
        """The 1-3-1-3-1 convolutions of PANet; returns the number of the last."""
        for _ in range(2):
            self.conv(filters)
            self.conv(2 * filters, 3)
        return self.conv(filters)

    def spp(self) -> int:
        """The last layer beside its own maxima over 5, 9 and 13 cells."""
        base = self.last
        pooled: list[int] = []
        for kernel in (5, 9, 13):
            if pooled:
                self.route(base)
            pooled.append(self.add("maxpool", size=kernel, stride=1))
        return self.route(*reversed(pooled), base)

    def head(self, anchors: Anchors, mask: Sequence[int], classes: int, scale_xy: float) -> int:
        filters = len(mask) * (5 + classes)
        self.add("convolutional", filters=filters, size=1, stride=1, pad=1, activation="linear")
        return self.add(
            "yolo", mask=",".join(map(str, mask)), anchors=", ".join(f"{w:g},{h:g}" for w, h in anchors),
            classes=classes, num=len(anchors), scale_x_y=scale_xy, ignore_thresh=0.7, iou_thresh=0.213,
            iou_loss="ciou", nms_kind="greedynms", beta_nms=0.6,
        )  # fmt: skip


def yolov4(
    classes: int = 1, size: int = 416, channels: int = 3, anchors: Anchors = COCO_ANCHORS
) -> tuple[Section, ...]:
    """Describe YOLOv4: CSPDarknet53 with Mish, SPP, PANet and three heads (strides 8, 16, 32).

    Args:
        classes: Of objects.
        size: Side of the network's input in pixels.
        channels: Of the input.
        anchors: Nine, three a head.
    """
    net = _Layers(size, channels, "mish")
    net.conv(32, 3)
    net.csp_stage(64, 1, first=True)
    net.csp_stage(128, 2)
    stride8 = net.csp_stage(256, 8)
    stride16 = net.csp_stage(512, 8)
    net.csp_stage(1024, 4)

    net.activation = "leaky"
    net.conv(512)
    net.conv(1024, 3)
    net.conv(512)
    net.spp()
    net.conv(512)
    net.conv(1024, 3)
    top = net.conv(512)

    def lateral(source: int, filters: int) -> int:
        net.conv(filters)
        upsampled = net.add("upsample", stride=2)
        net.route(source)
        side = net.conv(filters)
        net.route(side, upsampled)
        return net.panet_block(filters)

    middle = lateral(stride16, 256)
    bottom = lateral(stride8, 128)
    net.conv(256, 3)
    net.head(anchors, (0, 1, 2), classes, 1.2)
    for previous, filters, mask, scale_xy in ((middle, 256, (3, 4, 5), 1.1), (top, 512, (6, 7, 8), 1.05)):
        net.route(bottom)
        down = net.conv(filters, 3, 2)
        net.route(down, previous)
        bottom = net.panet_block(filters)
        net.conv(2 * filters, 3)
        net.head(anchors, mask, classes, scale_xy)
    return tuple(net.sections)


def yolov4_tiny(
    classes: int = 1,
    size: int = 416,
    channels: int = 3,
    anchors: Anchors = COCO_TINY_ANCHORS,
    width: float = 1.0,
    spp: bool = False,
) -> tuple[Section, ...]:
    """Describe YOLOv4-tiny, with two heads (strides 32, 16).

    Args:
        classes: Of objects.
        size: Side of the network's input in pixels.
        channels: Of the input.
        anchors: Six, three a head.
        width: Scales every hidden layer's filters.
        spp: Add YOLOv4's spatial pyramid pooling, so that each cell sees the whole film: without it the boxes
            of joints larger than the receptive field of 331 pixels come out too small.
    """
    net = _Layers(size, channels, "leaky")
    unit = round(32 * width)
    net.conv(unit, 3, 2)
    net.conv(2 * unit, 3, 2)
    inner = 0
    for filters in (2 * unit, 4 * unit, 8 * unit):
        whole = net.conv(filters, 3)
        net.add("route", layers=-1, groups=2, group_id=1)
        first = net.conv(filters // 2, 3)
        second = net.conv(filters // 2, 3)
        net.route(second, first)
        inner = net.conv(filters)
        net.route(whole, inner)
        net.add("maxpool", size=2, stride=2)
    net.conv(16 * unit, 3)
    top = net.conv(8 * unit)
    if spp:
        net.spp()
        top = net.conv(8 * unit)
    half = len(anchors) // 2
    net.conv(16 * unit, 3)
    net.head(anchors, range(half, len(anchors)), classes, 1.05)
    net.route(top)
    net.conv(4 * unit)
    upsampled = net.add("upsample", stride=2)
    net.route(upsampled, inner)
    net.conv(8 * unit, 3)
    net.head(anchors, range(half), classes, 1.05)
    return tuple(net.sections)
