"""Draws the metal of a knee replacement as a frontal film shows it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from jsl_core.phantom.film import BOX_SIDE, JOINT_LINE

__all__ = ["draw_implant"]

# Outlines by eye, in widths of the tibial plateau, about the middle of the joint line (x, y down).
FEMORAL = (
    (-0.5, -0.3),
    (-0.5, -0.1),
    (-0.4, -0.02),
    (-0.2, -0.03),
    (-0.1, -0.12),
    (-0.08, -0.26),
    (-0.3, -0.24),
)
TRAY = ((-0.48, 0.05), (0.0, 0.05), (0.0, 0.1), (-0.47, 0.1))
STEM = ((-0.07, 0.08), (0.0, 0.08), (0.0, 0.4), (-0.05, 0.4))


def draw_implant(film: NDArray[np.float32], box: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Draw a total or one-sided replacement on a film in place, into a square joint box.

    Args:
        film: float32 H×W in 0…255.
        box: (x1, y1, x2, y2) in pixels of the film.
        rng: Decides size, angle and kind.
    """
    width = float(box[2] - box[0]) / BOX_SIDE
    middle = (box[0] + box[2]) / 2, box[1] + JOINT_LINE * (box[3] - box[1])
    sides = [-1.0, 1.0] if rng.random() < 0.7 else [float(rng.choice([-1.0, 1.0]))]
    size, angle = float(rng.uniform(0.92, 1.08)), float(np.radians(rng.normal(0, 3)))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    mask = np.zeros(film.shape, np.uint8)
    for part in (FEMORAL, TRAY, STEM) if len(sides) == 2 else (FEMORAL, TRAY):
        for side in sides:
            outline = (np.array(part) * [side * size, size]) @ turn.T * width + middle
            cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    share = mask.astype(np.float32) / 255
    film += share * (np.float32(rng.uniform(225, 275)) - film)
