"""Widths in the reference frame, against joints whose widths follow from a formula."""

import numpy as np
import pytest

from jsl_core.width.frame import LATERAL_PLACES, MEDIAL_PLACES, fit_frame, measure_widths
from jsl_core.width.margins import Compartment, Margins, mirror_margins


def make_joint(medial: float = 10.0, lateral: float = 14.0, turn: float = 0.0) -> Margins:
    """A left knee: condyles are parabolas with their lowest points at x = 60 and 160, on a flat tibia.

    The peripheral tangents are at 10 and 210, so that the lowest points are at 0.25 and 0.75.
    """

    def part(low: float, start: float, width: float) -> Compartment:
        x = np.arange(start, start + 81.0)
        femoral = 100 - 0.01 * (x - low) ** 2
        return Compartment(x, femoral + np.tan(turn) * (x - 110), 100 + width + np.tan(turn) * (x - 110))

    return Margins(part(60, 20, medial), part(160, 120, lateral), (10.0, 210.0), 1.0, 224)


def test_the_axis_touches_both_condyles_and_runs_between_their_peripheral_tangents() -> None:
    frame = fit_frame(make_joint())
    assert frame.origin == pytest.approx((10, 100))
    assert frame.along == pytest.approx((200, 0))
    tilted = fit_frame(make_joint(turn=0.1))
    assert tilted.along[1] / tilted.along[0] == pytest.approx(np.tan(0.1), rel=0.02)


def test_the_least_width_and_the_width_at_each_place_follow_from_the_joints_shape() -> None:
    widths = measure_widths(make_joint())
    assert widths.medial == pytest.approx(10, abs=0.03)
    assert widths.lateral == pytest.approx(14, abs=0.03)
    for places, low, least in ((MEDIAL_PLACES, 0.25, 10), (LATERAL_PLACES, 0.75, 14)):
        for place in places:
            expected = least + 0.01 * (200 * (place - low)) ** 2
            assert widths.at[place] == pytest.approx(expected, abs=0.01)


def test_the_noise_of_single_columns_is_no_least_width() -> None:
    joint, rng = make_joint(), np.random.default_rng(0)
    part = joint.medial
    noisy = Compartment(part.x, part.femoral + rng.normal(0, 0.4, len(part.x)), part.tibial)
    assert (noisy.tibial - noisy.femoral).min() < 9.6
    found = measure_widths(Margins(noisy, joint.lateral, joint.peripheral, 1.0, 224))
    assert found.medial == pytest.approx(10, abs=0.35)


def test_a_tilted_joint_is_measured_across_the_joint_and_not_along_the_films_columns() -> None:
    turn = 0.15
    assert measure_widths(make_joint(turn=turn)).medial == pytest.approx(10 * np.cos(turn), rel=0.02)


def test_a_mirror_image_has_the_same_widths_and_an_enlargement_proportional_ones() -> None:
    joint = make_joint()
    plain, mirrored, large = (
        measure_widths(margins) for margins in (joint, mirror_margins(joint), joint.scaled(3.0, 672))
    )
    assert mirrored.at == pytest.approx(plain.at)
    assert (mirrored.medial, mirrored.lateral) == pytest.approx((plain.medial, plain.lateral))
    assert large.medial == pytest.approx(3 * plain.medial, rel=0.01)
    assert large.at[0.25] == pytest.approx(3 * plain.at[0.25], rel=0.01)


def test_a_place_beyond_the_margins_has_no_width() -> None:
    joint = make_joint()
    short = Compartment(
        *(values[30:] for values in (joint.medial.x, joint.medial.femoral, joint.medial.tibial))
    )
    widths = measure_widths(Margins(short, joint.lateral, joint.peripheral, 1.0, 224))
    assert np.isnan(widths.at[0.150])
    assert np.isfinite(widths.at[0.300])
