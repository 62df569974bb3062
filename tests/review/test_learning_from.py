"""What reviewers drew is what a detector learns from and what widths are measured by."""

import json
from pathlib import Path

import numpy as np
import pytest

from jsl_core.config import DetectorTrainSettings, PhantomSettings
from jsl_core.detection.training.corrected_films import read_corrected_films
from jsl_core.detection.training.sources import open_sources
from jsl_core.errors import BadScan, DetectorError
from jsl_core.imaging import FilmLook, SeenJoint, encode_png
from jsl_core.phantom import write_phantom
from jsl_core.review.acts import Act, Subject
from jsl_core.review.corrections import Corrections
from jsl_core.review.journal import Journal
from jsl_core.storage import Artifact, FolderStore
from jsl_core.storage.history import History, Step
from jsl_core.storage.results import write_result
from jsl_core.width.drawn import margins_as_drawn
from jsl_core.width.folder import MeasureJob, measure_folder
from jsl_core.width.frame import measure_widths
from jsl_core.width.margins import Margins
from jsl_core.width.reader import MarginReader
from jsl_core.width.shape import load_shape

PIXELS = "ab" * 32
RIGHT, LEFT = (60.0, 100.0, 160.0, 200.0), (330.0, 100.0, 430.0, 200.0)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """A store with one converted film of which a look found both joints."""
    store = FolderStore(tmp_path / "store")
    image = np.random.default_rng(0).integers(0, 255, (300, 500), np.uint8)
    joints = tuple(SeenJoint(x1=a, y1=b, x2=c, y2=d, score=0.9) for a, b, c, d in (RIGHT, LEFT))
    row = {
        "file": "a.dcm", "pixels": PIXELS, "flipped": False, "upside_down": False,
        "png": store.put(encode_png(image), "film.png").model_dump(),
        "look": FilmLook(joints=joints).model_dump(mode="json"),
    }  # fmt: skip
    table = Artifact.model_validate(store.put(_json([row]), "converted.json"))
    history, step = History(store), Step(stage="convert", digest="1" * 64, code={}, parameters={})
    history.begin("run", "run", "pipeline")
    history.record_step("run", step)
    write_result(store, step.key, {"result": table.model_dump()})
    return store


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def test_a_detector_learns_the_drawn_box_and_the_other_joints_as_it_was_found(store: FolderStore) -> None:
    with pytest.raises(DetectorError, match="no reviewer has moved a box"):
        read_corrected_films(store.url)
    subject = Subject(film="a.dcm", pixels=PIXELS[:16], side=1, knee="1_1", what="box")
    Journal(store).append(subject, "40 20 140 120", "Ann", upon="")
    (film,) = read_corrected_films(store.url)
    assert film.boxes.tolist() == [[40, 20, 140, 120], list(LEFT)]
    assert film.pixels.shape == (300, 500)
    sampler, validation = open_sources(DetectorTrainSettings(corrections=store.url, phantoms=0))
    assert sampler(np.random.default_rng(0)).boxes.tolist() == validation[0].boxes.tolist()


def test_boxes_drawn_on_a_film_that_is_another_by_now_teach_nothing(store: FolderStore) -> None:
    subject = Subject(film="a.dcm", pixels="0" * 16, side=1, knee="1_1", what="box")
    Journal(store).append(subject, "40 20 140 120", "Ann", upon="")
    with pytest.raises(DetectorError, match="no film with a moved box is left; run again"):
        read_corrected_films(store.url)


def test_margins_whose_medial_lies_at_the_lateral_side_are_a_reason_and_no_widths() -> None:
    class Blind(MarginReader):
        def read(self, joint: np.ndarray, side: int) -> Margins:
            raise BadScan("unclear_margins", "nothing found")

    reader, joint = Blind(load_shape(), None), np.zeros((100, 100), np.uint8)
    drawing = {
        part: {bone: [(first, y), (first + 30.0, y)] for bone, y in (("femoral", 45.0), ("tibial", 55.0))}
        for part, first in (("lateral", 10.0), ("medial", 60.0))  # as a right knee has them
    }
    assert measure_widths(margins_as_drawn(reader, joint, 1, drawing, (0, 0))).medial == pytest.approx(10)
    with pytest.raises(BadScan, match="medial and lateral margins on each other's side"):
        margins_as_drawn(reader, joint, 2, drawing, (0, 0))


@pytest.mark.slow
def test_a_joint_space_whose_margins_were_drawn_is_as_wide_as_it_was_drawn(tmp_path: Path) -> None:
    write_phantom(tmp_path / "ph", PhantomSettings(patients=1, seed=3, long_side=(900, 900)), jobs=1)
    films = tmp_path / "ph" / "scans"
    before = measure_folder(films, MeasureJob(tmp_path / "before"), jobs=1).set_index("side")
    (name,) = {str(file) for file in before["file"]}
    line = {"medial": (250.0, 330.0), "lateral": (120.0, 200.0)}  # x of a right knee's compartments
    margins = {
        part: {bone: [[x, y] for x in ends] for bone, y in (("femoral", 470.0), ("tibial", 480.0))}
        for part, ends in line.items()
    }
    subject = Subject(film=name, side=1, knee="1_1", what="margins")
    act = Act(subject=subject, value=_json(margins).decode(), who="Ann", when="")
    corrections = Corrections.of([act]).films
    job = MeasureJob(tmp_path / "after", corrections=corrections)
    after = measure_folder(films, job, jobs=1).set_index("side")
    assert after["mjsw_medial_px"][1] == pytest.approx(10, abs=0.01)
    assert after["mjsw_lateral_px"][1] == pytest.approx(10, abs=0.01)
    assert after["mjsw_medial_px"][2] == pytest.approx(before["mjsw_medial_px"][2], abs=1.5)
