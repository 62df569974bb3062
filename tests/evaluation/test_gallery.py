"""The gallery shows the surest knees, right and wrong, each with its own image."""

import numpy as np
import pandas as pd
import pytest
import torch

from jsl_core.dataset import PackedDataset
from jsl_core.evaluation.report.gallery import (
    build_gallery,
    list_tested_knees,
    mean_joint_space_share,
    select_surest,
)
from jsl_core.evaluation.saliency import JOINT_SPACE_AREA
from jsl_core.learning.model.bundle import ModelBundle
from jsl_core.learning.model.networks import KneeNetwork
from jsl_core.learning.model.spec import NetworkSpec


def knees(risk: list[float], progressed: list[float]) -> pd.DataFrame:
    count = len(risk)
    return pd.DataFrame(
        {
            "ID": [f"{1000001 + i // 2}_{1 + i % 2}" for i in range(count)],
            "side": [1 + i % 2 for i in range(count)],
            "BL_KL_grade": 2.0,
            "JSL_Prog": progressed,
            "jsl_risk": risk,
        }
    )


def test_half_of_the_knees_shown_are_the_surest_wrongs() -> None:
    examples = select_surest(knees([0.9, 0.1, 0.95, 0.04, 0.55, 0.45], [1, 0, 0, 1, 1, 1]), 0.5, 4)
    assert examples["correct"].tolist() == [True, True, False, False]
    assert examples["ID"].tolist() == ["1000001_1", "1000001_2", "1000002_2", "1000002_1"]


def test_a_risk_is_as_sure_below_the_threshold_as_above_it_by_its_odds() -> None:
    # Odds are 1 : 3 at the threshold; 1 : 39 are 13 times lower, 3 : 1 only 9 times higher.
    examples = select_surest(knees([3 / 4, 1 / 40], [1, 0]), 1 / 4, 1)
    assert examples["answer"].tolist() == ["risk 0.03: stable"]


def test_a_model_without_mistakes_fills_the_gallery_with_rights() -> None:
    examples = select_surest(knees([0.9, 0.1, 0.8, 0.2], [1, 0, 1, 0]), 0.5, 4)
    assert len(examples) == 4
    assert examples["correct"].all()


def test_a_knee_without_a_label_is_neither_right_nor_wrong() -> None:
    assert len(select_surest(knees([0.9, 0.1], [np.nan, 0]), 0.5, 4)) == 1


def test_without_a_threshold_the_grade_is_shown() -> None:
    rows = knees([0.5], [1]).assign(**{f"kl_{grade}": [0.1, 0.1, 0.1, 0.6, 0.1][grade] for grade in range(5)})
    (example,) = select_surest(rows, None, 3).to_dict("records")
    assert (example["answer"], example["truth"], example["correct"]) == ("KL 3 (60%)", "KL 2", False)


@pytest.fixture
def packed() -> PackedDataset:
    images = np.random.default_rng(0).integers(0, 255, (8, 32, 32), dtype=np.uint8)
    return PackedDataset(images, knees([0.5] * 8, [0, 1] * 4), "")


@pytest.fixture
def bundle() -> ModelBundle:
    torch.manual_seed(0)
    network = KneeNetwork(NetworkSpec("jslnet", 1, 32, "none", ("jsl",))).eval()
    return ModelBundle(
        regime="jsl-image",
        network=network,
        factors=None,
        mirror_left=True,
        temperature={"jsl": 1.0},
        prior_shift=0.0,
        thresholds={"jsl": 0.5},
        dataset="",
        parent="",
        settings={},
    )


def test_every_knee_shown_has_its_own_image(packed: PackedDataset, bundle: ModelBundle) -> None:
    predictions = knees(np.linspace(0.1, 0.9, 8).tolist(), [0, 1] * 4)
    examples = build_gallery("jsl-image", bundle, packed, predictions, "gradcam", 6)
    assert len(examples) == 6
    for example in examples:
        row = packed.table["ID"].tolist().index(example.ID)
        np.testing.assert_array_equal(example.image, packed.images[row])
        assert example.saliency.shape == example.image.shape


def test_an_untrained_network_looks_at_the_joint_space_by_chance(
    packed: PackedDataset, bundle: ModelBundle
) -> None:
    share = mean_joint_space_share(bundle, packed, packed.table, "gradient")
    assert share == pytest.approx(JOINT_SPACE_AREA, abs=0.04)


def test_every_tested_knee_is_listed_once_with_its_own_image_those_without_a_label_last(
    packed: PackedDataset, bundle: ModelBundle
) -> None:
    rows = knees([0.9, 0.1, 0.8, 0.2, 0.6, 0.3, 0.5, 0.4], [1, np.nan, 0, 0, 1, np.nan, 0, 1])
    listed = list_tested_knees(bundle, packed, rows)
    assert sorted(knee.ID for knee in listed) == sorted(rows["ID"])
    states = [knee.correct for knee in listed]
    assert states == sorted(states, key=[True, False, None].index)
    assert states.count(None) == 2
    places = {name: place for place, name in enumerate(packed.table["ID"])}
    assert all(np.array_equal(knee.image, packed.images[places[knee.ID]]) for knee in listed)
