"""Films are cut between the legs where a person would, and sides follow tags before convention."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pytest
from films import as_bytes, dicom, legs, stored

from jsl_core.config import ConvertSettings, PhantomSettings, SplitSettings
from jsl_core.detection.look import look_at_film
from jsl_core.errors import BadScan
from jsl_core.imaging import (
    FilmLook,
    KneeRecord,
    ScanRecord,
    convert_scan,
    decode_png,
    encode_png,
    split_film,
)
from jsl_core.phantom import make_film
from jsl_core.phantom.film import BOX_SIDE

BOTH = SplitSettings()
ORIENTATION_FIELDS = {"view", "laterality", "flipped", "upside_down", "oriented"}


def see(image: np.ndarray) -> FilmLook:
    """The joints of legs drawn by a formula, which tells neither their side nor what is up."""
    look = look_at_film(image)
    joints = [joint.model_copy(update={"side": None, "right": 0.5}) for joint in look.joints]
    return look.model_copy(update={"joints": tuple(joints), "stands": ""})


def film(**tags: Any) -> tuple[ScanRecord, np.ndarray]:
    pixels = tags.pop("pixels", stored(legs(), 12))
    window = {"WindowCenter": 2048, "WindowWidth": 4096}
    record, png = convert_scan(
        as_bytes(dicom(pixels, bits=12, **window, **tags)), "film.dcm", ConvertSettings(), see
    )
    return record, decode_png(png)


def split(record: ScanRecord, image: np.ndarray, settings: SplitSettings = BOTH) -> list[KneeRecord]:
    """The knees of another picture under the same header."""
    record = record.model_copy(update={"look": see(image)})
    return [knee for knee, _ in split_film(encode_png(image), record, settings)]


def reason(record: ScanRecord, image: np.ndarray) -> str:
    with pytest.raises(BadScan) as caught:
        split(record, image)
    return caught.value.code


def cut_of(image: np.ndarray, **tags: Any) -> float:
    """Where a bilateral film is cut, as a share of its width; it must be at a valley."""
    record, _ = film(**tags)
    right, left = split(record, image)
    assert (right.ID, left.ID) == ("1000001_1", "1000001_2")
    assert right.x2 == left.x1
    assert {right.how, left.how} == {"valley"}
    return right.x2 / image.shape[1]


@dataclass(frozen=True)
class Scene:
    """What was done to a film, and between which shares of its width the valley is."""

    image: np.ndarray
    between: tuple[float, float]


def _scenes() -> dict[str, Scene]:
    plain = np.rint(legs() * 255).astype(np.uint8)
    height, width = plain.shape
    middle = (0.42, 0.58)
    scenes = {"plain": Scene(plain, middle)}
    off = np.rint(legs(centers=(0.18, 0.56)) * 255).astype(np.uint8)
    scenes["off-centre"] = Scene(off, (0.3, 0.44))
    scenes["touching thighs"] = Scene(
        np.rint(legs(centers=(0.33, 0.67)) * 255).astype(np.uint8), (0.44, 0.56)
    )
    for side, share in (("left", 0.12), ("right", 0.12)):
        dim = plain.astype(float)
        dim[:, slice(0, width // 2) if side == "left" else slice(width // 2, None)] *= share
        scenes[f"{side} leg dim"] = Scene(dim.astype(np.uint8), middle)
    beads = plain.copy()
    for y in range(4, height, 12):
        cv2.circle(beads, (width // 2 + y % 3, y), 2, 255, -1)
    scenes["bead frame"] = Scene(beads, middle)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 7, 1)
    scenes["tilted"] = Scene(cv2.warpAffine(plain, turn, (width, height)), middle)
    bands = plain.copy()
    bands[:50], bands[215:235], bands[:, -30:] = (
        255,
        255,
        250,
    )  # beside the joints: one that is hidden is lost
    scenes["burnt-out bands"] = Scene(bands, middle)
    short = np.rint(legs(centers=(0.2, 0.5)) * 255).astype(np.uint8)
    # The last column is bright above and dark below.
    short[:, -30:] = 255
    short[height // 2 :, -1] = 0
    scenes["a band short of the edge"] = Scene(short, (0.3, 0.4))
    scenes["faint"] = Scene(100 + plain // 8, middle)
    blocks = plain.copy()
    blocks[20:70, 120:280], blocks[240:, :150] = 0, 0
    scenes["redaction blocks"] = Scene(blocks, middle)
    for grey in (0, 255):
        framed = np.full((height + 80, width + 120), grey, np.uint8)
        framed[30 : 30 + height, 90 : 90 + width] = plain
        between = ((90 + 0.42 * width) / (width + 120), (90 + 0.58 * width) / (width + 120))
        scenes[f"collimated to {grey}"] = Scene(framed, between)
    return scenes


@pytest.mark.parametrize("name", list(_scenes()))
@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "16 bits"])
def test_the_cut_lies_between_the_legs(name: str, deep: bool) -> None:
    scene = _scenes()[name]
    image = scene.image.astype(np.uint16) * 257 if deep else scene.image
    low, high = scene.between
    assert low <= cut_of(image) <= high


@pytest.mark.parametrize("index", range(8))
def test_phantom_films_are_cut_between_their_plateaus(index: int) -> None:
    phantom = make_film(11, index, PhantomSettings(long_side=(500, 600)))
    cut = cut_of(phantom.display) * phantom.display.shape[1]
    (left, _, right, _), (other_left, _, other_right, _) = phantom.boxes[1], phantom.boxes[2]
    margin = 0.5 * (1 - 1 / BOX_SIDE)  # of a joint box beyond the plateau, on each side
    assert right - margin * (right - left) < cut < other_left + margin * (other_right - other_left)


def test_half_is_the_blind_middle() -> None:
    record, _ = film()
    off = np.rint(legs(centers=(0.18, 0.56)) * 255).astype(np.uint8)
    right, left = split(record, off, SplitSettings(at="half"))
    assert (right.x1, right.x2, left.x1, left.x2, right.how) == (0, 200, 200, 400, "half")


def test_a_film_without_a_joint_is_a_reason_and_the_seed_halves_it() -> None:
    record, _ = film()
    blur = np.tile(np.linspace(40, 200, 400).astype(np.uint8), (300, 1))
    assert reason(record, blur) == "no_joint"
    assert {knee.how for knee in split(record, blur, SplitSettings(at="half"))} == {"half"}


def test_a_film_flipped_by_its_tags_is_flipped_back() -> None:
    off = stored(legs(centers=(0.18, 0.56)), 12)
    record, image = film(pixels=off)
    flipped, mirror = film(pixels=np.ascontiguousarray(off[:, ::-1]), PatientOrientation=["R", "F"])
    assert flipped.flipped
    for (knee, png), (back, back_png) in zip(
        split_film(encode_png(image), record, BOTH),
        split_film(encode_png(mirror), flipped, BOTH),
        strict=True,
    ):
        assert (knee.side, knee.ID, knee.y1, knee.y2) == (back.side, back.ID, back.y1, back.y2)
        assert (back.x1, back.x2) == (400 - knee.x2, 400 - knee.x1)  # boxes are in the film as it is
        assert np.array_equal(decode_png(png), decode_png(back_png))


def test_a_film_with_the_feet_up_is_turned_over() -> None:
    plain = stored(legs(centers=(0.18, 0.56)), 12)
    plain[:40, :40] = 4000  # up is up
    record, image = film(pixels=plain)
    for orientation, turned in (("LH", plain[::-1]), ("RH", plain[::-1, ::-1])):
        over, picture = film(pixels=np.ascontiguousarray(turned), PatientOrientation=list(orientation))
        assert ScanRecord.from_words(over.words, **over.model_dump(exclude=ORIENTATION_FIELDS)) == over
        knees, backs = (
            split_film(encode_png(image), record, BOTH),
            split_film(encode_png(picture), over, BOTH),
        )
        for (knee, png), (back, back_png) in zip(knees, backs, strict=True):
            assert knee.side == back.side
            assert np.array_equal(decode_png(png), decode_png(back_png))


def test_right_comes_from_the_left_of_the_film() -> None:
    record, image = film(PatientOrientation=["L", "F"])
    (right, _), (left, _) = split_film(encode_png(image), record, BOTH)
    assert (right.side, right.x1, left.side, left.x2) == (1, 0, 2, 400)


@pytest.mark.parametrize(
    ("tags", "side"),
    [
        ({"ImageLaterality": "R"}, 1),
        ({"Laterality": "L"}, 2),
        ({"SeriesDescription": "PA knee LEFT"}, 2),
        ({"SeriesDescription": "Knee R"}, 1),
        ({"SeriesDescription": "Genou gauche face"}, 2),
        ({"SeriesDescription": "Knie a.p. rechts"}, 1),
    ],
    ids=str,
)
def test_one_knee_takes_its_side_from_the_tags(tags: dict[str, str], side: int) -> None:
    one = stored(legs(360, 280, centers=(0.5,)), 12)
    record, image = film(pixels=one, **tags)
    (knee,) = split(record, image)
    assert (knee.side, knee.how, knee.x1, knee.x2) == (side, "single", 0, 280)


@pytest.mark.parametrize("width", [280, 360, 500], ids=["tall", "square", "wide"])
def test_one_knee_without_a_side_or_where_two_were_promised_is_a_reason(width: int) -> None:
    one = np.full((360, width), 12, np.uint8)
    start = (width - 280) // 3
    one[:, start : start + 280] = np.rint(legs(360, 280, centers=(0.5,)) * 255).astype(np.uint8)
    silent, _ = film()
    both, _ = film(ImageLaterality="B")
    right, _ = film(ImageLaterality="R")
    assert reason(silent, one) == "unknown_side"
    assert reason(both, one) == "one_knee_expected_two"
    (knee,) = split(right, one)
    assert (knee.side, knee.how, knee.x1, knee.x2) == (1, "single", 0, width)


def test_a_film_of_two_knees_that_claims_one_is_a_contradiction() -> None:
    record, image = film(ImageLaterality="R")
    assert reason(record, image) == "unknown_side"


def test_knees_are_cut_from_the_film_without_change() -> None:
    record, image = film()
    for knee, png in split_film(encode_png(image), record, BOTH):
        assert np.array_equal(decode_png(png), image[knee.y1 : knee.y2, knee.x1 : knee.x2])
        assert knee.spacing_mm == 0.2
