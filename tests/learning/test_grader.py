"""The grader that ships: it grades without PyTorch, knows what is strange to it, and is judged on loading."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from jsl_core.errors import BundleError
from jsl_core.learning.model.bundle import ModelBundle
from jsl_core.learning.model.ensemble import Ensemble
from jsl_core.learning.model.grader import Grader
from jsl_core.learning.model.grader_record import NETWORK, RECORD, SHIPPED_GRADER, USUAL
from jsl_core.learning.model.networks import KneeNetwork
from jsl_core.learning.model.spec import NetworkSpec
from jsl_core.storage.proof import with_proof

GRADES = [f"kl_{grade}" for grade in range(5)]


@pytest.fixture(scope="module")
def shipped() -> Grader:
    return Grader.load()


def draw_joint(seed: int = 0, size: int = 224) -> np.ndarray:
    """A bright femur and tibia with a dark space between them, wider on the one side."""
    rows, columns = np.mgrid[0:size, 0:size] / size
    space = np.abs(rows - 0.52 - 0.02 * np.cos(6 * columns)) < 0.02 + 0.02 * columns
    picture = np.where(space, 60.0, 170 - 60 * np.abs(columns - 0.5))
    return (picture + np.random.default_rng(seed).normal(0, 6, picture.shape)).clip(0, 255).astype(np.uint8)


def test_grades_add_up_to_one_and_a_left_knee_is_the_mirror_image_of_a_right_one(shipped: Grader) -> None:
    joint = draw_joint()
    images = np.stack([joint, joint[:, ::-1]])
    scores = shipped.predict(images, pd.DataFrame({"side": [1, 2]}))
    np.testing.assert_allclose(scores[GRADES].sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(scores.iloc[0], scores.iloc[1], atol=1e-4)


def test_what_is_no_knee_is_strange(shipped: Grader) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (224, 224), np.uint8)
    stripes = np.tile(np.repeat(np.array([0, 255], np.uint8), 8), (224, 14))
    empty = np.full((224, 224), 90, np.uint8)
    images = np.stack([noise, stripes, empty, draw_joint(), np.rot90(draw_joint())])
    assert (shipped.predict(images, pd.DataFrame({"side": [1] * 5}))["strange"] > 1).all()


def test_attention_lies_where_the_network_looks_and_follows_the_side(shipped: Grader) -> None:
    joint = draw_joint()
    images = np.stack([joint, joint[:, ::-1]])
    right, left = shipped.attention(images, pd.DataFrame({"side": [1, 2]}))
    top, bottom = (round(share * 224) for share in shipped.record.band)
    assert right[:top].max() == right[bottom:].max() == 0
    assert right.max() > 0
    np.testing.assert_allclose(left, right[:, ::-1], atol=1e-3)


def test_no_model_named_is_the_shipped_grader_and_needs_no_pytorch() -> None:
    script = (
        "import sys; from jsl_core.learning.model.ensemble import Ensemble; one = Ensemble.load([]);"
        "print(one.members[0].name, one.crop_field, sorted({'torch', 'timm'} & sys.modules.keys()))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split(maxsplit=2) == ["shipped", "0.86", "[]\n"]


def test_a_grader_and_a_bundle_of_wider_crops_are_not_averaged(tmp_path: Path) -> None:
    spec = NetworkSpec("jslnet", 1, 64, "image", ("kl",))
    bundle = ModelBundle(
        "kl", KneeNetwork(spec).eval(), None, True, {"kl": 1.0}, 0.0, {}, dataset="", parent="", settings={}
    )
    bundle.save(tmp_path / "kl")
    with pytest.raises(BundleError, match="tighter crops"):
        Ensemble.load([SHIPPED_GRADER, tmp_path / "kl"])


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED_GRADER, tmp_path / "grader"))


@pytest.mark.parametrize("name", [NETWORK, USUAL, RECORD])
def test_one_changed_byte_is_noticed(copy: Path, name: str) -> None:
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(BundleError, match=name.replace(".", r"\.")):
        Grader.load(copy)


@pytest.mark.parametrize("name", [NETWORK, USUAL, RECORD])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(BundleError, match=name.replace(".", r"\.")):
        Grader.load(copy)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", 0.0),
        ("strange_from", float("1e400")),
        ("format", 99),
        ("band", [0.2]),
        ("probe", [[0.0] * 5] * 2),
    ],
)
def test_a_record_with_a_senseless_field_is_refused(copy: Path, field: str, value: object) -> None:
    record = json.loads((copy / RECORD).read_text())
    (copy / RECORD).write_text(json.dumps(with_proof(record | {field: value, "proof": None})))
    with pytest.raises(BundleError):
        Grader.load(copy)


@pytest.fixture(scope="module")
def bundle() -> ModelBundle:
    pytest.importorskip("timm", reason="the optional package timm builds the backbone")
    pytest.importorskip("onnx", reason="the optional package onnx writes ONNX files")
    torch.manual_seed(0)
    spec = NetworkSpec("timm/tf_efficientnet_lite0", 1, 64, "image", ("kl",), band=(0.25, 0.875))
    network = KneeNetwork(spec)
    for module in network.modules():  # as a trained network's: every tensor matters
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return ModelBundle(
        "kl",
        network.eval(),
        None,
        True,
        {"kl": 1.3},
        0.0,
        {},
        dataset="",
        parent="",
        settings={},
        flip=True,
    )


@pytest.fixture(scope="module")
def grader(bundle: ModelBundle, tmp_path_factory: pytest.TempPathFactory) -> Grader:
    from jsl_core.learning.model.grader_export import export_grader

    images = np.random.default_rng(0).integers(0, 256, (24, 64, 64), np.uint8)
    folder = tmp_path_factory.mktemp("made") / "grader"
    return export_grader(bundle, folder, images[:16], images[16:], crop_field=0.86, made={"from": "noise"})


def test_its_probabilities_are_the_bundle_s(bundle: ModelBundle, grader: Grader) -> None:
    images = np.random.default_rng(1).integers(0, 256, (5, 64, 64), np.uint8)
    table = pd.DataFrame({"side": [1, 2, 2, 1, 1]})
    ours = grader.predict(images, table)[GRADES]
    np.testing.assert_allclose(ours, bundle.predict(images, table)[GRADES], atol=0.005)


def test_what_was_held_back_is_usual(bundle: ModelBundle, tmp_path: Path) -> None:
    from jsl_core.learning.model.grader_export import export_grader

    joints = np.stack([draw_joint(seed, 64) for seed in range(60)])
    grader = export_grader(bundle, tmp_path, joints[:40], joints[40:], crop_field=0.86, made={})
    strange = grader.predict(joints[40:], pd.DataFrame({"side": [1] * 20}))["strange"]
    assert strange.max() < 1.1
    assert (grader.predict(255 - joints[40:], pd.DataFrame({"side": [1] * 20}))["strange"] > 1).all()


def test_a_training_starts_from_its_weights(bundle: ModelBundle, grader: Grader, tmp_path: Path) -> None:
    from jsl_core.learning.model.backbones import build_backbone
    from jsl_core.learning.model.grader_export import export_grader

    images = np.random.default_rng(2).integers(0, 256, (4, 64, 64), np.uint8)
    export_grader(bundle, tmp_path, images, images, crop_field=0.86, made={})
    backbone = build_backbone("timm/tf_efficientnet_lite0", 1, 64, str(tmp_path))
    for name, tensor in bundle.network.backbone.state_dict().items():
        assert torch.allclose(backbone.state_dict()[name].float(), tensor.float(), atol=1e-2), name


def test_another_model_is_no_grader(bundle: ModelBundle, tmp_path: Path) -> None:
    from jsl_core.learning.model.grader_export import export_grader

    network = KneeNetwork(NetworkSpec("jslnet", 1, 64, "image", ("kl",)))
    images = np.zeros((2, 64, 64), np.uint8)
    with pytest.raises(BundleError, match="preset kl"):
        export_grader(replace(bundle, network=network), tmp_path, images, images, crop_field=1.0, made={})
