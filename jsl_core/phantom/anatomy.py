"""Invented participants: age, sex and other factors, and the anatomy of their knees.

A severity shared by a participant's two knees, and a part of each knee's own, decide the KL grade; the grade
decides narrowing, osteophytes, sclerosis, spines and alignment, each with a spread of its own. The ratio of
medial to lateral tibial bone density varies beside the grade; it is known to precede medial narrowing
(Lo et al., Osteoarthritis Cartilage 2006, 14:984).
"""

from dataclasses import dataclass, fields
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

__all__ = [
    "FIRST_PARTICIPANT",
    "KL_MIX",
    "Anatomy",
    "KneeAnatomy",
    "Purpose",
    "draw_anatomy",
    "make_generator",
]

Array = NDArray[np.float64]
Purpose = Literal["anatomy", "layout", "texture", "encoding", "outcome", "defect"]

FIRST_PARTICIPANT = 1_000_001  # the number of participant 0
KL_MIX = np.array([2286, 1046, 1516, 757, 173]) / 5778  # grades 0-4 of knee_kl224's training part
_RACES = np.array([0.02, 0.79, 0.175, 0.015])  # other, white, black, Asian: near the OAI's
# By KL grade 0-4, by eye: loss of joint space in the worse compartment and osteophyte (mm), sclerosis (0-1).
_LOSS = np.array([0.0, 0.2, 0.7, 2.1, 3.9])
_LOSS_SPREAD = np.array([0.25, 0.3, 0.45, 0.6, 0.3])
_OSTEOPHYTE = np.array([0.15, 1.0, 2.6, 4.0, 5.6])
_SCLEROSIS = np.array([0.05, 0.1, 0.22, 0.5, 0.8])


@dataclass(frozen=True)
class KneeAnatomy:
    """One knee as the film shows it, and its participant. Lengths in mm, angles in degrees; side 1 is right.

    Osteophytes are (femur medial, femur lateral, tibia medial, tibia lateral).
    """

    side: int
    kl: int
    mjsw_medial: float
    mjsw_lateral: float
    osteophytes: tuple[float, float, float, float]
    sclerosis_medial: float
    sclerosis_lateral: float
    density_ratio: float
    spines: float
    alignment: float
    plateau: float
    age: int
    sex: int
    race: int
    bmi: float
    injury: int


@dataclass(frozen=True)
class Anatomy:
    """Knees of n participants as arrays n×2 (right, left); osteophytes n×2×4; see `KneeAnatomy` for units."""

    kl: NDArray[np.int64]
    mjsw_medial: Array
    mjsw_lateral: Array
    osteophytes: Array
    sclerosis_medial: Array
    sclerosis_lateral: Array
    density_ratio: Array
    spines: Array
    alignment: Array
    plateau: Array
    age: NDArray[np.int64]
    sex: NDArray[np.int64]
    race: NDArray[np.int64]
    bmi: Array
    injury: NDArray[np.int64]

    def knee(self, participant: int, side: int) -> KneeAnatomy:
        """The knee of one side (1 right, 2 left) of participant 0…n - 1."""
        values = {f.name: getattr(self, f.name)[participant, side - 1].tolist() for f in fields(self)}
        return KneeAnatomy(side=side, **(values | {"osteophytes": tuple(values["osteophytes"])}))


def make_generator(seed: int, index: int, purpose: Purpose) -> np.random.Generator:
    """Make the random generator of one purpose of one participant, so that no draw changes another's."""
    return np.random.default_rng([seed, index, get_args(Purpose).index(purpose)])


def draw_anatomy(rng: np.random.Generator, n: int = 1) -> Anatomy:
    """Draw n participants with two knees each."""

    def spread(*shape: int) -> Array:
        return rng.standard_normal(shape or (n, 2))

    shared, own = spread(n, 1), spread()
    severity = np.sqrt(0.55) * shared + np.sqrt(0.45) * own
    kl = np.searchsorted(norm.ppf(np.cumsum(KL_MIX)[:-1]), severity)
    both = np.ones((n, 2), dtype=np.int64)

    sex = both * (1 + (rng.random((n, 1)) < 0.58))
    race = both * rng.choice(4, (n, 1), p=_RACES)
    age = both * np.clip(61 + 9 * (0.2 * shared + 0.98 * spread(n, 1)), 45, 79).round().astype(np.int64)
    bmi = both * np.clip(28.8 + 4.8 * (0.25 * shared + 0.97 * spread(n, 1)), 17, 48).round(1)
    injury = (rng.random((n, 2)) < 1 / (1 + np.exp(0.95 - 0.3 * own))).astype(np.int64)
    plateau = both * np.where(sex == 1, 81.0, 72.5) * np.exp(0.045 * spread(n, 1)) + 0.5 * spread()

    medial = rng.random((n, 2)) < 0.78  # whether the medial compartment is the worse one
    loss = np.maximum(_LOSS[kl] + _LOSS_SPREAD[kl] * spread(), -0.6)
    minor = np.clip(0.2 * loss, 0, 0.6)
    healthy_medial = np.where(sex == 1, 4.9, 4.3) + 0.45 * spread(n, 1) + 0.15 * spread()
    healthy_lateral = np.where(sex == 1, 6.0, 5.4) + 0.5 * spread(n, 1) + 0.2 * spread()
    bone_on_bone = rng.uniform(0.0, 0.95, (n, 2))

    def remaining(healthy: Array, worse: NDArray[np.bool_]) -> Array:
        width = np.maximum(healthy - np.where(worse, loss, minor), 0.9)
        return np.where(worse & (kl == 4), bone_on_bone, width)

    medial_loss = np.where(medial, loss, -loss)
    growth = rng.gamma(6.0, 1 / 6.0, (n, 2, 4)) * _OSTEOPHYTE[kl][..., None]
    growth[..., [0, 2]] *= np.where(medial, 1.15, 0.75)[..., None]
    growth[..., [1, 3]] *= np.where(medial, 0.75, 1.15)[..., None]

    def hardening(worse: NDArray[np.bool_]) -> Array:
        return np.clip(_SCLEROSIS[kl] * np.where(worse, 1.0, 0.25) + 0.07 * spread(), 0, 1)

    return Anatomy(
        kl=kl,
        mjsw_medial=remaining(healthy_medial, medial),
        mjsw_lateral=remaining(healthy_lateral, ~medial),
        osteophytes=np.minimum(growth, 11.0),
        sclerosis_medial=hardening(medial),
        sclerosis_lateral=hardening(~medial),
        density_ratio=np.clip(1.0 + 0.16 * (0.5 * spread(n, 1) + 0.866 * spread()), 0.55, 1.45),
        spines=np.clip(0.8 + 0.12 * kl + 0.2 * spread(), 0.4, 1.7),
        alignment=(-4.8 + 0.45 * medial_loss + 0.8 * spread(n, 1) + 1.6 * spread()).round(1),
        plateau=plateau,
        age=age,
        sex=sex,
        race=race,
        bmi=bmi,
        injury=injury,
    )
