"""Augmentation on the device, against what it should do to a single image."""

import numpy as np
import pytest
import torch
from PIL import Image

from jsl_core.learning.regimes.augment import Augmentation


def batch(count: int = 4) -> torch.Tensor:
    smooth = Image.fromarray(np.random.default_rng(0).integers(0, 255, (8, 8), np.uint8)).resize((48, 48))
    return torch.from_numpy(np.stack([np.asarray(smooth)] * count)).unsqueeze(1)


def apply(augmentation: Augmentation, images: torch.Tensor, left: bool, seed: int = 0) -> torch.Tensor:
    mirrored = torch.full((len(images),), left)
    return augmentation(images, mirrored, torch.Generator().manual_seed(seed))


def test_left_knees_become_right_knees() -> None:
    images = batch()
    torch.testing.assert_close(apply(Augmentation(), images, left=True), images.flip(-1) / 255)
    torch.testing.assert_close(apply(Augmentation(), images, left=False), images / 255)


@pytest.mark.parametrize("name", ["seed", "strong"])
def test_a_mirrored_left_knee_is_augmented_like_the_right_knee_it_becomes(name: str) -> None:
    augmentation = Augmentation.named(name)  # type: ignore[arg-type]
    right = apply(augmentation, batch(), left=False)
    left = apply(augmentation, batch().flip(-1), left=True)
    torch.testing.assert_close(left, right, atol=1e-5, rtol=0)


def test_rotation_agrees_with_pillow() -> None:
    images = batch(1)
    generator = torch.Generator().manual_seed(3)
    rotated = apply(Augmentation(rotation=20.0), images, left=False, seed=3)[0, 0].numpy()
    degrees = float(torch.rand((4, 1), generator=generator)[0, 0] * 2 - 1) * 20
    film = Image.fromarray(images[0, 0].numpy())
    expected = np.asarray(film.rotate(degrees, Image.Resampling.BILINEAR)) / 255
    assert np.abs(rotated - expected)[10:-10, 10:-10].max() < 0.01


def test_the_seed_s_rotation_takes_the_nearest_pixels_as_pillow_does() -> None:
    images = batch(1)
    generator = torch.Generator().manual_seed(3)
    rotated = apply(Augmentation.named("seed"), images, left=False, seed=3)[0, 0].numpy()
    degrees = float(torch.rand((4, 1), generator=generator)[0, 0] * 2 - 1) * 5
    expected = np.asarray(Image.fromarray(images[0, 0].numpy()).rotate(degrees)) / 255
    same = np.abs(rotated - expected)[4:-4, 4:-4] < 1e-6
    assert same.mean() > 0.99


def test_images_of_a_batch_change_independently_and_stay_in_range() -> None:
    images = apply(Augmentation.named("strong"), batch(), left=False)
    assert images.min() >= 0
    assert images.max() <= 1
    assert all((images[0] - other).abs().mean() > 0.01 for other in images[1:])


def test_the_generator_alone_decides_the_changes() -> None:
    strong = Augmentation.named("strong")
    torch.testing.assert_close(apply(strong, batch(), False, 5), apply(strong, batch(), False, 5))
    assert (apply(strong, batch(), False, 5) - apply(strong, batch(), False, 6)).abs().mean() > 0.01


def test_with_flip_half_of_the_images_are_mirrored() -> None:
    images = batch(64)
    augmented = apply(Augmentation(flip=True), images, left=False, seed=1)
    plain, mirrored = images / 255, images.flip(-1) / 255
    unflipped = [bool((one - other).abs().max() < 1e-4) for one, other in zip(augmented, plain, strict=True)]
    flipped = [bool((one - other).abs().max() < 1e-4) for one, other in zip(augmented, mirrored, strict=True)]
    assert [not same for same in unflipped] == flipped
    assert 16 < sum(flipped) < 48
