"""How one person's bones differ from the mean shape, and how one film's position of the leg shows them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["WAVES", "Pose", "Variation"]

WAVES = 5  # harmonics of a joint surface's own unevenness
_DRAWS = 40  # more than a variation has measures


@dataclass(frozen=True)
class Variation:
    """Multiples near 1 of the mean shape's measures; places in half plateau widths.

    `epicondyles` is how far the femur bulges above its condyles (medial, lateral); `concavity` how hollow the
    medial plateau is; `flank` how steeply the tibia narrows below it (medial, lateral); `patella` is x, y and
    radius; `fibula` x, the height of its top, and its size; `rims` how high the plateaus' rims stand above
    their floors (medial, lateral), in mm: a concave plateau's do, a convex one's lie below; `slope` its
    posterior slope beyond the beam's, in degrees; `scars` the strength of the growth-plate scars;
    `femur_waves` and `tibia_waves` are amplitudes.
    """

    notch_width: float
    notch_depth: float
    notch_lean: float
    condyle_width: float
    epicondyles: tuple[float, float]
    concavity: float
    flank: tuple[float, float]
    flare: float
    shaft: float
    patella: tuple[float, float, float]
    fibula: tuple[float, float, float]
    rims: tuple[float, float]
    slope: float
    scars: float
    femur_waves: tuple[float, ...]
    tibia_waves: tuple[float, ...]

    @classmethod
    def draw(cls, rng: np.random.Generator, wide: float) -> "Variation":
        """Draw one; `wide` scales every spread: 1 for a cohort, more for a detector's training films."""
        return cls._of(rng.standard_normal(_DRAWS), wide)

    @classmethod
    def draw_pair(cls, rng: np.random.Generator, wide: float) -> tuple["Variation", "Variation"]:
        """Draw those of a participant's right and left knee, which are alike; `wide` as above."""
        shared, own = rng.standard_normal(_DRAWS), rng.standard_normal((2, _DRAWS))
        right, left = np.sqrt(0.7) * shared + np.sqrt(0.3) * own
        return cls._of(right, wide), cls._of(left, wide)

    @classmethod
    def _of(cls, draws: NDArray[np.float64], wide: float) -> "Variation":
        draw = iter(np.clip(draws, -2.2, 2.2))

        def near(centre: float, spread: float) -> float:
            return float(centre + wide * spread * next(draw))

        def waves() -> tuple[float, ...]:
            return tuple(near(0.0, 0.005 / (1 + 0.4 * k)) for k in range(WAVES))

        return cls(
            notch_width=near(0.98, 0.08),
            notch_depth=near(0.92, 0.16),
            notch_lean=near(0.0, 0.03),
            condyle_width=near(0.965, 0.022),
            epicondyles=(near(1.0, 0.05), near(0.99, 0.045)),
            concavity=near(1.0, 0.3),
            flank=(near(0.96, 0.07), near(1.05, 0.07)),
            flare=near(1.0, 0.06),
            shaft=near(1.0, 0.08),
            patella=(near(0.18, 0.06), near(-0.98, 0.15), near(0.52, 0.045)),
            fibula=(near(0.93, 0.09), near(0.42, 0.1), near(1.0, 0.1)),
            rims=(near(1.0, 0.5), near(-0.6, 0.6)),
            slope=near(0.0, 2.0),
            scars=float(np.clip(near(1.0, 0.5), 0.1, 2.5)),
            femur_waves=waves(),
            tibia_waves=waves(),
        )


@dataclass(frozen=True)
class Pose:
    """How a knee stood before the film, in degrees from the protocol's: parts by depth shift on the film.

    `rotation` turns the foot inwards, `flexion` bends the knee further, `beam` is the beam's tilt along the
    tibia: it opens or closes the plateaus' rims.
    """

    rotation: float = 0.0
    flexion: float = 0.0
    beam: float = 0.0

    @classmethod
    def draw(cls, rng: np.random.Generator, wide: float) -> "Pose":
        """Draw one; `wide` scales every spread."""
        turn, bend, beam = (wide * s * np.clip(rng.standard_normal(), -2.2, 2.2) for s in (4.5, 5.0, 2.5))
        return cls(float(turn), float(bend), float(beam))
