"""A model as ONNX says what the bundle says, to an interpreter that others wrote."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jsl_core.learning.model.bundle import ModelBundle
from jsl_core.learning.model.networks import KneeNetwork
from jsl_core.learning.model.onnx import save_model_onnx
from jsl_core.learning.model.spec import NetworkSpec

reference = pytest.importorskip("onnx.reference", reason="the optional package onnx writes ONNX files")


@pytest.mark.parametrize("kl_head", ["linear", "coral"])
def test_onnx_s_own_interpreter_gives_the_same_probabilities(tmp_path: Path, kl_head: str) -> None:
    spec = NetworkSpec(
        backbone="resnet18", channels=1, size=64, normalise="imagenet", heads=("kl", "jsl"), kl_head=kl_head
    )  # type: ignore[arg-type]
    bundle = ModelBundle(
        regime="multitask", network=KneeNetwork(spec).eval(), factors=None, mirror_left=False,
        temperature={"kl": 1.7, "jsl": 0.6}, prior_shift=-0.4,
        thresholds={}, dataset="", parent="", settings={},
    )  # fmt: skip
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 64), np.uint8)
    for flip in (False, True):
        chosen = replace(bundle, flip=flip)
        save_model_onnx(chosen, tmp_path / "model.onnx")
        network = reference.ReferenceEvaluator(str(tmp_path / "model.onnx"))
        grey = (images / np.float32(255))[:, None].astype(np.float32)
        kl, jsl = network.run(["kl", "jsl"], {"images": grey})
        expected = chosen.predict(images, pd.DataFrame({"side": [1, 2, 1]})).to_numpy()
        np.testing.assert_allclose(np.hstack([kl, jsl]), expected, atol=1e-4)
