"""Margins tracked near a usual shape, against drawn bands whose edges are known."""

import cv2
import numpy as np

from jsl_core.width.near import track_near
from jsl_core.width.tracking import even_out, row_edges

X = np.arange(20, 200)
TOP = 110.0 + 10 * np.sin(X / 40)
BOTTOM = TOP + 14


def draw(bottom: np.ndarray, top: np.ndarray = TOP, second: np.ndarray | None = None) -> np.ndarray:
    """Bone round a joint space, its floor brighter; with a second, fainter rim above the floor."""
    y = np.arange(224.0)[:, None]
    picture = np.full((224, 224), 170.0)
    columns = picture[:, X]
    columns[(y > top) & (y < bottom)] = 90
    if second is not None:
        columns[(y > second) & (y < bottom)] = 125
    columns[(y >= bottom) & (y < bottom + 4)] = 200
    picture[:, X] = columns
    picture = cv2.GaussianBlur(picture, (0, 0), 0.8) + np.random.default_rng(0).normal(0, 4, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def track(picture: np.ndarray, usual: np.ndarray) -> np.ndarray:
    nothing_told = np.zeros((2, *picture.shape), np.float32)
    return track_near(row_edges(picture), even_out(picture), nothing_told, X, usual)


def test_both_margins_are_found_though_the_shape_is_three_rows_off_and_flatter() -> None:
    usual = np.stack([np.full(len(X), TOP.mean()), np.full(len(X), BOTTOM.mean())])
    usual += 0.7 * (TOP - TOP.mean()) + 3
    femoral, tibial = track(draw(BOTTOM), usual)
    assert np.abs(femoral - TOP).mean() < 0.8
    assert np.abs(tibial - BOTTOM).mean() < 0.8


def test_a_tibial_margin_does_not_cross_to_the_other_rim_where_its_own_is_faint_for_a_while() -> None:
    rim = BOTTOM - 5
    picture = draw(BOTTOM, second=rim)
    picture[:, 95:110] = cv2.GaussianBlur(picture, (0, 0), 3)[:, 95:110]
    _, tibial = track(picture, np.stack([TOP, BOTTOM]))
    assert np.abs(tibial - BOTTOM).max() < 2


def test_bone_on_bone_closes_the_space() -> None:
    closed = np.where(X < 110, BOTTOM - 1, TOP)
    femoral, tibial = track(draw(BOTTOM, top=closed), np.stack([np.where(X < 110, BOTTOM - 5, TOP), BOTTOM]))
    apart = (tibial - femoral)[X < 105]
    assert apart.mean() < 2.5
    assert (tibial - femoral)[X > 118].mean() > 12
