"""Margins tracked again near a usual shape, each by its distance from it: the shape's bends cost nothing.

To cross from one rim of a tibial plateau to the other is to leave the shape's course, which is dear: a
margin follows one rim from end to end. Both margins are found at once by dynamic programming over columns; a
state is the distances of both from the shape.
"""

from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from jsl_core.width.tracking import BAND, DARKNESS, PLAIN, Picture

__all__ = ["track_near"]

Array = NDArray[np.float64]

_STEP = 0.5  # rows between two distances that are tried
_AROUND = 12.0  # rows on either side of the shape
_LOOSE = 8.0  # rows from the shape that cost half a spread of edges
_COURSE = 0.5  # price of a row's step away from the shape's course, at either margin
_STEEPEST = 2  # steps of distance from one column to the next
_FAR = np.float32(1e9)
_LEAST_GAP = 0.5  # rows between two margins that touch
_LIKELY = 0.5  # what a tenfold probability, by the network, counts in 2.3 spreads of edges
_TOUCHING, _TOUCH = 2.5, 1.2  # rows, below which margins need no edge between them: what that counts


def track_near(
    edges: Picture, evened: Picture, chances: Picture, columns: NDArray[np.intp], usual: Array
) -> Array:
    """Track both margins near their usual rows.

    Args:
        edges: Of `row_edges`, H×W.
        evened: Of `even_out`, H×W.
        chances: Of `ContourReader.read`, 2×H×W.
        columns: Where, N.
        usual: Rows of the femoral and the tibial margin at the columns, 2×N.

    Returns:
        Rows of the femoral and the tibial margin, 2×N.
    """
    offsets = np.arange(-_AROUND, _AROUND + _STEP / 2, _STEP)
    cost = _state_costs(edges, evened, chances, columns, usual, offsets)
    total, choices = cost[0], []
    for column in cost[1:]:
        best, choice = _best_step(total)
        choices.append(choice)
        total = best + column
    first, second = (int(index) for index in np.unravel_index(int(total.argmin()), total.shape))
    path = [(first, second)]
    for choice in reversed(choices):
        step = _STEPS[choice[first, second]]
        first, second = first + step[0], second + step[1]
        path.append((first, second))
    return usual + offsets[np.array(path[::-1])].T


def _state_costs(
    edges: Picture,
    evened: Picture,
    chances: Picture,
    columns: NDArray[np.intp],
    usual: Array,
    offsets: Array,
) -> NDArray[np.float32]:
    """Cost of each distance of the femoral and of the tibial margin in each column, N×K×K."""
    cumulative = np.vstack([np.zeros((1, evened.shape[1]), np.float32), evened.cumsum(0, dtype=np.float32)])
    femoral, tibial = (rows[:, None] + offsets for rows in usual)
    # the sum of the rows above a place between two rows: a row reaches half a row to either side
    above_femoral, above_tibial = (_sample(cumulative, columns, rows + 0.5) for rows in (femoral, tibial))
    above = (above_femoral - _sample(cumulative, columns, femoral + 0.5 - BAND)) / BAND
    below = (_sample(cumulative, columns, tibial + 0.5 + BAND) - above_tibial) / BAND
    gap = tibial[:, None, :] - femoral[:, :, None]
    inside = (above_tibial[:, None, :] - above_femoral[:, :, None]) / np.maximum(gap, _LEAST_GAP)
    darkness = np.clip(np.minimum(above[:, :, None], below[:, None, :]) - inside, -2, 2)
    apart = offsets**2 / (2 * _LOOSE**2)
    single = [
        apart
        - np.clip(sign * _sample(edges, columns, rows), -1, PLAIN)
        - _LIKELY * _sample(likely, columns, rows)
        for sign, likely, rows in zip((-1, 1), chances, (femoral, tibial), strict=True)
    ]
    cost = single[0][:, :, None] + single[1][:, None, :] - DARKNESS * darkness
    cost -= _TOUCH * np.clip(_TOUCHING - gap, 0, 1)
    return np.where(gap < _LEAST_GAP, _FAR, cost).astype(np.float32)


def _sample(picture: Picture, columns: NDArray[np.intp], rows: Array) -> NDArray[np.float32]:
    """The picture at rows N×K of columns N, between two rows linearly."""
    x = np.repeat(columns[:, None], rows.shape[1], axis=1).astype(np.float32)
    values = cv2.remap(picture, x, rows.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(values, np.float32)


_STEPS = tuple(product(range(-_STEEPEST, _STEEPEST + 1), repeat=2))
_PRICES = tuple(np.float32(_COURSE * _STEP * (abs(first) + abs(second))) for first, second in _STEPS)


def _best_step(total: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """The least cost of coming from the column before into each state, and by which step."""
    size = total.shape[0]
    padded = np.pad(total, _STEEPEST, constant_values=_FAR)
    best, choice = np.full_like(total, _FAR), np.zeros(total.shape, np.int8)
    for number, ((first, second), price) in enumerate(zip(_STEPS, _PRICES, strict=True)):
        row, column = _STEEPEST + first, _STEEPEST + second
        candidate = padded[row : row + size, column : column + size] + price
        better = candidate < best
        best = np.where(better, candidate, best)
        choice[better] = number
    return best, choice
