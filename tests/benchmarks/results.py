"""What every benchmark leaves behind: a table on the terminal, NAME.json and NAME.png."""

import argparse
import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsl_core.system.machine import describe_machine

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from jsl_core.evaluation.report.style import Paint


def options(about: str | None, name: str) -> argparse.ArgumentParser:
    """A parser that knows `--out`, where the figures go, without a suffix."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(name), help="where NAME.json and NAME.png go")
    return parser


def show(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Rows under their heads; numbers to three digits, None as a dash."""
    cells = [list(heads), *([_format_value(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    for row in cells:
        first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join([row[0].ljust(len(first)), *others]).rstrip(), flush=True)


def keep(
    out: Path, figures: Mapping[str, Any], *paints: "Paint", width: float = 7, height: float = 4
) -> None:
    """Write OUT.json, the machine among the figures, and OUT.png."""
    from jsl_core.evaluation.report.style import (
        draw_png,  # Matplotlib takes seconds, in every worker process too
    )

    out.parent.mkdir(parents=True, exist_ok=True)
    record = {"machine": f"{describe_machine()}, Python {platform.python_version()}", **figures}
    out.with_suffix(".json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    out.with_suffix(".png").write_bytes(draw_png(width, height, *paints))
    print(f"figures in {out.with_suffix('.json')} and {out.with_suffix('.png')}")


def bars(
    title: str, groups: Sequence[str], series: Mapping[str, Sequence[float | None]], unit: str
) -> "Paint":
    """Horizontal bars, the first group on top, each with its value; None leaves a gap."""

    def paint(axes: "Axes") -> None:
        thick = 0.8 / len(series)
        for place, (name, values) in enumerate(series.items()):
            at = [row + (place - (len(series) - 1) / 2) * thick for row in range(len(groups))]
            drawn = axes.barh(at, [value or 0 for value in values], 0.92 * thick, label=name)
            texts = ["" if value is None else f" {_format_value(value)}" for value in values]
            axes.bar_label(drawn, texts, fontsize=8)
        axes.set_yticks(range(len(groups)), groups)
        axes.invert_yaxis()
        axes.margins(x=0.12)
        axes.set(title=title, xlabel=unit)
        if len(series) > 1:
            axes.legend()

    return paint


def _format_value(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)
