"""Marks on a film beside the knees: lead letters, the frame's beads, collimation, redaction."""

import cv2
import numpy as np

from jsl_core.phantom.layout import Layout
from jsl_core.phantom.raster import Image

__all__ = ["add_lead_markers", "collimate", "redact"]


def add_lead_markers(attenuation: Image, layout: Layout, rng: np.random.Generator) -> None:
    """Draw letters and beads into the attenuation (float32 H×W at film resolution), in place."""
    height = attenuation.shape[0]
    mm = 1 / layout.spacing
    if layout.marks.letters:
        size = rng.uniform(9, 16)
        y = height * (rng.uniform(0.05, 0.16) if rng.random() < 0.7 else rng.uniform(0.86, 0.95))
        for knee, (x, _) in zip(layout.knees, layout.centres, strict=True):
            outward = -1 if knee.side == 1 else 1
            at = x + outward * rng.uniform(0.75, 0.95) * knee.plateau
            at = float(np.clip(at, size, attenuation.shape[1] * layout.spacing - size))
            letter = "R" if knee.side == 1 else "L"
            _stamp(
                attenuation, _draw_glyph(letter, size * mm, layout.marks.mirrored_letters), at * mm, y, 3.0
            )
    for column in range(layout.marks.beads):
        x = _frame_x(layout) + (column * 14 + rng.uniform(-3, 3)) * (-1 if rng.random() < 0.5 else 1)
        _add_beads(attenuation, x * mm, rng.uniform(8, 16) * mm, rng.uniform(1.1, 1.8) * mm, rng)


def collimate(log_signal: Image, layout: Layout, unexposed: float) -> None:
    """Set the log signal H×W outside the collimator, in place: black behind a shutter, else `unexposed`."""
    height, width = log_signal.shape
    left, top, right, bottom = layout.marks.collimation
    value = -10.0 if layout.marks.shutter else unexposed
    log_signal[:, : round(left * width)] = value
    log_signal[:, width - round(right * width) :] = value
    log_signal[: round(top * height)] = value
    log_signal[height - round(bottom * height) :] = value


def redact(display: Image, layout: Layout) -> None:
    """Draw redaction blocks (black) and a bright band into the picture (H×W in 0…1), in place."""
    height, width = display.shape
    if layout.marks.band:
        edge, share, gain = layout.marks.band
        span = round(share * (width if edge in ("left", "right") else height))
        strip = {
            "left": display[:, :span], "right": display[:, width - span :],
            "top": display[:span], "bottom": display[height - span :],
        }[edge]  # fmt: skip
        np.clip(strip + 0.5 * gain, 0, 1, out=strip)
    for x, y, w, h in layout.marks.redactions:
        display[round(y * height) : round((y + h) * height), round(x * width) : round((x + w) * width)] = 0


def _frame_x(layout: Layout) -> float:
    """The frame's x in mm: between the legs, or beside a single one."""
    xs = [x for x, _ in layout.centres]
    if len(xs) == 2:
        return sum(xs) / 2
    knee = layout.knees[0]
    medial = 1 if knee.side == 1 else -1
    return float(np.clip(xs[0] + medial * 0.85 * knee.plateau, 4, layout.width * layout.spacing - 4))


def _draw_glyph(letter: str, size: float, mirrored: bool) -> Image:
    """A letter about `size` pixels tall, 0-1."""
    scale, thickness = size / 22, max(1, round(size / 7))
    (w, h), base = cv2.getTextSize(letter, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
    glyph = np.zeros((h + base + 4, w + 4), np.float32)
    cv2.putText(glyph, letter, (2, h + 2), cv2.FONT_HERSHEY_SIMPLEX, scale, (1.0,), thickness, cv2.LINE_AA)
    return np.ascontiguousarray(glyph[:, ::-1]) if mirrored else glyph


def _stamp(image: Image, patch: Image, x: float, y: float, gain: float) -> None:
    """Add a patch centred on (x, y) pixels; what falls outside is cut off."""
    top, left = round(y - patch.shape[0] / 2), round(x - patch.shape[1] / 2)
    y1, x1 = max(top, 0), max(left, 0)
    y2, x2 = min(top + patch.shape[0], image.shape[0]), min(left + patch.shape[1], image.shape[1])
    if y2 > y1 and x2 > x1:
        image[y1:y2, x1:x2] += gain * patch[y1 - top : y2 - top, x1 - left : x2 - left]


def _add_beads(image: Image, x: float, pitch: float, radius: float, rng: np.random.Generator) -> None:
    """A column of steel balls, a little off the vertical."""
    span = int(2 * radius) + 3
    grid = (np.mgrid[-span : span + 1, -span : span + 1] / radius).astype(np.float32)
    ball = np.sqrt(np.maximum(1 - grid[0] ** 2 - grid[1] ** 2, 0))
    begin, end = sorted(rng.uniform(0, 1, 2)) if rng.random() < 0.4 else (0.0, 1.0)
    lean = rng.normal(0, 0.015)
    for y in np.arange(begin * image.shape[0] + pitch / 2, end * image.shape[0], pitch):
        _stamp(image, ball, x + lean * y, y, 2.2)
