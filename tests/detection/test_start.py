"""What the commands of one film load, and that they find without PyTorch what its modules find."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from jsl_core.config import CropSettings, PhantomSettings
from jsl_core.detection import JointDetector, engines
from jsl_core.detection.detector import Detector, load_chosen_model
from jsl_core.detection.engines import may_have_gpu
from jsl_core.detection.model import read_safetensors
from jsl_core.detection.network import Network
from jsl_core.detection.pose import SHIPPED_POSE, PoseReader, cut_patch, pose_layout
from jsl_core.detection.side import SHIPPED_SIDE, SideReader, fit_picture, load_side
from jsl_core.detection.tensors import set_weights
from jsl_core.detection.torch_engine import make_torch_engine
from jsl_core.detection.training.networks import PoseNetwork, SideNetwork
from jsl_core.phantom.anatomy import make_generator
from jsl_core.phantom.dicom import encode_film
from jsl_core.phantom.encoding import draw_encoding, stored_values
from jsl_core.phantom.film import PhantomFilm, make_film

SLOW_TO_LOAD = {
    "torch",
    "torchvision",
    "timm",
    "scipy",
    "sklearn",
    "matplotlib",
    "pandas",
    "pyarrow",
    "prefect",
}

# Run in a process of its own: the words of a command, and then what it has loaded.
PROGRAM = """
import sys
from flows.cli.main import main
try:
    main()
except SystemExit as end:
    assert end.code == 0, end.code
print("LOADED", *{name.partition(".")[0] for name in sys.modules})
"""


@pytest.fixture(scope="module")
def film() -> PhantomFilm:
    return make_film(900004, 0, PhantomSettings(long_side=(600, 600)))


def loaded_by(words: list[str], film: PhantomFilm, folder: Path) -> set[str]:
    """The packages that a command has loaded when it is done; `FILMS` stands for a folder of one film."""
    encoding = draw_encoding(make_generator(0, 0, "encoding"))
    (folder / "films").mkdir()
    (folder / "films" / "film.dcm").write_bytes(
        encode_film(stored_values(film, encoding), "1000001", film.spacing_mm, encoding)
    )
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *(word.replace("FILMS", str(folder / "films")) for word in words)],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.rpartition("LOADED")[2].split())
    assert "cyclopts" in loaded
    return loaded


@pytest.mark.parametrize(
    "words", ["--version", "convert FILMS out", "split FILMS out", "crop FILMS out --full-film --jobs 1"]
)
def test_a_film_waits_for_no_library_that_it_does_not_need(
    words: str, film: PhantomFilm, tmp_path: Path
) -> None:
    assert not loaded_by(words.split(), film, tmp_path) & SLOW_TO_LOAD


@pytest.mark.parametrize("overlay", ["", "--overlay"])
def test_a_film_is_graded_without_the_libraries_that_train(
    overlay: str, film: PhantomFilm, tmp_path: Path
) -> None:
    loaded = loaded_by(f"score FILMS {overlay} --jobs 1".split(), film, tmp_path)
    assert not loaded & (SLOW_TO_LOAD - {"pandas", "pyarrow"})


@pytest.mark.parametrize(
    ("nodes", "visible", "expected"),
    [
        (("nvidiactl",), None, True),
        (("nvidiactl",), "0", True),
        (("nvidiactl",), "", False),
        (("nvidiactl",), "-1", False),
        ((), None, False),
    ],
)
def test_pytorch_is_asked_for_a_gpu_only_where_a_driver_shows_one(
    nodes: tuple[str, ...],
    visible: str | None,
    expected: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for node in nodes:
        (tmp_path / node).touch()
    monkeypatch.setattr(engines, "_GPU_NODES", (str(tmp_path / "nvidiactl"), str(tmp_path / "dxg")))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert may_have_gpu() == expected


def test_joints_are_those_that_pytorch_finds(film: PhantomFilm) -> None:
    ours = JointDetector.load(CropSettings(), "cpu").detector
    network = Network.of(load_chosen_model(CropSettings()))
    theirs = Detector(network.layout, make_torch_engine(network), ours.resize, trim=ours.trim)
    (boxes, scores), (expected_boxes, expected_scores) = (
        detector.boxes([film.display], 0.25)[0] for detector in (ours, theirs)
    )
    assert len(boxes) == 2
    np.testing.assert_allclose(boxes, expected_boxes, atol=0.01)
    np.testing.assert_allclose(scores, expected_scores, atol=1e-5)


def test_sides_and_poses_are_those_that_pytorch_reads(film: PhantomFilm) -> None:
    boxes = list(film.boxes.values())
    side, (weights, scale) = SideNetwork().eval(), load_side(SHIPPED_SIDE)
    set_weights(side, weights)
    pose = PoseNetwork().eval()
    set_weights(pose, read_safetensors(pose_layout(), SHIPPED_POSE, "no pose network")[0])
    crops = [film.display[int(y1) : int(y2), int(x1) : int(x2)] for x1, y1, x2, y2 in boxes]
    pictures = np.stack([fit_picture(crop) for crop in crops])
    patches = np.stack([cut_patch(film.display, box) for box in boxes])
    with torch.inference_mode():
        right = (side(torch.from_numpy(pictures)[:, None]) / scale.temperature).sigmoid().tolist()
        bright, upright = (part.tolist() for part in pose(torch.from_numpy(patches)[:, None]))
    assert [reading.right for reading in SideReader.load().read(crops)] == pytest.approx(right, abs=1e-5)
    readings = PoseReader.load().read(film.display, boxes)
    assert [reading.bright for reading in readings] == pytest.approx(bright, abs=1e-3)
    assert [reading.upright for reading in readings] == pytest.approx(upright, abs=1e-3)
