"""Agreement of readings, against published examples."""

import numpy as np
import pytest

from jsl_core.width.agreement import _icc, agree, dice, standardised_response_mean


def test_the_intraclass_correlation_is_that_of_shrout_and_fleiss() -> None:
    """Six targets, four judges: ICC(2,1) = 0.29 (Psychol Bull 1979, 86:420, table 2 and 4)."""
    ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    assert _icc(np.array(ratings, float)) == pytest.approx(0.29, abs=0.005)


def test_a_constant_difference_is_bias_and_lowers_the_icc_and_not_the_correlation() -> None:
    first = np.array([1.0, 2, 3, 4, 5, np.nan])
    found = agree(first + 0.5, first)
    assert (found.n, found.bias, found.mean_absolute) == (5, 0.5, 0.5)
    assert found.low == pytest.approx(0.5)
    assert found.correlation == pytest.approx(1)
    assert found.icc == pytest.approx(2.5 / (2.5 + 0.125))


def test_two_readings_of_fewer_than_three_knees_are_refused() -> None:
    with pytest.raises(ValueError, match="three"):
        agree(np.array([1.0, 2, np.nan]), np.array([1.0, 2, 3]))


def test_the_response_mean_is_the_mean_change_over_its_spread() -> None:
    assert standardised_response_mean(np.array([-1.0, -2, -3, np.nan])) == pytest.approx(-2)


def test_dice_counts_the_common_part_twice() -> None:
    one, other = np.zeros((2, 4), bool), np.zeros((2, 4), bool)
    one[0], other[0, 2:] = True, True
    assert dice(one, other) == pytest.approx(4 / 6)
    assert dice(one, one) == 1
    assert dice(~one & one, ~one & one) == 1
