"""Augmentation of whole batches on the device: one affine step, one photometric step."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch.nn import functional

from jsl_core.learning.model.tensors import to_float

__all__ = ["Augmentation"]


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random changes, each drawn evenly from ± the range, per image.

    Attributes:
        rotation: Degrees.
        shift: Share of the side.
        scale: Natural logarithm of the factor.
        gamma: Natural logarithm of the exponent.
        contrast: Natural logarithm of the factor.
        brightness: Grey values of 0…1.
        blur: Share of the way to a mean over 3×3 pixels; half as much of sharpening.
        noise: Standard deviation in grey values of 0…1.
        cutout: Longest side of a rectangle that is made grey, as a share of the side.
        flip: Whether every second image is mirrored: a left knee unmirrored, a right one mirrored.
        nearest: Whether pixels are taken from the nearest place, as torchvision's rotation does by default,
            instead of between four.
    """

    rotation: float = 0.0
    shift: float = 0.0
    scale: float = 0.0
    gamma: float = 0.0
    contrast: float = 0.0
    brightness: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    cutout: float = 0.0
    flip: bool = False
    nearest: bool = False

    @classmethod
    def named(cls, name: Literal["none", "seed", "strong", "wide"]) -> "Augmentation":
        """The ranges that the setting `augment` names."""
        if name == "none":
            return cls()
        if name == "seed":
            return cls(rotation=5.0, nearest=True)
        if name == "wide":
            return cls(18.0, 0.12, 0.18, 0.45, 0.375, 0.15, blur=1.0, noise=0.03, flip=True)
        return cls(12.0, 0.08, 0.1, 0.3, 0.25, 0.1, blur=1.0, noise=0.03, cutout=0.25)

    def __call__(
        self, images: torch.Tensor, mirrored: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        """Augment a batch.

        Args:
            images: Uint8 B×1×S×S, on the generator's device.
            mirrored: Which of them are mirrored first, bool B.
            generator: Draws the changes.

        Returns:
            Float B×1×S×S in 0…1.
        """
        if self == Augmentation():
            return to_float(images, mirrored)
        if self.flip:
            chance = torch.rand(len(images), generator=generator, device=images.device)
            mirrored = mirrored ^ (chance < 0.5)
        pixels = self._affine(images.float() / 255, mirrored, generator)
        return self._photometric(pixels, generator)

    def _affine(
        self, pixels: torch.Tensor, mirrored: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        angle, across, down, zoom = _even(4, pixels, generator)
        angle = angle * math.radians(self.rotation)
        zoom = torch.exp(zoom * self.scale)
        across, down = across * 2 * self.shift, down * 2 * self.shift  # the grid runs over -1…1
        cosine, sine = torch.cos(angle) * zoom, torch.sin(angle) * zoom
        sign = torch.where(mirrored, -1.0, 1.0)
        rows = [sign * cosine, -sign * sine, sign * across, sine, cosine, down]
        theta = torch.stack(rows, dim=1).view(-1, 2, 3)
        grid = functional.affine_grid(theta, list(pixels.shape), align_corners=False)
        mode = "nearest" if self.nearest else "bilinear"
        return functional.grid_sample(pixels, grid, mode, padding_mode="zeros", align_corners=False)

    def _photometric(self, pixels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        gamma, contrast, brightness, blur, noise = (
            draw[:, None, None, None] for draw in _even(5, pixels, generator)
        )
        if self.gamma:
            pixels = pixels.clamp(1e-4, 1).pow(torch.exp(gamma * self.gamma))
        if self.contrast or self.brightness:
            mean = pixels.mean((1, 2, 3), keepdim=True)
            pixels = (pixels - mean) * torch.exp(contrast * self.contrast) + mean
            pixels = pixels + brightness * self.brightness
        if self.blur:  # negative draws sharpen, half as much
            smooth = functional.avg_pool2d(pixels, 3, stride=1, padding=1, count_include_pad=False)
            pixels = pixels + (smooth - pixels) * torch.where(blur > 0, blur, blur / 2) * self.blur
        if self.noise:
            grain = torch.randn(pixels.shape, generator=generator, device=pixels.device)
            pixels = pixels + grain * noise.abs() * self.noise
        if self.cutout:
            pixels = self._cut(pixels, generator)
        return pixels.clamp(0, 1)

    def _cut(self, pixels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """One grey rectangle an image, with sides of up to `cutout` of the image's."""
        x, y, width, height = (draw[:, None] for draw in _even(4, pixels, generator))
        axis = torch.linspace(-1, 1, pixels.shape[-1], device=pixels.device)[None]
        inside_x = (axis - x).abs() < width.abs() * self.cutout
        inside_y = (axis - y).abs() < height.abs() * self.cutout
        inside = (inside_y[:, :, None] & inside_x[:, None, :])[:, None]
        return torch.where(inside, pixels.mean((1, 2, 3), keepdim=True), pixels)


def _even(count: int, pixels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """`count`×B draws from -1…1."""
    return torch.rand((count, len(pixels)), generator=generator, device=pixels.device) * 2 - 1
