"""The way from the scans to an artifact as a picture in SVG, for pages that draw no mermaid."""

from collections.abc import Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape

from jsl_core.storage.lineage import Node

__all__ = ["draw_lineage"]

_WIDTH, _HEIGHT, _GAP, _RISE = 200, 44, 16, 44  # of a box, between boxes, and between rows, in pixels
_MARGIN = 14
_LONGEST = 22  # letters of a name in a box
_LEAVES = 2  # as many inputs without a maker have boxes of their own; more become one


@dataclass(frozen=True)
class _Box:
    """An artifact, or several inputs: its name, the digest's start, and the step that made it."""

    key: str
    name: str
    digest: str
    made_by: str


def draw_lineage(root: Node) -> str:
    """Draw the tree as an SVG document, what things were made from above them.

    Args:
        root: As `Lineage.trace` gives it.
    """
    boxes: dict[str, _Box] = {}
    arrows: dict[tuple[str, str], None] = {}
    _collect(root, boxes, arrows)
    rows = _rows(boxes, list(arrows))
    longest = max(len(row) for row in rows)
    width = 2 * _MARGIN + longest * (_WIDTH + _GAP) - _GAP
    height = 2 * _MARGIN + len(rows) * (_HEIGHT + _RISE) - _RISE
    places = {
        key: ((width - len(row) * (_WIDTH + _GAP) + _GAP) // 2 + column * (_WIDTH + _GAP), number)
        for number, row in enumerate(rows)
        for column, key in enumerate(row)
    }
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        *(_arrow(places[source], places[target]) for source, target in arrows),
        *(line for key, box in boxes.items() for line in _draw_box(box, *places[key])),
        "</svg>",
    ]
    return "\n".join(lines)


def _collect(node: Node, boxes: dict[str, _Box], arrows: dict[tuple[str, str], None]) -> str:
    """Add a node and all below it; returns its key."""
    key = node.artifact.sha256
    made_by = node.step.stage if node.step else ""
    if key not in boxes or made_by:  # a repeated node does not know its maker
        boxes[key] = _Box(key, node.artifact.name, key[:12], made_by)
    leaves = [source for source in node.inputs if source.step is None and not source.repeated]
    are_many = len(leaves) > _LEAVES
    if are_many or node.omitted:
        rest = f"{key}-rest"
        name = f"{len(leaves) + node.omitted} files" if are_many else f"and {node.omitted} more"
        boxes[rest] = _Box(rest, name, f"such as {leaves[0].artifact.name}" if are_many else "", "")
        arrows[rest, key] = None
    for source in node.inputs:
        if not are_many or source not in leaves:
            arrows[_collect(source, boxes, arrows), key] = None
    return key


def _rows(boxes: dict[str, _Box], arrows: list[tuple[str, str]]) -> list[list[str]]:
    """The boxes' keys by row: each below all that it was made from."""
    row = dict.fromkeys(boxes, 0)
    for _ in boxes:  # as many rounds as the longest way can be long
        lower = {target: row[source] + 1 for source, target in arrows if row[source] >= row[target]}
        if not lower:
            break
        row |= lower
    return [[key for key in boxes if row[key] == number] for number in range(max(row.values()) + 1)]


def _arrow(source: tuple[int, int], target: tuple[int, int]) -> str:
    (x1, from_row), (x2, to_row) = source, target
    x1, x2 = x1 + _WIDTH // 2, x2 + _WIDTH // 2
    y1, y2 = _top(from_row) + _HEIGHT, _top(to_row)
    middle = (y1 + y2) // 2
    return f'<path d="M{x1} {y1}C{x1} {middle} {x2} {middle} {x2} {y2}" fill="none" stroke="#7a8794"/>'


def _draw_box(box: _Box, x: int, row: int) -> Iterator[str]:
    y = _top(row)
    fill = "#e8f1f8" if box.made_by else "#f4f4f2"
    yield f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="5" fill="{fill}" stroke="#7a8794"/>'
    name = box.name if len(box.name) <= _LONGEST else f"{box.name[: _LONGEST - 1]}…"
    bold = f"{box.made_by}: " if box.made_by else ""
    yield (
        f'<text x="{x + 10}" y="{y + 19}" fill="#1d2733"><tspan font-weight="bold">{escape(bold)}</tspan>'
        f"{escape(name)}</text>"
    )
    yield f'<text x="{x + 10}" y="{y + 36}" fill="#4a5563" font-size="11">{escape(box.digest)}</text>'


def _top(row: int) -> int:
    return _MARGIN + row * (_HEIGHT + _RISE)
