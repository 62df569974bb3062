"""The valley between two legs on a film: from brightness alone, without anything learned.

Bones are brighter than flesh, and flesh than air, so two legs are two ridges along the columns with a valley
between them, of air or, where the thighs touch, of flesh. Everything is measured on a small copy of the film,
row by row relative to the row's own contrast, so that exposure, collimation and burnt-out bands cancel out.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["LegValley", "find_leg_valley"]

_WIDTH = 256  # columns of the small copy; all lengths below are shares of it
_ROWS = (0.15, 0.85)  # rows that are looked at: labels and collimation edges lie outside
_SHEARS = np.linspace(-0.3, 0.3, 5)  # columns per row by which legs may lean
_UPRIGHT = 2  # the shear of legs that do not
_PLACES = (0.22, 0.78)  # where a valley may lie
_REACH = (0.09, 0.45)  # how far from it a leg's bone may be
_DEPTH = 0.12  # of the lower ridge above the valley, from which on it is one
_HINT = 0.05  # depth of a dip from which on there may be two legs after all
_BURNT = 235  # grey level of a burnt-out band
_FAINT = 24  # grey levels: films that span fewer are not spread further, for that would be noise
_FLAT = 0.06  # of a film's span that a row or column must span to show anything
_LEG = 0.6  # of a film's width that one leg does not exceed
_FEWEST = 8  # rows to go by


@dataclass(frozen=True)
class LegValley:
    """The valley between two legs.

    Attributes:
        column: Where it lies, in columns of the film; None where there is none.
        depth: How far it lies below the lower of the two legs, 0…1.
        single_leg: Whether there is one leg, with air or the film's edge on both sides.
    """

    column: float | None
    depth: float
    single_leg: bool


def find_leg_valley(image: npt.NDArray, between: tuple[float, float] | None = None) -> LegValley:
    """Find the valley on a film.

    Args:
        image: HxW uint8 or uint16, bone bright.
        between: The columns between which alone it is looked for, those of two joints; then there is one even
            where it is shallow.
    """
    rows = _middle_rows(_shrink(image))
    # Of a leg that is much darker than the other one the roots of the grey levels show more.
    contrasts = [contrast for power in (1.0, 0.5) if (contrast := _contrast(rows**power)) is not None]
    if not contrasts:
        return LegValley(None, 0.0, False)
    # A straight bone that is sheared shows two ridges of its own: lean has to be earned by depth.
    profiles = [_profiles(contrast) for contrast in contrasts]
    depths = [
        (1 - 2 * abs(shear)) * _depths(profile)
        for sheared in profiles
        for shear, profile in zip(_SHEARS, sheared, strict=True)
    ]
    if between is not None:
        first = min(max(int(between[0] * _WIDTH / image.shape[1]), 1), _WIDTH - 2)
        last = min(max(int(between[1] * _WIDTH / image.shape[1]), first), _WIDTH - 2)
        for depth in depths:
            depth[:first] = depth[last + 1 :] = 0
    best = max(depths, key=lambda depth: float(depth.max()))
    at, depth = _middle_of_peak(best), float(best.max())
    if depth >= _DEPTH or (between is not None and depth > 0):
        return LegValley((at + 0.5) * image.shape[1] / _WIDTH, depth, False)
    return LegValley(None, depth, all(_is_single_leg(sheared[_UPRIGHT]) for sheared in profiles))


def _shrink(image: npt.NDArray) -> npt.NDArray[np.float32]:
    """The film at 256 columns, 8 bits, without beads and letters."""
    step = max(image.shape[1] // (2 * _WIDTH), 1)
    height = max(round(image.shape[0] * _WIDTH / image.shape[1]), 16)
    plain = image[::step, ::step]
    if plain.dtype == np.uint16:
        plain = (plain >> 8).astype(np.uint8)
    small = cv2.resize(np.ascontiguousarray(plain), (_WIDTH, height), interpolation=cv2.INTER_AREA)
    return cv2.medianBlur(small, 7).astype(np.float32)


def _middle_rows(small: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The rows in the middle of a film that are no burnt-out bands, spread over 0…1."""
    height = small.shape[0]
    rows = small[int(_ROWS[0] * height) : int(_ROWS[1] * height)]
    rows = rows[(rows > _BURNT).mean(axis=1) < 0.9]
    if not len(rows):
        return rows
    low, high = np.percentile(rows, (1, 99))
    return np.clip((rows - low) / max(high - low, _FAINT), 0, 1)


def _contrast(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32] | None:
    """Rows that show something, each from 0 at its dark to 1 at its bright end; None if there are too few."""
    if len(rows) < _FEWEST:
        return None
    rows[:, _margins(rows)] = 0
    low, high = np.percentile(rows, (5, 95), axis=1, keepdims=True)
    contrasty = (high - low).ravel() > _FLAT
    if contrasty.sum() < _FEWEST:
        return None
    return np.clip((rows - low) / np.maximum(high - low, _FLAT), 0, 1)[contrasty]


def _margins(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Columns from either edge inwards that show one grey only: collimation, burnt-out bands, air."""
    low, high = np.percentile(rows, (5, 95), axis=0)
    flat = high - low < _FLAT
    flat[:2] = flat[-2:] = True  # the last columns can be half of a band and half of what lies beyond it
    return np.logical_and.accumulate(flat) | np.logical_and.accumulate(flat[::-1])[::-1]


def _profiles(contrast: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float64]]:
    """By shear the median over rows, those above and below the middle shifted against the legs' lean."""
    height, width = contrast.shape
    shifts = np.rint(_SHEARS[:, None] * (np.arange(height) - height / 2)).astype(int)
    columns = np.clip(np.arange(width)[:, None] + shifts[:, None], 0, width - 1)  # shear × column × row
    # The median: NumPy sorts short columns in a quarter of the time in which it finds their medians.
    ordered = np.sort(contrast.T[columns, np.arange(height)], axis=2)
    medians = ((ordered[..., (height - 1) // 2] + ordered[..., height // 2]) / 2).astype(np.float64)
    return [cv2.GaussianBlur(median[None], (0, 0), 0.012 * width)[0] for median in medians]


def _depths(profile: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """For every column how deep a valley it is between the ridges on its two sides; 0 outside the places."""
    width = len(profile)
    near, far = (int(share * width) for share in _REACH)
    beyond = np.full(far, -np.inf)
    padded = np.concatenate([beyond, profile, beyond])
    ridges = np.lib.stride_tricks.sliding_window_view(padded, far - near).max(axis=1)
    at = np.arange(int(_PLACES[0] * width), int(_PLACES[1] * width))
    lower = np.minimum(ridges[at], ridges[at + near + far])
    depths = np.zeros(width)
    depths[at] = (lower - profile[at]) * (1 - 0.5 * ((at - width / 2) / (width / 2)) ** 2)
    return depths


def _is_single_leg(profile: npt.NDArray[np.float64]) -> bool:
    """Whether all that is not dark is one run of columns, no wider than a leg and without a dip in it."""
    bright = np.flatnonzero(profile > 0.15 * profile.max())
    if not 1 <= len(bright) <= _LEG * len(profile) or np.ptp(bright) + 1 > len(bright):
        return False
    run = profile[bright]
    full = np.minimum(np.maximum.accumulate(run), np.maximum.accumulate(run[::-1])[::-1])
    return bool((full - run).max() < _HINT)


def _middle_of_peak(depths: npt.NDArray[np.float64]) -> float:
    """The middle of the columns round the deepest that are about as deep: an air gap is flat."""
    top = int(depths.argmax())
    flat = depths > 0.92 * depths[top]
    first = last = top
    while flat[first - 1]:
        first -= 1
    while flat[last + 1]:
        last += 1
    return (first + last) / 2
