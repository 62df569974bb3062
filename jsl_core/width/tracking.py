"""Margins by edge tracking: the pair of paths, bright above and below and dark between, that fits best.

Both margins are found at once by dynamic programming over columns (as Kass et al.'s snakes, but with a global
optimum: Amini et al., IEEE PAMI 1990, 12:855): a state is the femoral margin's row and the gap below it.
"""

from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["BAND", "DARKNESS", "GRID", "PLAIN", "TrackedPair", "even_out", "row_edges", "track_pair"]

Picture = NDArray[np.float32]

GRID = 224  # side of the square on which margins are tracked
WIDEST = 32  # rows of the grid: the widest gap that is looked for
STEEPEST = 2  # rows from one column to the next
_USUAL = 8.0  # rows: where a picture leaves it open, a gap near this
_FAR = np.float32(1e9)
_SURROUND, _FLOOR = 14.0, 0.1  # spread in pixels over which contrast is evened out, and what noise is held to
_BLUR, _EDGE_SURROUND, _EDGE_FLOOR = 1.0, 12.0, 0.15
BAND = 10  # rows above and below the joint space which are brighter than it
PLAIN = 3.0  # spreads from which on an edge is no better: the brightest is not always the margin
DARKNESS, _BEND, _WIDEN, _TILT = 0.35, 0.12, 0.15, 0.12  # weights, by eye on 20 crops of knee_kl224


@dataclass(frozen=True)
class TrackedPair:
    """Rows of the femoral and the tibial margin at each column, N, and the mean cost of a column."""

    femoral: NDArray[np.intp]
    tibial: NDArray[np.intp]
    cost: float


def even_out(picture: NDArray) -> Picture:
    """Even out brightness and contrast: the distance from the mean around a pixel, in the spread there."""
    values = picture.astype(np.float32)
    detail = values - cv2.GaussianBlur(values, (0, 0), _SURROUND)
    spread = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), _SURROUND))
    return np.clip(detail / (spread + np.float32(_FLOOR * spread.mean() + 1e-6)), -4, 4).astype(np.float32)


def row_edges(picture: NDArray, blur: float = _BLUR) -> Picture:
    """Edges along columns, in the spread of edges around: above 0 where it grows brighter downwards."""
    smooth = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), blur)
    slope = np.zeros_like(smooth)
    slope[1:-1] = (smooth[2:] - smooth[:-2]) / 2
    spread = np.sqrt(cv2.GaussianBlur(slope * slope, (0, 0), _EDGE_SURROUND))
    return slope / (spread + np.float32(_EDGE_FLOOR * spread.mean() + 1e-6))


def track_pair(
    edges: Picture,
    evened: Picture,
    columns: NDArray[np.intp],
    rows: tuple[int, int],
) -> TrackedPair:
    """Track both margins over some columns.

    Args:
        edges: Of `row_edges`, H×W.
        evened: Of `even_out`, H×W.
        columns: Where, N.
        rows: The first row of a femoral margin, and the one after the last.
    """
    total: Picture | None = None
    choices: list[NDArray[np.int8]] = []
    cumulative = np.vstack([np.zeros((1, evened.shape[1]), np.float32), evened.cumsum(0)])
    femoral = np.arange(*rows)
    for column in columns:
        cost = _column_cost(edges[:, column], cumulative[:, column], femoral)
        if total is not None:
            total, choice = _best_step(total)
            choices.append(choice)
            cost = cost + total
        total = cost
    assert total is not None
    row, gap = (int(index) for index in np.unravel_index(int(total.argmin()), total.shape))
    path = [(row, gap)]
    for choice in reversed(choices):
        across, wider = _STEPS[choice[row, gap]]
        row, gap = row + across, gap + wider
        path.append((row, gap))
    states = np.array(path[::-1])
    top = femoral[states[:, 0]]
    return TrackedPair(top, top + states[:, 1] + 1, float(total.min()) / len(columns))


_STEPS = tuple(product(range(-STEEPEST, STEEPEST + 1), repeat=2))


def _column_cost(edges: Picture, cumulative: Picture, femoral: NDArray[np.intp]) -> Picture:
    """Cost of each femoral row and gap in one column, R×G: low on strong edges round a dark band."""
    last = len(edges) - 1
    gap = np.arange(WIDEST)
    tibial = np.minimum(femoral[:, None] + gap + 1, last)
    strength = np.clip(-edges[femoral], -1, PLAIN)[:, None] + np.clip(edges[tibial], -1, PLAIN)
    inside = (cumulative[tibial] - cumulative[femoral][:, None]) / (gap + 1)
    above = (cumulative[femoral] - cumulative[np.maximum(femoral - BAND, 0)]) / BAND
    below_from = np.minimum(tibial + 1, last - BAND)
    below = (cumulative[below_from + BAND] - cumulative[below_from]) / BAND
    darkness = np.clip(np.minimum(above[:, None], below) - inside, -2, 2)
    usual = 0.02 * np.abs(gap - _USUAL) / _USUAL
    return np.asarray(usual - strength - DARKNESS * darkness, np.float32)


def _best_step(total: Picture) -> tuple[Picture, NDArray[np.int8]]:
    """The least cost of coming from the column before into each state, and by which step."""
    padded = np.pad(total, STEEPEST, constant_values=_FAR)
    height, width = total.shape
    best, choice = np.full_like(total, _FAR), np.zeros(total.shape, np.int8)
    for number, (across, wider) in enumerate(_STEPS):
        row, gap = STEEPEST + across, STEEPEST + wider
        price = _BEND * abs(across) ** 1.5 + _WIDEN * abs(wider) + _TILT * abs(across + wider)
        candidate = padded[row : row + height, gap : gap + width] + np.float32(price)
        better = candidate < best
        best = np.where(better, candidate, best)
        choice[better] = number
    return best, choice
