"""The style of every chart: legible in print and safe for the colour-blind."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from matplotlib import rc_context, rcdefaults, rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jsl_core.evaluation.report.data_uri import data_uri

__all__ = ["DASHED", "FAINT", "INK", "MUTED", "Paint", "colour_of", "draw_png", "draw_svg"]

INK, MUTED, FAINT = "#1d2733", "#4a5563", "#8b96a3"
DASHED = (0, (4, 3))

Paint = Callable[[Axes], None]

# Okabe and Ito's palette (Color Universal Design, 2008), darkened where white would swallow it.
_COLOURS = {
    "risk-factors": "#6b7280",
    "kl": "#0b5fa5",
    "jsl-image": "#0072b2",
    "jsl-joint-frozen": "#a8558a",
    "jsl-joint": "#c24e00",
    "multitask": "#00805c",
}

_STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: small files, sharp and selectable
    "svg.hashsalt": "jsl",  # the same chart has the same bytes
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "text.color": INK,
    "axes.axisbelow": True,
    "axes.edgecolor": "#b4bcc6",
    "axes.labelcolor": INK,
    "axes.labelsize": 9.5,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "grid.color": "#e6e9ed",
    "grid.linewidth": 0.7,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "xtick.color": "#b4bcc6",
    "xtick.labelcolor": MUTED,
    "xtick.labelsize": 8.5,
    "ytick.color": "#b4bcc6",
    "ytick.labelcolor": MUTED,
    "ytick.labelsize": 8.5,
}
_FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


@contextmanager
def _own_style() -> Iterator[None]:
    """Draw in this style alone: a matplotlibrc of the user's or of the current folder changes no chart."""
    with rc_context():
        rcdefaults()
        rcParams.update(_STYLE)
        yield


def colour_of(model: str) -> str:
    """The colour of a model, the same in every chart."""
    return _COLOURS.get(model, INK)


def draw_svg(width: float, height: float, *paints: Paint) -> str:
    """Draw charts side by side as SVG in a `data:` address, the `src` of an `img`.

    Args:
        width: Of the picture, in inches.
        height: Of the picture, in inches.
        paints: Each draws one chart on its axes.
    """
    file = io.StringIO()
    with _own_style():
        undated = {"Date": None, "Creator": None}
        _figure(width, height, paints).savefig(file, format="svg", metadata=undated, transparent=True)
    svg = file.getvalue().replace("'DejaVu Sans'", _FONTS)  # the reader's own font, as in the page around it
    return data_uri(svg.encode(), "image/svg+xml")


def draw_png(width: float, height: float, *paints: Paint) -> bytes:
    """As `draw_svg`, as the bytes of a PNG file on white."""
    data = io.BytesIO()
    with _own_style():
        figure = _figure(width, height, paints)
        figure.savefig(data, format="png", dpi=160, facecolor="white", metadata={"Software": None})
    return data.getvalue()


def _figure(width: float, height: float, paints: tuple[Paint, ...]) -> Figure:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(1, len(paints), squeeze=False)[0]
    for paint, one_axes in zip(paints, axes, strict=True):
        paint(one_axes)
    return figure
