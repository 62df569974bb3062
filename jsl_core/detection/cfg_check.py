"""Refuses a cfg that asks for what this detector does not compute, which would give subtly wrong boxes."""

from collections.abc import Mapping

from jsl_core.detection.cfg import Section
from jsl_core.errors import DetectorError

__all__ = ["check_section"]

# Options that change what a layer computes, with the value at which they do nothing (Darknet's src/parser.c).
# All others, such as those of training and of non-maximum suppression, change nothing here.
NEUTRAL_VALUES: Mapping[str, Mapping[str, str]] = {
    "convolutional": {"dilation": "1", "share_index": "", "stride_x": "", "stride_y": ""}
    | dict.fromkeys(("antialiasing", "binary", "xnor", "bin_output"), "0")
    | dict.fromkeys(("sway", "rotate", "stretch", "stretch_sway"), "0"),
    "maxpool": {"antialiasing": "0", "maxpool_depth": "0", "padding": "", "stride_x": "", "stride_y": ""},
    "shortcut": {"activation": "linear", "weights_type": "none"},
    "upsample": {"scale": "1"},
    "yolo": {"new_coords": "0"},
}

MAX_SIZE = 65536  # of any size in a cfg; larger ones are slips that would fill the memory
SIZE_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "net": ("width", "height", "channels"),
    "convolutional": ("filters", "size", "stride", "groups"),
    "maxpool": ("size", "stride"),
    "upsample": ("stride",),
    "route": ("groups",),
    "yolo": ("classes",),
}


def check_section(section: Section) -> None:
    """Check that a section's options are supported and its sizes possible.

    Raises:
        DetectorError: For an unsupported option or an impossible size.
    """
    for key, neutral in NEUTRAL_VALUES.get(section.kind, {}).items():
        value = section.options.get(key, neutral)
        if value != neutral and not (neutral.isdigit() and section.number(key) == int(neutral)):
            raise DetectorError(
                f"[{section.kind}] {key}={value} is beyond YOLOv4 and not supported; "
                "train with a published yolov4 cfg"
            )
    for key in SIZE_OPTIONS.get(section.kind, ()):
        size = section.options.get(key)
        if size is not None and not (section.number(key) % 1 == 0 and 1 <= section.number(key) <= MAX_SIZE):
            raise DetectorError(
                f"[{section.kind}] {key}={size} should be a whole number above 0; correct the cfg"
            )
