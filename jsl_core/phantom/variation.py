"""Deviation of one participant's bones from the mean shape."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Variation"]


@dataclass(frozen=True)
class Variation:
    """Multiples near 1 of the mean shape's measures; places in half plateau widths.

    `patella` is x, y and radius; `fibula` x, the height of its top, and its size; `rim_tilt` how far (mm) the
    plateaus' farther rim shows below the nearer one.
    """

    notch_width: float
    notch_depth: float
    condyle_width: float
    flare: float
    shaft: float
    patella: tuple[float, float, float]
    fibula: tuple[float, float, float]
    rim_tilt: float

    @classmethod
    def draw(cls, rng: np.random.Generator, wide: float) -> "Variation":
        """Draw one; `wide` scales every spread: 1 for a cohort, more for a detector's training films."""

        def near(centre: float, spread: float) -> float:
            return float(centre + wide * spread * np.clip(rng.standard_normal(), -2.2, 2.2))

        return cls(
            notch_width=near(1.0, 0.08),
            notch_depth=near(1.0, 0.12),
            condyle_width=near(0.97, 0.025),
            flare=near(1.0, 0.07),
            shaft=near(1.0, 0.07),
            patella=(near(0.08, 0.08), near(-1.25, 0.16), near(0.56, 0.04)),
            fibula=(near(0.92, 0.05), near(0.5, 0.06), near(1.0, 0.08)),
            rim_tilt=near(2.2, 0.9),
        )
