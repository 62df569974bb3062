"""The network for margins: what it finds on phantoms, what it refuses, and how it is taught."""

import cv2
import numpy as np
import pytest
import torch

from jsl_core.detection.model import read_safetensors
from jsl_core.detection.tensors import set_weights
from jsl_core.errors import BadScan
from jsl_core.width.contours import (
    FIRST_ROW,
    ROWS,
    SHIPPED_CONTOURS,
    ContourReader,
    contour_layout,
    likeliest_rows,
)
from jsl_core.width.near import track_near
from jsl_core.width.reader import MarginReader
from jsl_core.width.tracking import GRID, even_out, row_edges
from jsl_core.width.training.contours import ContourNetwork, train_contours
from jsl_core.width.training.labels import KneeLabels
from jsl_core.width.training.phantoms import make_phantom_joints


@pytest.fixture(scope="module")
def phantoms() -> list[KneeLabels]:
    """Joints of phantoms that the network has not learned from."""
    return make_phantom_joints(6, seed=77, jobs=1)


def test_margins_of_phantoms_are_found_within_a_pixel(phantoms: list[KneeLabels]) -> None:
    reader = ContourReader.load()
    apart = []
    for knee in phantoms:
        known = np.flatnonzero(np.isfinite(knee.margins).all(0))
        rows, _ = likeliest_rows(reader.read(even_out(knee.picture)), known)
        apart.append(np.median(np.abs(rows - knee.margins[:, known]), axis=1))
    assert np.median(apart) < 1.0


def test_opencv_answers_as_pytorch_does(phantoms: list[KneeLabels]) -> None:
    network = ContourNetwork().eval()
    set_weights(network, read_safetensors(contour_layout(), SHIPPED_CONTOURS, "")[0])
    evened = even_out(phantoms[0].picture)
    with torch.no_grad():
        logits = network(torch.from_numpy(evened[None, None, FIRST_ROW : FIRST_ROW + ROWS]))[0]
    likely = torch.softmax(logits, 1).numpy()
    read = ContourReader.load().read(evened)[:, FIRST_ROW : FIRST_ROW + ROWS]
    for answer, own in zip(read, likely, strict=True):
        wide = cv2.resize(np.log(own + 1e-4), (GRID, ROWS), interpolation=cv2.INTER_LINEAR)
        assert np.abs(answer - wide).max() < 1e-3


@pytest.mark.parametrize("spread", [0.0, 3.0, 6.0, 12.0, 25.0])
def test_noise_has_no_margins(spread: float) -> None:
    reader, draw = MarginReader.load(), np.random.default_rng(3)
    for _ in range(4):
        noise = draw.normal(size=(GRID, GRID))
        smooth = cv2.GaussianBlur(noise, (0, 0), spread) if spread else noise
        picture = cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)  # type: ignore[call-overload]
        with pytest.raises(BadScan, match="margins"):
            reader.read(picture, 1)


def test_of_two_equal_edges_the_likelier_one_is_the_margin() -> None:
    picture = np.full((GRID, GRID), 160, np.uint8)
    picture[100:110] = 60
    picture[118:] = 220  # a second rim, as clear as the first
    columns = np.arange(30, 90)
    usual = np.stack([np.full(60, 100.0), np.full(60, 114.0)])
    found = {}
    for row in (110, 118):
        chances = np.full((2, GRID, GRID), np.log(1e-4), np.float32)
        chances[0, 99:102] = chances[1, row - 1 : row + 2] = 0
        margins = track_near(row_edges(picture), even_out(picture), chances, columns, usual)
        found[row] = float(np.median(margins[1]))
    assert found == {110: pytest.approx(110, abs=1), 118: pytest.approx(118, abs=1)}


def test_a_network_learns_margins(phantoms: list[KneeLabels]) -> None:
    losses: list[float] = []
    shares = np.ones(len(phantoms))
    train_contours(phantoms, shares, 3, 48, report=lambda line: losses.append(float(line.split()[-1])))
    assert losses[-1] < 0.8 * losses[0]
