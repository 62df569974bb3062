"""Saliency finds what a network uses, on the side it lies, and forgets it when the weights are random."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from jsl_core.errors import BadSettings
from jsl_core.evaluation.saliency import (
    JOINT_SPACE_AREA,
    METHODS,
    SaliencyMethod,
    compute_saliency_maps,
    joint_space_share,
    randomise_weights,
    rank_correlation,
)
from jsl_core.learning.model.bundle import ModelBundle
from jsl_core.learning.model.networks import KneeNetwork
from jsl_core.learning.model.spec import NetworkSpec

SIZE = 32
PATCH = np.s_[:, 12:20, 2:10]  # the medial side of a right knee as filmed


class PatchBackbone(nn.Module):
    """Sees nothing but the patch, in maps of half the resolution."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.pool(images)
        return maps[:, :, 6:10, 1:5].mean((2, 3)) ** 2


def bundle(*heads: str) -> ModelBundle:
    torch.manual_seed(0)
    network = KneeNetwork(NetworkSpec("jslnet", 1, SIZE, "none", heads))
    return ModelBundle(
        regime="jsl-image",
        network=network.eval(),
        factors=None,
        mirror_left=True,
        temperature={"kl": 1.0, "jsl": 1.0},
        prior_shift=0.0,
        thresholds={"jsl": 0.5},
        dataset="",
        parent="",
        settings={},
    )


def patch_bundle() -> ModelBundle:
    """Calls every knee progressing, by the brightness of the patch alone."""
    made = bundle("jsl")
    made.network.backbone = PatchBackbone()
    made.network.heads["jsl"] = nn.Linear(1, 1)
    nn.init.ones_(made.network.heads["jsl"].weight)
    nn.init.zeros_(made.network.heads["jsl"].bias)
    return made


def knees(side: int = 1, count: int = 3) -> tuple[np.ndarray, pd.DataFrame]:
    rng = np.random.default_rng(1)
    images = rng.integers(60, 200, (count, SIZE, SIZE), dtype=np.uint8)
    return images, pd.DataFrame({"side": [side] * count})


@pytest.mark.parametrize("method", [method for method in METHODS if method != "gradcam"])
def test_only_the_pixels_that_a_network_sees_are_salient(method: SaliencyMethod) -> None:
    maps = compute_saliency_maps(patch_bundle(), *knees(), method)
    assert maps.dtype == np.float32
    assert maps.min() >= 0
    assert maps[PATCH].sum() == pytest.approx(maps.sum(), rel=1e-5)
    assert maps.sum() > 0


def test_maps_of_left_knees_lie_over_the_knee_as_filmed() -> None:
    images, table = knees(side=2)
    maps = compute_saliency_maps(patch_bundle(), images, table, "gradient")
    assert maps[:, :, ::-1][PATCH].sum() == pytest.approx(maps.sum(), rel=1e-5)


def test_integrated_gradients_add_up_to_what_the_image_changed() -> None:
    # Completeness (Sundararajan 2017, proposition 1): from black to the image, the logit rises by mean².
    images, table = knees()
    maps = compute_saliency_maps(patch_bundle(), images, table, "integrated")
    rise = (images[PATCH].mean((1, 2)) / 255) ** 2
    np.testing.assert_allclose(maps.sum((1, 2)), rise, rtol=1e-3)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("heads", [("kl",), ("jsl",), ("kl", "jsl")])
def test_every_head_can_be_asked_by_every_method(method: SaliencyMethod, heads: tuple[str, ...]) -> None:
    images, table = knees()
    maps = compute_saliency_maps(bundle(*heads), images, table, method)
    assert maps.shape == images.shape
    assert np.isfinite(maps).all()
    np.testing.assert_array_equal(maps, compute_saliency_maps(bundle(*heads), images, table, method))


@pytest.mark.parametrize("method", METHODS)
def test_maps_change_when_the_weights_are_randomised(method: SaliencyMethod) -> None:
    images, table = knees()
    trained = compute_saliency_maps(patch_bundle(), images, table, method)
    random = compute_saliency_maps(randomise_weights(patch_bundle()), images, table, method)
    assert rank_correlation(trained, trained) == pytest.approx(1)
    assert abs(rank_correlation(trained, random)) < 0.3


def test_even_saliency_falls_into_the_joint_space_by_its_area() -> None:
    even = np.ones((2, 400, 400), np.float32)
    np.testing.assert_allclose(joint_space_share(even), JOINT_SPACE_AREA, atol=0.005)


def test_saliency_on_the_joint_line_is_inside_the_joint_space() -> None:
    line = np.zeros((1, 100, 100), np.float32)
    line[:, 54, 30:70] = 1
    assert joint_space_share(line) == pytest.approx(1)


def test_a_network_without_feature_maps_says_so() -> None:
    flat = patch_bundle()
    flat.network.backbone = nn.Sequential(nn.Flatten(), nn.LazyLinear(1))
    with pytest.raises(BadSettings, match="choose another saliency"):
        compute_saliency_maps(flat, *knees(), "gradcam")
