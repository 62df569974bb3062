"""Layout of a film: its format, where the knees lie on it, the dose, and the marks on it."""

from dataclasses import dataclass

import numpy as np

from jsl_core.phantom.anatomy import KneeAnatomy
from jsl_core.phantom.variation import Pose, Variation

__all__ = ["Exposure", "FilmMarks", "Layout", "draw_layout"]

# Cassettes, mm, width × height (ISO 4090 sizes), and how often each is met.
_CASSETTES = ((430, 354), (354, 354), (354, 430), (400, 300))
_CASSETTE_SHARES = (0.6, 0.15, 0.1, 0.15)


@dataclass(frozen=True)
class Exposure:
    """Dose and processing. `lower` and `upper` place the window between air, flesh and bone (see film.py)."""

    photons: float
    scatter: float
    blur: float
    lower: float
    upper: float
    gamma: float
    sharpening: float
    shading: tuple[float, float]


@dataclass(frozen=True)
class FilmMarks:
    """Marks beside the knees; lengths are shares of the film's width or height.

    `collimation` is (left, top, right, bottom), `redactions` are (x, y, width, height), `band` is (edge,
    width, brightness).
    """

    letters: bool
    mirrored_letters: bool
    beads: int
    collimation: tuple[float, float, float, float]
    shutter: bool
    redactions: tuple[tuple[float, float, float, float], ...]
    band: tuple[str, float, float] | None


@dataclass(frozen=True)
class Layout:
    """A film: size in pixels, mm per pixel, and per knee its place (mm), tilt (degrees), girth and more."""

    width: int
    height: int
    spacing: float
    knees: tuple[KneeAnatomy, ...]
    centres: tuple[tuple[float, float], ...]
    tilts: tuple[float, ...]
    girths: tuple[float, ...]
    variations: tuple[Variation, ...]
    poses: tuple[Pose, ...]
    exposure: Exposure
    marks: FilmMarks


def draw_layout(
    rng: np.random.Generator,
    knees: tuple[KneeAnatomy, ...],
    variations: tuple[Variation, ...],
    long_side: tuple[int, int],
    wide: bool,
) -> Layout:
    """Lay knees out on a film.

    Args:
        rng: Decides all that is random.
        knees: Right first.
        variations: Of the knees.
        long_side: Least and greatest length of the film's longer side in pixels.
        wide: Also make films of one knee, close-ups and long films, strong tilts and poor exposures, for a
            detector to learn from.
    """
    if wide and rng.random() < 0.45:
        only = int(rng.integers(len(knees)))
        knees, variations = (knees[only],), (variations[only],)
    plateau = max(knee.plateau for knee in knees)
    width, height, centres = _draw_field(rng, len(knees), plateau, wide)
    tilt = 5.0 if wide else 2.2
    long = int(rng.integers(long_side[0], long_side[1], endpoint=True))
    spacing = max(width, height) / long
    return Layout(
        width=round(width / spacing),
        height=round(height / spacing),
        spacing=spacing,
        knees=knees,
        centres=centres,
        tilts=tuple(float(np.clip(tilt * rng.standard_normal(), -12, 12)) for _ in knees),
        girths=tuple(float(np.exp((0.12 if wide else 0.06) * rng.standard_normal())) for _ in knees),
        variations=variations,
        poses=tuple(Pose.draw(rng, 1.6 if wide else 1.0) for _ in knees),
        exposure=_draw_exposure(rng, wide),
        marks=_draw_marks(rng, len(knees), wide),
    )


def _draw_field(
    rng: np.random.Generator, count: int, plateau: float, wide: bool
) -> tuple[float, float, tuple[tuple[float, float], ...]]:
    """Width and height (mm) of the exposed field and the joints' centres in it; every joint box fits in."""
    room = 0.8 * plateau  # from a joint's centre to the edge, at least
    if count == 1:
        width = plateau * np.exp(rng.uniform(np.log(1.6), np.log(3.2)))
        height = width * np.exp(rng.uniform(np.log(0.85), np.log(2.6)))
        x = width / 2 + rng.uniform(-1, 1) * min(0.12 * width, max(width / 2 - room, 0))
        return width, height, ((float(x), _draw_level(rng, height, room, 0.14)),)
    cassette = _CASSETTES[int(rng.choice(len(_CASSETTES), p=_CASSETTE_SHARES))]
    zoom = rng.uniform(0.72, 1.3) if wide else rng.uniform(0.86, 1.0)
    apart = plateau * (rng.uniform(1.35, 2.5) if wide else rng.uniform(1.5, 2.0))
    width = max(cassette[0] * zoom, apart + 2.1 * room)
    height = max(cassette[1] * zoom, 2.2 * room)
    if wide and rng.random() < 0.1:
        height *= rng.uniform(1.2, 1.9)
    middle = width / 2 + rng.uniform(-1, 1) * min(0.06 * width, (width - apart) / 2 - room)
    level = _draw_level(rng, height, room, 0.1)
    step = rng.normal(0, 5.0)
    levels = (float(np.clip(level + sign * step, room, height - room)) for sign in (-0.5, 0.5))
    right, left = (float(middle - apart / 2), float(middle + apart / 2))
    return width, height, tuple(zip((right, left), levels, strict=True))


def _draw_level(rng: np.random.Generator, height: float, room: float, spread: float) -> float:
    return float(np.clip(height * (0.5 + rng.uniform(-spread, spread)), room, height - room))


def _draw_exposure(rng: np.random.Generator, wide: bool) -> Exposure:
    grey_air = wide and rng.random() < 0.3
    upper = rng.uniform(1.05, 1.9 if wide else 1.6)
    burnt = rng.random() < (0.2 if wide else 0.03)
    return Exposure(
        photons=float(np.exp(rng.uniform(np.log(1.5e3), np.log(4e4)))),
        scatter=float(rng.uniform(0.4, 1.4)),
        blur=float(rng.uniform(0.15, 0.6 if wide else 0.5)),
        lower=float(rng.uniform(-0.9, 0.0) if grey_air else rng.uniform(-0.45, 0.85 if wide else 0.45)),
        upper=float(rng.uniform(0.7 if wide else 0.8, 0.98) if burnt else upper),
        gamma=float(np.exp(rng.normal(0, 0.3 if wide else 0.15))),
        sharpening=float(rng.choice([0.0, rng.uniform(0.2, 0.9)])),
        shading=(float(rng.normal(0, 0.08)), float(rng.normal(0, 0.1))),
    )


def _draw_marks(rng: np.random.Generator, count: int, wide: bool) -> FilmMarks:
    more = 1.5 if wide else 1.0
    margins = rng.uniform(0.0, 0.05, 4) * (rng.random(4) < 0.6)
    left, top, right, bottom = (margins if rng.random() < 0.4 * more else 0 * margins).tolist()
    redactions = tuple(
        (float(rng.uniform(0, 0.75)), float(rng.choice([rng.uniform(0, 0.06), rng.uniform(0.86, 0.94)])),
         float(rng.uniform(0.08, 0.25)), float(rng.uniform(0.03, 0.08)))
        for _ in range(int(rng.integers(1, 3)) if rng.random() < 0.25 * more else 0)
    )  # fmt: skip
    edge = str(rng.choice(["left", "right", "top", "bottom"]))
    band = (edge, float(rng.uniform(0.02, 0.08)), float(rng.uniform(0.4, 1.4)))
    return FilmMarks(
        letters=bool(rng.random() < 0.85),
        mirrored_letters=bool(rng.random() < 0.15),
        beads=int(rng.choice([0, 1, 2], p=[0.3, 0.45, 0.25])) if count == 2 else int(rng.random() < 0.15),
        collimation=(left, top, right, bottom),
        shutter=bool(rng.random() < 0.6),
        redactions=redactions,
        band=band if rng.random() < 0.15 * more else None,
    )
