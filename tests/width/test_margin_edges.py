"""Tracked and refined margins, against drawn bands whose edges are known to a fraction of a pixel."""

import cv2
import numpy as np
import pytest

from jsl_core.width.margins import Compartment, Margins
from jsl_core.width.refine import refine_margin, refining_edges
from jsl_core.width.region import LATERAL, MEDIAL, draw_mask
from jsl_core.width.tracking import even_out, row_edges, track_pair

X = np.arange(224.0)
TOP = 110.3 + 8 * np.sin(X / 40)
BOTTOM = TOP + 9.4 + 2 * np.cos(X / 25)


def draw_band(scale: int = 1, noise: float = 4.0) -> np.ndarray:
    """Bone of 170 round a joint space of 90, by the share of each pixel that it covers; blur, noise."""
    fine = 8
    y = (np.arange(224 * fine) + 0.5)[:, None] / fine - 0.5
    covered = ((y > TOP) & (y < BOTTOM)).reshape(224, fine, 224).mean(1)
    picture = cv2.GaussianBlur(170 - 80 * covered.astype(np.float32), (0, 0), 0.8)
    if scale > 1:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    picture += np.random.default_rng(0).normal(0, noise, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def test_both_margins_are_tracked_to_a_pixel() -> None:
    picture = draw_band()
    columns = np.arange(20, 200)
    pair = track_pair(row_edges(picture), even_out(picture), columns, (80, 150))
    assert np.abs(pair.femoral - TOP[columns]).max() < 1.5
    assert np.abs(pair.tibial - BOTTOM[columns]).max() < 1.5


@pytest.mark.parametrize("scale", [1, 3])
def test_a_margin_a_pixel_off_is_moved_to_the_edge(scale: int) -> None:
    edges = refining_edges(draw_band(scale), scale)
    x = np.arange(20.0, 200)
    for truth, brighter in ((TOP, False), (BOTTOM, True)):
        start = ((truth[20:200] + 0.8) + 0.5) * scale - 0.5
        found = refine_margin(edges, (x + 0.5) * scale - 0.5, start, brighter, 1.5, scale)
        apart = (found + 0.5) / scale - 0.5 - truth[20:200]
        assert np.abs(apart).mean() < 0.15
        assert abs(apart.mean()) < 0.06


def test_a_margin_without_an_edge_of_its_kind_stays_where_it_is() -> None:
    edges = refining_edges(255 - draw_band(noise=0), 1)
    x = np.arange(20.0, 200)
    found = refine_margin(edges, x, TOP[20:200], False, 1.5, 1)
    assert found == pytest.approx(TOP[20:200])


def test_the_mask_holds_the_pixels_between_the_margins_of_either_compartment() -> None:
    left, right = np.arange(20.0, 100), np.arange(130.0, 200)
    parts = [Compartment(x, TOP[x.astype(int)], BOTTOM[x.astype(int)]) for x in (left, right)]
    mask = draw_mask(Margins(parts[0], parts[1], (10.0, 210.0), 1.0, 224), (224, 224))
    assert set(np.unique(mask)) == {0, LATERAL, MEDIAL}
    for value, x in ((MEDIAL, left), (LATERAL, right)):
        columns = np.flatnonzero((mask == value).any(0))
        assert columns.tolist() == x.astype(int).tolist()
        assert (mask == value).sum() == pytest.approx((BOTTOM - TOP)[columns].sum(), rel=0.02)
