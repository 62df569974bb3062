"""What holds for one film after all acts: what passes to the stages, and into their keys."""

from collections.abc import Mapping
from typing import Any

__all__ = ["EXCLUDED", "Correction", "fits", "of_film"]

EXCLUDED = "excluded"  # the reason of what a reviewer left out

Correction = dict[str, Any]
"""JSON: the start of the digest of its `pixels` ("" for any), and what there is of `turn` (degrees
clockwise), `polarity`, `sides` (True each), and, by side ("1", "2", "0" for the film), of `box`, `margins`,
`exclude`."""


def fits(correction: Correction, pixels: str) -> bool:
    """Whether a correction was made on a film of these pixels, given by their digest."""
    return pixels.startswith(correction["pixels"])


def of_film(corrections: Mapping[str, Correction] | None, file: str) -> dict[str, Correction]:
    """What a film's row gains: its `correction`; nothing without one, so that it stays the same item."""
    return {"correction": corrections[file]} if corrections and file in corrections else {}
