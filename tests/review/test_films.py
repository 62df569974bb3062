"""Corrections laid over a film: places found again however it is turned, knees where a reviewer sees them."""

import itertools
from typing import Any

import numpy as np
import pytest

from jsl_core.errors import BadScan
from jsl_core.imaging import FilmLook, ScanRecord, SeenJoint, decode_png, encode_png
from jsl_core.review.film import correct_film, split_as_corrected
from jsl_core.review.film_view import FilmView

HEIGHT, WIDTH = 300, 500
RIGHT, LEFT = (60.0, 100.0, 160.0, 200.0), (330.0, 100.0, 430.0, 200.0)


def film(marks: dict[int, tuple[float, ...]]) -> bytes:
    """A grey film on which the middle of each box has a value of its own."""
    image = np.full((HEIGHT, WIDTH), 40, np.uint8)
    for value, (x1, y1, x2, y2) in marks.items():
        x, y = int(x1 + x2) // 2, int(y1 + y2) // 2
        image[y - 1 : y + 2, x - 1 : x + 2] = value
    return encode_png(image, None)


def scan(joints: tuple[tuple[float, ...], ...] = (RIGHT, LEFT), **facts: Any) -> ScanRecord:
    seen = tuple(SeenJoint(x1=a, y1=b, x2=c, y2=d, score=0.9) for a, b, c, d in joints)
    record = ScanRecord(
        file="a.dcm", participant="1000001", spacing_mm=(0.2, 0.2), spacing_source="tag", width=WIDTH,
        height=HEIGHT, bits=8, photometric="MONOCHROME2", transfer_syntax="", pixels="ab" * 32,
        laterality="B", look=FilmLook(joints=seen, stands="upright"),
    )  # fmt: skip
    return record.model_copy(update=facts)


@pytest.mark.parametrize(
    ("turn", "flipped", "upside_down"),
    list(itertools.product((0, 90, 180, 270), (False, True), (False, True))),
)
def test_a_place_on_the_display_is_where_the_displayed_picture_has_that_pixel(
    turn: int, flipped: bool, upside_down: bool
) -> None:
    stored = np.arange(6 * 9).reshape(6, 9)
    view = FilmView(9, 6, turn, flipped, upside_down)
    shown = view.draw(stored)
    assert shown.shape == view.size[::-1]
    for y, x in np.ndindex(shown.shape):
        at = view.find(x + 0.5, y + 0.5)
        assert stored[int(at[1]), int(at[0])] == shown[y, x]
        assert view.show(*at) == (x + 0.5, y + 0.5)
    assert view.find_box(view.show_box((1, 2, 3, 5))) == (1, 2, 3, 5)


def cut(png: bytes, record: ScanRecord, correction: dict[str, Any], **done: Any) -> dict[int, Any]:
    """What became of each knee, by side: its record, picture and joint's box there."""
    return {
        knee.side: (knee, picture if isinstance(picture, BadScan) else decode_png(picture), facts)
        for knee, picture, facts in split_as_corrected(png, record, {"pixels": ""} | correction, done)
    }


def value_in_box(picture: np.ndarray, facts: dict[str, Any]) -> int:
    x1, y1, x2, y2 = facts["box"]
    return int(picture[int(y1 + y2) // 2, int(x1 + x2) // 2])


def test_a_box_that_was_moved_moves_one_joint_and_leaves_the_other_knees_picture_as_it_was() -> None:
    moved = (330.0, 20.0, 430.0, 120.0)
    png = film({200: moved, 100: RIGHT})
    before, after = cut(png, scan(), {"sides": False}), cut(png, scan(), {"box": {"2": moved}})
    assert value_in_box(after[2][1], after[2][2]) == 200
    assert after[2][2]["corrected"] == ["box"]
    assert after[1][0] == before[1][0]
    assert np.array_equal(after[1][1], before[1][1])
    assert after[1][2] == {}


def test_boxes_on_a_film_of_which_nothing_was_found_make_its_knees() -> None:
    png = film({100: RIGHT, 200: LEFT})
    with pytest.raises(BadScan, match="no knee joint"):
        cut(png, scan(()), {})
    both = cut(png, scan(()), {"box": {"1": RIGHT, "2": LEFT}})
    assert {side: value_in_box(*knee[1:]) for side, knee in both.items()} == {1: 100, 2: 200}
    assert both[1][0].x2 <= both[2][0].x1
    assert both[1][0].side_from == "review"
    one = cut(png, scan(()), {"box": {"2": LEFT}})
    assert (set(one), one[2][0].x1, one[2][0].x2) == ({2}, 0, WIDTH)


def test_swapped_sides_of_two_knees_mirror_the_film_and_of_one_name_it() -> None:
    png = film({100: RIGHT, 200: LEFT})
    plain, swapped = cut(png, scan(), {}), cut(png, scan(), {"sides": True})
    assert np.array_equal(plain[1][1], swapped[2][1][:, ::-1])
    assert (swapped[2][0].x1, swapped[2][0].x2) == (plain[1][0].x1, plain[1][0].x2)
    record = scan((RIGHT,), laterality="R")
    assert set(cut(png, record, {})) == {1}
    named = cut(png, record, {"sides": True})
    assert np.array_equal(named[2][1], cut(png, record, {})[1][1])


def test_a_film_on_its_side_is_turned_looked_at_again_and_its_box_found_where_it_was_drawn() -> None:
    png = film({100: RIGHT, 200: LEFT})
    looked_at = []

    def look(image: np.ndarray) -> FilmLook:
        looked_at.append(image.shape)
        return FilmLook(stands="upright")

    record, turned, done = correct_film(
        scan((), flipped=True), png, {"pixels": "", "turn": 90, "polarity": True}, look
    )
    assert looked_at == [(WIDTH, HEIGHT)]
    assert (record.width, record.height, record.flipped) == (HEIGHT, WIDTH, False)
    assert done == {"turn": 90, "tags": [True, False], "polarity": True}
    assert np.array_equal(decode_png(turned), 255 - np.rot90(decode_png(png), -1))
    knees = cut(turned, record, {"box": {"1": LEFT}}, **done)
    assert value_in_box(*knees[1][1:]) == 255 - 200


def test_a_knee_that_is_left_out_tells_that_its_film_was_mirrored() -> None:
    knees = cut(film({}), scan(), {"sides": True, "exclude": {"1": "blurred"}})
    assert knees[1][2] == {"corrected": ["sides"], "mirrored": True}


def test_what_a_reviewer_leaves_out_has_their_reason_and_the_other_knee_stays() -> None:
    png = film({})
    knees = cut(png, scan(), {"exclude": {"1": "brace"}})
    assert str(knees[1][1]) == "left out by a reviewer: brace"
    assert knees[1][1].code == "excluded"
    assert isinstance(knees[2][1], np.ndarray)
    with pytest.raises(BadScan, match="left out by a reviewer: not a knee"):
        cut(png, scan(), {"exclude": {"0": "not a knee"}})


def test_margins_drawn_on_the_film_come_out_on_the_knee_from_left_to_right() -> None:
    line = [(340.0, 150.0), (400.0, 152.0)]
    margins = {part: dict.fromkeys(("femoral", "tibial"), line) for part in ("medial", "lateral")}
    knees = cut(film({}), scan(), {"margins": {"2": margins}})
    start = knees[2][0].x1
    assert knees[2][2]["margins"]["medial"]["femoral"] == [[340 - start, 150], [400 - start, 152]]
