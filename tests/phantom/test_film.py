"""What a phantom film shows is what its truth says."""

from dataclasses import replace

import numpy as np
import pytest

from jsl_core.config import PhantomSettings
from jsl_core.phantom import make_film
from jsl_core.phantom.anatomy import KneeAnatomy, draw_anatomy, make_generator
from jsl_core.phantom.position import KneePosition
from jsl_core.phantom.projection import project_bones
from jsl_core.phantom.surfaces import femoral_surface, tibial_surface
from jsl_core.phantom.variation import Pose, Variation

SMALL = PhantomSettings(long_side=(500, 700))


@pytest.fixture(scope="module")
def knee() -> KneeAnatomy:
    return replace(draw_anatomy(make_generator(1, 0, "anatomy")).knee(0, 1), alignment=0.0)


def test_films_follow_from_seed_and_number_alone() -> None:
    film, again, other = make_film(3, 7, SMALL), make_film(3, 7, SMALL), make_film(3, 8, SMALL)
    np.testing.assert_array_equal(film.display, again.display)
    assert film.boxes == again.boxes
    assert film.knees != other.knees
    more = make_film(3, 7, SMALL.model_copy(update={"patients": 999}))
    np.testing.assert_array_equal(film.display, more.display)


@pytest.mark.parametrize("hard", [False, True])
def test_boxes_are_square_inside_the_film_and_as_wide_as_the_joint(hard: bool) -> None:
    for index in range(6):
        film = make_film(11, index, SMALL, hard)
        height, width = film.display.shape
        for knee in film.knees:
            x1, y1, x2, y2 = film.boxes[knee.side]
            assert x2 - x1 == pytest.approx(1.45 * knee.plateau / film.spacing_mm, rel=0.01)
            assert y2 - y1 == pytest.approx(x2 - x1, rel=0.01)
            assert 0 <= x1 < x2 <= width
            assert 0 <= y1 < y2 <= height


def test_the_right_knee_is_on_the_left_of_the_film() -> None:
    for index in range(5):
        boxes = make_film(2, index, SMALL).boxes
        assert boxes[1][0] < boxes[2][0]


def test_the_joint_line_is_a_dark_band_at_54_percent_of_the_box() -> None:
    shares = []
    for index in range(8):
        film = make_film(21, index, SMALL)
        for knee in film.knees:
            if min(knee.mjsw_medial, knee.mjsw_lateral) < 2:
                continue
            x1, y1, x2, _ = film.boxes[knee.side]
            side, middle = x2 - x1, (x1 + x2) / 2
            # The weight-bearing thirds of both compartments; tilt raises one as much as it lowers the other.
            rows = np.zeros(round(0.2 * side))
            top = round(y1 + 0.44 * side)
            for sign in (-1, 1):
                column = round(middle + sign * 0.21 * side)
                rows += film.display[top : top + len(rows), column - 3 : column + 4].mean(axis=1)
            shares.append((top + rows.argmin() + 0.5 - y1) / side)
    assert np.median(shares) == pytest.approx(0.54, abs=0.015)


@pytest.mark.parametrize(("medial", "lateral"), [(4.5, 5.8), (2.0, 5.5), (0.4, 6.0), (5.0, 0.9)])
def test_the_gap_between_the_bones_is_the_mjsw(knee: KneeAnatomy, medial: float, lateral: float) -> None:
    narrowed = replace(knee, mjsw_medial=medial, mjsw_lateral=lateral)
    variation = Variation.draw(np.random.default_rng(0), 1.0)
    for sign, width in ((-1, medial), (1, lateral)):
        u = sign * np.linspace(0.36, 0.85, 300)
        gap = tibial_surface(narrowed, variation, u) - femoral_surface(narrowed, variation, u)
        assert gap.min() == pytest.approx(width, abs=0.02)


def test_mjsw_measured_on_the_projection_follows_the_truth(knee: KneeAnatomy) -> None:
    spacing = 0.15
    truth = [0.6, 1.5, 2.5, 3.5, 4.5]
    measured = []
    for width in truth:
        narrowed = replace(knee, mjsw_medial=width, sclerosis_medial=0.1, osteophytes=(0.0, 0.0, 0.0, 0.0))
        # No rim stands before the plateau's floor, where a threshold would stop.
        variation = replace(Variation.draw(np.random.default_rng(0), 1.0), rims=(-3.0, -3.0))
        position = KneePosition(1, (80.0, 60.0), 0.0, spacing)
        _, bone = project_bones(narrowed, variation, Pose(), position, (800, 1067), np.random.default_rng(0))
        # A right knee's medial side is on the image's right.
        half = knee.plateau / 2
        first = round((80 + 0.45 * half) / spacing) - (round((80 - 1.45 * half) / spacing))
        columns = bone[
            round(48 / spacing) : round(68 / spacing), first : first + round(0.35 * half / spacing)
        ]
        dark = columns < 0.25 * np.percentile(columns, 90)
        measured.append(dark.sum(axis=0).min() * spacing)
    assert measured == sorted(measured)
    np.testing.assert_allclose(measured, truth, atol=0.5)


def test_sclerosis_and_density_brighten_the_medial_plateau(knee: KneeAnatomy) -> None:
    def medial_bone(changed: KneeAnatomy) -> float:
        variation = Variation.draw(np.random.default_rng(0), 1.0)
        position = KneePosition(2, (75.0, 50.0), 0.0, 0.3)  # a left knee's medial side is on the image's left
        _, bone = project_bones(changed, variation, Pose(), position, (400, 500), np.random.default_rng(0))
        middle = bone.shape[1] // 2
        half = round(knee.plateau / 2 / 0.3)
        return float(
            bone[round(55 / 0.3) : round(65 / 0.3), middle - round(0.7 * half) : middle - half // 3].mean()
        )

    plain = replace(knee, side=2, density_ratio=1.0, sclerosis_medial=0.0)
    assert medial_bone(replace(plain, density_ratio=1.3)) > 1.1 * medial_bone(plain)
    assert medial_bone(replace(plain, sclerosis_medial=0.8)) > 1.1 * medial_bone(plain)


def test_hard_films_include_single_knees_of_either_side() -> None:
    sides = [
        tuple(make_film(4, index, PhantomSettings(long_side=(300, 320)), hard=True).boxes)
        for index in range(24)
    ]
    assert {(1,), (2,), (1, 2)} <= set(sides)
