"""Side from anatomy on phantom knees, whose side is known by construction."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from jsl_core.config import PhantomSettings, SideTrainSettings
from jsl_core.detection.side import SHIPPED_SIDE, SideReader
from jsl_core.detection.training.side import train_side
from jsl_core.detection.training.side_crops import SideCrop, read_side_crops
from jsl_core.detection.training.side_metrics import measure_side
from jsl_core.errors import BadTable, DetectorError
from jsl_core.phantom.film import PhantomFilm, make_film

SEED = 900003  # of films that no training draws


@pytest.fixture(scope="module")
def reader() -> SideReader:
    return SideReader.load()


@pytest.fixture(scope="module")
def films() -> list[PhantomFilm]:
    return [make_film(SEED, index, PhantomSettings(long_side=(600, 600))) for index in range(8)]


def sides(reader: SideReader, film: NDArray[np.unsignedinteger], boxes: dict) -> list[int | None]:
    return [reading.side for reading in reader.read_boxes(film, list(boxes.values()))]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("negative", [False, True])
def test_knees_of_phantoms_are_told_and_a_mirrored_film_turns_them_round(
    reader: SideReader, films: list[PhantomFilm], negative: bool, dtype: type
) -> None:
    right = wrong = knees = 0
    for film in films:
        shown = cv2.bitwise_not(film.display) if negative else film.display
        pixels = shown.astype(dtype) * (1 if dtype is np.uint8 else 257)
        width = pixels.shape[1]
        mirrored = {side: (width - x2, y1, width - x1, y2) for side, (x1, y1, x2, y2) in film.boxes.items()}
        answers = sides(reader, pixels, film.boxes)
        turned = sides(reader, np.ascontiguousarray(pixels[:, ::-1]), mirrored)
        assert turned == [side and 3 - side for side in answers]
        knees += len(answers)
        right += sum(side == truth for side, truth in zip(answers, film.boxes, strict=True))
        wrong += sum(side == 3 - truth for side, truth in zip(answers, film.boxes, strict=True))
    assert wrong == 0
    assert right >= 0.8 * knees


def test_both_knees_of_a_film_are_read_as_crops_are(reader: SideReader, films: list[PhantomFilm]) -> None:
    film = films[0]
    boxes = [tuple(round(edge) for edge in box) for box in film.boxes.values()]
    crops = [film.display[y1:y2, x1:x2] for x1, y1, x2, y2 in boxes]
    from_film = reader.read_boxes(
        film.display, [(float(a), float(b), float(c), float(d)) for a, b, c, d in boxes]
    )
    assert [reading.right for reading in from_film] == pytest.approx(
        [reading.right for reading in reader.read(crops)], abs=0.02
    )


def test_a_picture_of_no_knee_is_unknown(reader: SideReader) -> None:
    rng = np.random.default_rng(0)
    letter = np.zeros((200, 200), np.uint8)
    cv2.putText(letter, "R", (40, 160), cv2.FONT_HERSHEY_DUPLEX, 5, 250, 12, cv2.LINE_AA)
    pictures = [
        np.zeros((224, 224), np.uint8),
        np.full((7, 300), 65535, np.uint16),
        np.zeros((0, 5), np.uint8),
        np.tile(np.arange(200, dtype=np.uint8), (200, 1)),
        letter,
        *(rng.integers(0, 256, (150 + index, 150)).astype(np.uint8) for index in range(20)),
    ]
    assert [reading.side for reading in reader.read(pictures)] == [None] * len(pictures)
    assert [reading.right for reading in reader.read(pictures[:3])] == pytest.approx([0.5] * 3)
    assert reader.read([]) == []


def test_knees_upside_down_are_hardly_ever_told(reader: SideReader, films: list[PhantomFilm]) -> None:
    answers = []
    for film in films:
        height, width = film.display.shape
        boxes = {
            side: (width - x2, height - y2, width - x1, height - y1)
            for side, (x1, y1, x2, y2) in film.boxes.items()
        }
        answers += sides(reader, np.ascontiguousarray(film.display[::-1, ::-1]), boxes)
    assert sum(side is not None for side in answers) <= 0.2 * len(answers)


def test_letters_beside_the_joint_do_not_decide(reader: SideReader, films: list[PhantomFilm]) -> None:
    for film in films:
        pixels = film.display.copy()
        for side, (x1, y1, x2, y2) in film.boxes.items():
            at = int(x1 + 0.02 * (x2 - x1)), int(y1 + 0.16 * (y2 - y1))
            cv2.putText(pixels, "L" if side == 1 else "R", at, cv2.FONT_HERSHEY_DUPLEX, 1.0, 250, 3)
        assert all(
            side in (None, truth)
            for side, truth in zip(sides(reader, pixels, film.boxes), film.boxes, strict=True)
        )


def test_a_box_beyond_the_film_repeats_its_edge(reader: SideReader, films: list[PhantomFilm]) -> None:
    film = films[0]
    x1, y1, x2, y2 = film.boxes[1]
    outside = (-500.0, -500.0, -300.0, -300.0)
    readings = reader.read_boxes(film.display, [(x1 - 0.1 * x2, y1, x2, y2), outside])
    assert readings[1].side is None


@pytest.mark.slow
def test_a_training_goes_on_where_it_stopped(tmp_path: Path) -> None:
    crops = phantom_crops(6, 5)
    short = SideTrainSettings(phantoms=0, epochs=2, pictures_per_epoch=16, batch=8, precision="fp32")
    whole = train_side(crops, crops[:2], short, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train_side(crops, crops[:2], short, tmp_path / "parts", interrupt)
    parts = train_side(crops, crops[:2], short, tmp_path / "parts")
    pixels = [crop.pixels for crop in crops]
    assert whole.read(pixels) == parts.read(pixels)


def interrupt(row: dict[str, float]) -> None:
    if row["epoch"] == 2:
        raise KeyboardInterrupt


def phantom_crops(count: int, seed: int) -> list[SideCrop]:
    crops = []
    for index in range(count // 2):
        film = make_film(seed, index, PhantomSettings(long_side=(400, 400)))
        for side, box in film.boxes.items():
            x1, y1, x2, y2 = (round(edge) for edge in box)
            pixels = cv2.resize(film.display[y1:y2, x1:x2], (160, 160))
            crops.append(SideCrop(f"{1000001 + index}_{side}", side, pixels))
    return crops


def test_accuracy_counts_knees_decided_and_clusters_by_participant(reader: SideReader) -> None:
    crops = [SideCrop(f"{1000001 + index // 2}_{1 + index % 2}", 1 + index % 2, np.zeros((8, 8), np.uint8))
             for index in range(200)]  # fmt: skip
    readings = [reader.to_reading(0.999 if crop.side == 1 else 0.001) for crop in crops]
    perfect = measure_side(crops, readings)
    assert (perfect.knees, perfect.participants, perfect.unknown, perfect.wrong) == (200, 100, 0, 0)
    assert perfect.low == pytest.approx(0.98115, abs=1e-4)  # Wilson's interval of 200 of 200
    both = [reader.to_reading(0.001), reader.to_reading(0.999), *readings[2:]]
    apart = [reader.to_reading(0.001), *readings[1:3], reader.to_reading(0.999), *readings[4:]]
    assert measure_side(crops, both).accuracy == measure_side(crops, apart).accuracy == 0.99
    assert measure_side(crops, both).low < measure_side(crops, apart).low
    readings[0] = reader.to_reading(0.5)
    assert measure_side(crops, readings).unknown == 1


def test_no_participant_is_in_two_parts(tmp_path: Path) -> None:
    rows = ["ID,Img_path,split"]
    cv2.imwrite(str(tmp_path / "knee.png"), np.zeros((8, 8), np.uint8))
    for participant in range(1000001, 1000101):
        rows += [
            f"{participant}_{side},knee.png,{'val' if participant % 9 == 0 else 'train'}" for side in (1, 2)
        ]
    (tmp_path / "cohort.csv").write_text("\n".join(rows))
    parts = [read_side_crops(tmp_path / "cohort.csv", split) for split in ("train", "threshold", "val")]
    people = [{crop.participant for crop in part} for part in parts]
    assert sum(map(len, parts)) == 200
    assert all(len(part) == 2 * len(group) for part, group in zip(parts, people, strict=True))
    assert len(set.union(*people)) == sum(map(len, people)) == 100
    assert 2 <= len(people[1]) <= 20
    with pytest.raises(BadTable, match="no knee of split test"):
        read_side_crops(tmp_path / "cohort.csv", "test")
    (tmp_path / "cohort.csv").write_text("ID,Img_path,split\n1000001,knee.png,train\n")
    with pytest.raises(BadTable, match=r"row 2: ID is .* \(left\)"):
        read_side_crops(tmp_path / "cohort.csv", "train")


def test_a_file_that_holds_no_side_network_is_named(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="cannot be read"):
        SideReader.load(tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(SHIPPED_SIDE.read_bytes()[:5000])
    for other in (tmp_path / "bad.safetensors", SHIPPED_SIDE.with_name("knee.safetensors")):
        with pytest.raises(DetectorError, match="does not hold a side network"):
            SideReader.load(other)
